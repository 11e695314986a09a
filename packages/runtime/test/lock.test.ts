// The data directory's lock, held by real processes: one of many starters wins, and a death of any kind frees it.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { nodeDisk } from "@varve/runtime/node";
import { afterEach, beforeEach, expect, test } from "vitest";

let root: string;
const children: ChildProcessWithoutNullStreams[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "varve-lock-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  rmSync(root, { recursive: true });
});

/** A process that tries for the lock at `atMs`, says what came of it, and then stays until it is killed. */
function starter(atMs: number): { readonly child: ChildProcessWithoutNullStreams; readonly says: Promise<string> } {
  const program = `
    import { nodeDisk } from "@varve/runtime/node";
    while (Date.now() < ${atMs});
    nodeDisk(process.argv[1]).lock().then(() => console.log("locked"), (error) => console.log(error.kind + ": " + error.message));
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, root], { cwd: import.meta.dirname });
  children.push(child);
  return { child, says: once(child.stdout, "data").then(([data]) => String(data).trim()) };
}

test("of eight processes that start at the same moment, exactly one gets it", async () => {
  for (let round = 0; round < 3; round++) {
    const starters = Array.from({ length: 8 }, () => starter(Date.now() + 1_500));
    const answers = await Promise.all(starters.map(({ says }) => says));
    expect(answers.filter((answer) => answer === "locked")).toHaveLength(1);
    expect(answers.filter((answer) => answer.startsWith("locked: "))).toHaveLength(7);
    for (const { child } of starters) child.kill("SIGKILL");
    await Promise.all(starters.map(({ child }) => once(child, "exit")));
  }
});

test("a killed process has freed it by the time that it is gone", async () => {
  for (let round = 0; round < 5; round++) {
    const { child, says } = starter(0);
    expect(await says).toBe("locked");
    await expect(nodeDisk(root).lock()).rejects.toMatchObject({ name: "DiskError", kind: "locked" });
    child.kill("SIGKILL");
    await once(child, "exit");
    const lock = await nodeDisk(root).lock();
    await lock.release();
  }
});

test("the loser is told which process holds it", async () => {
  const { child, says } = starter(0);
  expect(await says).toBe("locked");
  await expect(nodeDisk(root).lock()).rejects.toThrow(`the data directory ${root} is in use by process ${child.pid}`);
});

test("the process that holds it cannot take it a second time, until it has released it", async () => {
  const first = await nodeDisk(root).lock();
  await expect(nodeDisk(root).lock()).rejects.toMatchObject({ kind: "locked" });
  await first.release();
  await first.release();
  await (await nodeDisk(root).lock()).release();
});

test("it is kept by a process that has dropped all references to it", async () => {
  await nodeDisk(root).lock();
  const fillers: unknown[] = [];
  for (let round = 0; round < 20; round++) {
    fillers.splice(0, fillers.length, ...Array.from({ length: 10_000 }, () => new Uint8Array(1_000)));
    await delay(1);
  }
  const { says } = starter(0);
  expect(await says).toMatch(/^locked: .*in use by process/);
});

test("its file is not listed and cannot be opened", async () => {
  const disk = nodeDisk(root);
  const lock = await disk.lock();
  expect(await disk.list("")).toEqual([]);
  await expect(disk.open(".lock", "read")).rejects.toMatchObject({ name: "InvariantError" });
  await lock.release();
});
