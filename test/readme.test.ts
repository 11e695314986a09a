// The README's example is what it says: it compiles against the SDK and runs against a broker.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startServer } from "./cli/server-process.ts";

const root = join(import.meta.dirname, "..");
// Below test/, so that the packages are found as a user of the workspace finds them.
const folder = join(import.meta.dirname, ".cache", "readme");
const file = join(folder, "example.ts");
const address = "127.0.0.1:7070";

function example(): string {
  const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)];
  expect(blocks).toHaveLength(1);
  return blocks[0]![1]!;
}

let server: ServerProcess;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  server = await startServer();
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("the example compiles", () => {
  writeFileSync(file, example());
  const settings = { extends: "../../tsconfig.json", include: [".", "../../../packages/model/src/ambient.d.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
  const run = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], { encoding: "utf8" });
  expect(run.stdout + run.stderr).toBe("");
  expect(run.status).toBe(0);
});

test("the example stores a record and reads it back", async () => {
  expect(example()).toContain(address);
  writeFileSync(file, example().replace(address, server.address));
  const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "pipe"] });
  const written: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => written.push(piece));
  child.stderr.on("data", (piece: Buffer) => written.push(piece));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(Buffer.concat(written).toString()).toMatch(/^on disk: partition [0-2], offset 0\nc42 9\n$/);
  expect(code).toBe(0);
});
