// When a server says that it is ready, check by check.

import { expect, test } from "vitest";
import { loopDelayMsMax, readinessChecks } from "../src/readiness.ts";

const idle = { isServing: true, logs: { writeRefusal: undefined, logs: () => [] } };

function problems(parts: Partial<Parameters<typeof readinessChecks>[0]>): readonly string[] {
  const checks = readinessChecks({ ...idle, loopDelayMs: undefined, ...parts });
  return checks.filter(({ problem }) => problem !== undefined).map(({ name, problem }) => `${name}: ${problem}`);
}

test("an event loop that is held up for a second is ready, for longer it is not", () => {
  expect(problems({ loopDelayMs: loopDelayMsMax })).toEqual([]);
  expect(problems({ loopDelayMs: loopDelayMsMax + 1 })).toEqual(["event loop: held up for 1001 ms"]);
});

test("a server that takes no requests, or refuses writes, says so", () => {
  const writeRefusal = { code: "KAFKA_STORAGE_ERROR", message: "3 MiB are free" } as const;
  expect(problems({ isServing: false })).toEqual(["listener: no requests are taken"]);
  expect(problems({ logs: { ...idle.logs, writeRefusal } })).toEqual(["disk space: 3 MiB are free"]);
});
