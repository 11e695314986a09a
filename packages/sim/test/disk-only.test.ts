// Shows the harness that the log is tested with: deaths at numbered effects, what survives them, and that a seed repeats itself.

import type { Disk } from "@varve/runtime";
import { diskOnly } from "@varve/sim";
import { expect, test } from "vitest";
import { turn } from "./platform.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (of: string) => new TextEncoder().encode(of);

async function readAll(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path, "read");
  const into = new Uint8Array(file.size);
  await file.read(into, 0);
  await file.close();
  return text(into);
}

test("what was synced, with the folder that names it, survives a power cut", async () => {
  const machine = diskOnly({ seed: 1, turn });
  await machine.run(async ({ disk }) => {
    const file = await disk.open("a", "create");
    file.writeSync(bytes("kept"), 0);
    await file.sync();
    await disk.syncFolder("");
    file.writeSync(bytes("lost"), 4);
  });
  machine.kill("power", "drop");
  const outcome = await machine.run(({ disk }) => readAll(disk, "a"));
  expect(outcome).toEqual({ kind: "finished", value: "kept" });
});

test("what was only written survives the death of the process", async () => {
  const machine = diskOnly({ seed: 1, turn });
  await machine.run(async ({ disk }) => {
    const file = await disk.open("a", "create");
    file.writeSync(bytes("cached"), 0);
  });
  machine.kill("process");
  expect(await machine.run(({ disk }) => readAll(disk, "a"))).toEqual({ kind: "finished", value: "cached" });
  machine.kill("power", "drop");
  await expect(machine.run(({ disk }) => readAll(disk, "a"))).rejects.toMatchObject({ kind: "not-found" });
});

test("a process that dies at an effect gets no further, and its later calls change nothing", async () => {
  for (const moment of ["before", "torn", "after"] as const) {
    const machine = diskOnly({ seed: 7, turn });
    machine.disk.dieAt(2, moment, "process");
    const reached: string[] = [];
    const outcome = await machine.run(async ({ disk }) => {
      const file = await disk.open("a", "create");
      file.writeSync(bytes("0123456789"), 0);
      reached.push("returned");
      file.writeSync(bytes("zombie"), 0);
      await file.sync();
      reached.push("synced");
    });
    expect(outcome).toEqual({ kind: "died" });
    expect(reached).toEqual(["returned"]);
    const found = text(machine.disk.contents("a"));
    if (moment === "before") expect(found).toBe("");
    if (moment === "torn") expect("0123456789".startsWith(found) && found.length > 0 && found.length < 10).toBe(true);
    if (moment === "after") expect(found).toBe("0123456789");
  }
});

test("the same seed gives the same trace hash, another seed another", async () => {
  const hashOf = async (seed: number) => {
    const machine = diskOnly({ seed, turn });
    await machine.run(async ({ disk, entropy }) => {
      const file = await disk.open("a", "create");
      for (let at = 0; at < 10; at++) {
        file.writeSync(entropy.bytes(100), at * 100);
        await file.sync();
      }
    });
    machine.kill("power");
    return machine.trace.hash;
  };
  const first = await hashOf(42);
  expect(await hashOf(42)).toBe(first);
  expect(await hashOf(43)).not.toBe(first);
});
