// Shows that only the rooms named for it touch Node, clocks, chance, the process and the console.

import { expect, test } from "vitest";
import { portsOnly } from "./outside-world.ts";
import { planted, repository } from "./tree.ts";

const inRoom = (path: string, code: string) => portsOnly(planted({ [path]: code }));
const inLog = (code: string) => inRoom("packages/log/src/a.ts", code);

test("the repository touches the outside world only where it may", () => {
  expect(portsOnly(repository())).toEqual([]);
});

test("a clock in a pure room is answered with the port to take", () => {
  expect(inLog("\nconst now = Date.now();")).toEqual([
    "packages/log/src/a.ts:2: Date is the outside world: take a Clock (runtime/src/clock.ts)",
  ]);
});

test.each([
  'import { readFileSync } from "node:fs";',
  'const fs = await import("node:fs");',
  "new Date();",
  "Math.random();",
  "setTimeout(() => {}, 1);",
  "setImmediate(step);",
  "AbortSignal.timeout(1000);",
  "queueMicrotask(step);",
  "performance.now();",
  "process.env.HOME;",
  "crypto.randomUUID();",
  "globalThis.setTimeout(step, 1);",
  "Buffer.from([]);",
  'console.log("");',
  "names.sort((a, b) => a.localeCompare(b));",
  "`text ${Date.now()} text`;",
])("a pure room may not say: %s", (code) => {
  expect(inLog(code)).toHaveLength(1);
});

test.each([
  "// Date, Math.random, setTimeout(…)",
  'throw new Error("process.exit, Date.now()");',
  "clock.setTimeout(1);",
  "interface Batch { process: () => void; performance?: number }",
  "for (const batch of batches) process(batch);",
  "Math.max(1, 2);",
])("a pure room may say: %s", (code) => {
  expect(inLog(code)).toEqual([]);
});

test("the rooms that are the shell may, and so may tests", () => {
  const code = 'import { open } from "node:fs"; setTimeout(open, Date.now());';
  for (const path of [
    "runtime/src/node/disk.ts",
    "transport-grpc/src/grpc-js/server.ts",
    "server/src/main.ts",
    "cli/src/main.ts",
    "log/test/a.test.ts",
  ]) {
    expect(inRoom(`packages/${path}`, code)).toEqual([]);
  }
  for (const path of [
    "runtime/src/clock.ts",
    "transport-grpc/src/listener.ts",
    "proto/src/index.ts",
    "client/src/connect.ts",
    "sim/src/world.ts",
  ]) {
    expect(inRoom(`packages/${path}`, code)).toHaveLength(3);
  }
});
