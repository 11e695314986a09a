// Shows what deaths leave of a key-value store: whole batches, all that were promised, and no hole unless one was asked for.

import type { KeyValueStore } from "@varve/runtime";
import { diskOnly } from "@varve/sim";
import { expect, test } from "vitest";
import { turn } from "./platform.ts";

const put = (key: string, value: number) => ({ type: "put", key, value: Uint8Array.of(value) }) as const;

async function found(store: KeyValueStore): Promise<string> {
  const pairs: string[] = [];
  for await (const [key, value] of store.entries("", "~")) pairs.push(`${key}=${value[0]}`);
  await store.close();
  return pairs.join(" ");
}

test("a batch that was promised is whole after a death of either kind; one under way is whole or not there", async () => {
  for (const death of ["process", "power"] as const) {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const machine = diskOnly({ seed, turn });
      await machine.run(async ({ openStore }) => {
        const store = await openStore("s");
        await store.write([put("a", 1), put("b", 1)]);
        void store.write([put("a", 2), put("b", 2)]);
        void store.write([put("a", 3), put("b", 3)]);
      });
      machine.kill(death);
      await machine.run(async ({ openStore }) => outcomes.add(await found(await openStore("s"))));
    }
    expect([...outcomes].sort()).toEqual(["a=1 b=1", "a=2 b=2"]);
  }
});

test("a machine may die at a batch like at any other effect", async () => {
  for (const [moment, expected] of [
    ["before", "a=1"],
    ["torn", "a=1"],
    ["after", "a=2"],
  ] as const) {
    const machine = diskOnly({ seed: 1, turn });
    machine.disk.dieAt(3, moment, "power");
    const outcome = await machine.run(async ({ openStore }) => {
      const store = await openStore("s");
      await store.write([put("a", 1)]);
      await store.write([put("a", 2)]);
    });
    expect(outcome.kind).toBe("died");
    await machine.run(async ({ openStore }) => expect(await found(await openStore("s"))).toBe(expected));
  }
});

test("a batch that is lost in the middle is missing from the next opening on, with the later ones there", async () => {
  const machine = diskOnly({ seed: 1, turn });
  await machine.run(async ({ openStore }) => {
    const store = await openStore("s");
    await store.write([put("a", 1)]);
    await store.write([put("a", 2), put("b", 2)]);
    await store.write([put("c", 3)]);
    expect(machine.machine.stores.loseBatch("s", 1)).toBe(true);
    expect(await found(store)).toBe("a=2 b=2 c=3");
    expect(await found(await openStore("s"))).toBe("a=1 c=3");
  });
  expect(machine.machine.stores.loseBatch("s", 5)).toBe(false);
  expect(machine.trace.counts.get("store.fault.batch-lost")).toBe(1);
});

test("only the last batches can be lost: the older ones have left the log for good", async () => {
  const machine = diskOnly({ seed: 1, turn });
  await machine.run(async ({ openStore }) => {
    const store = await openStore("s");
    for (let at = 0; at < 200; at++) await store.write([put(`k${at}`, at)]);
    expect(machine.machine.stores.loseBatch("s", 100)).toBe(false);
    expect(machine.machine.stores.loseBatch("s", 0)).toBe(true);
    await store.close();
    const again = await openStore("s");
    expect(await again.get("k0")).toEqual(Uint8Array.of(0));
    expect(await again.get("k198")).toEqual(Uint8Array.of(198));
    expect(await again.get("k199")).toBeUndefined();
  });
});

test("a full disk and a failed sync refuse a batch", async () => {
  const machine = diskOnly({ seed: 1, turn, capacityBytes: 100 });
  await machine.run(async ({ openStore }) => {
    const store = await openStore("s");
    await expect(store.write([{ type: "put", key: "a", value: new Uint8Array(200) }])).rejects.toMatchObject({ kind: "no-space" });
    machine.disk.failNextSync("s");
    await expect(store.write([put("a", 1)])).rejects.toMatchObject({ kind: "io" });
    await store.write([put("b", 1)]);
    expect(await store.get("b")).toEqual(Uint8Array.of(1));
  });
});
