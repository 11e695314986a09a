// A broker that is killed (-9) twenty times with requests in flight has everything that it acknowledged, once.
// `node test/system/kill-cycles.ts --cycles 200` is the long run.

import { expect, test } from "vitest";
import { inFlightMin, killCycles, summary } from "./kill-cycles.ts";

const cycles = 20;

test("nothing acknowledged is lost or doubled over twenty kills with at least 32 requests in flight", { timeout: 600_000 }, async () => {
  const report = await killCycles(cycles, Math.random, () => {});
  console.log(summary(report));
  expect(report).toMatchObject({ cycles, lost: 0, duplicated: 0 });
  expect(report.unanswered).toBeGreaterThanOrEqual(cycles * inFlightMin);
  expect(report.acked).toBeGreaterThan(report.unanswered);
});
