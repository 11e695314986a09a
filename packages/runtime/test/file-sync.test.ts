// Shows that the syncs of one file on Node never hide a failure from each other.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { nodeDisk } from "../src/node/disk.ts";

type Done = (error: NodeJS.ErrnoException | null) => void;

/** The calls of `fdatasync` that have not returned, oldest first. */
const running = vi.hoisted((): Done[] => []);

vi.mock("node:fs", async (load) => ({
  ...(await load<typeof import("node:fs")>()),
  fdatasync: (_descriptor: number, done: Done) => running.push(done),
}));

const folder = mkdtempSync(join(tmpdir(), "varve-sync-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const inputOutput = Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO", syscall: "fdatasync" });

test("a sync that is asked for while another runs begins when that has ended, one for all who asked; a failure is everybody's from then on", async () => {
  const file = await nodeDisk(folder).open("a", "create");
  const outcomes: string[] = [];
  const sync = (name: string) =>
    file.sync().then(
      () => outcomes.push(`${name} synced`),
      (error: Error) => outcomes.push(`${name}: ${error.message}`),
    );
  void sync("first");
  await turn();
  void sync("second");
  void sync("third");
  await turn();
  expect(running).toHaveLength(1);
  running.shift()!(null);
  await turn();
  expect(outcomes).toEqual(["first synced"]);
  expect(running).toHaveLength(1);
  void sync("fourth");
  await turn();
  expect(running).toHaveLength(1);
  running.shift()!(inputOutput);
  await turn();
  expect(running).toHaveLength(0);
  await sync("fifth");
  expect(outcomes.map((outcome) => outcome.replace(/:.*/, " failed"))).toEqual([
    "first synced",
    "second failed",
    "third failed",
    "fourth failed",
    "fifth failed",
  ]);
  await file.close();
});
