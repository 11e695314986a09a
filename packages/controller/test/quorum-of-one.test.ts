// The log of a quorum of one: what is committed is there after a restart, what was lost or damaged is found, and a failed write is the end.

import { CorruptionError } from "@varve/model";
import type { DiskOnly } from "@varve/sim";
import { expect, test } from "vitest";
import type { MetadataLog } from "../src/metadata-log.ts";
import { openQuorumOfOne } from "../src/quorum-of-one/quorum-of-one.ts";
import { encodeValue, stateKey } from "../src/quorum-of-one/stored-values.ts";
import { bytesOf, Listening } from "./log-listener.ts";
import { compression, machineOf, portsOf, type TestPorts } from "./platform.ts";

const options = { nodeId: 3, folder: "controller" };

/** Opens the log in a new process on `machine` and runs `script`; what it returns comes back. */
async function withLog<Value>(
  machine: DiskOnly,
  script: (log: MetadataLog, heard: Listening, ports: TestPorts) => Promise<Value>,
): Promise<Value> {
  const outcome = await machine.run(async (bare) => {
    const ports = portsOf(bare);
    const log = await openQuorumOfOne(ports, options);
    const heard = new Listening();
    await log.start(heard);
    return script(log, heard, ports);
  });
  if (outcome.kind === "died") throw new Error("nobody kills this process");
  return outcome.value;
}

/** Commits a batch for each group of texts. */
async function commit(log: MetadataLog, heard: Listening, ...groups: readonly (readonly string[])[]): Promise<void> {
  for (const group of groups) expect(await log.propose(group.map(bytesOf), heard.term)).toBe("committed");
}

test("a new log leads at once, and delivers what is proposed before it says that it is committed", async () => {
  await withLog(machineOf(1), async (log, heard) => {
    expect(heard.leaderships).toEqual([{ kind: "leader", term: 1 }]);
    await commit(log, heard, ["a"], ["b", "c"]);
    expect(heard.entries.map(({ index, term, payload }) => [index, term, new TextDecoder().decode(payload)])).toEqual([
      [1, 1, "a"],
      [2, 1, "b"],
      [3, 1, "c"],
    ]);
  });
});

test.each(["process", "power"] as const)(
  "after a death (%s) everything that was committed is delivered again, in a later term",
  async (death) => {
    const machine = machineOf(1);
    await withLog(machine, (log, heard) => commit(log, heard, ["a"], ["b", "c"]));
    machine.machine.kill(death, "drop");
    await withLog(machine, async (log, heard) => {
      expect([heard.texts, heard.term]).toEqual([["a", "b", "c"], 2]);
      await commit(log, heard, ["d"]);
    });
    machine.machine.kill(death, "drop");
    await withLog(machine, async (_, heard) => {
      expect(heard.entries.map(({ index, term }) => [index, term])).toEqual([
        [1, 1],
        [2, 1],
        [3, 1],
        [4, 2],
      ]);
    });
  },
);

test("a log that was closed is opened again, also one that never held anything", async () => {
  const machine = machineOf(1);
  await withLog(machine, (log) => log.close());
  await withLog(machine, async (log, heard) => {
    await commit(log, heard, ["a"]);
    await log.close();
    await log.close();
  });
  expect(await withLog(machine, async (_, heard) => heard.texts)).toEqual(["a"]);
});

test("a proposal for another term, before the start or after the end is lost and leaves nothing", async () => {
  const machine = machineOf(1);
  await machine.run(async (ports) => {
    const log = await openQuorumOfOne(portsOf(ports), options);
    expect(await log.propose([bytesOf("early")], 1)).toBe("lost");
    await log.start(new Listening());
    expect(await log.propose([bytesOf("stale")], 7)).toBe("lost");
    await log.close();
    expect(await log.propose([bytesOf("late")], 1)).toBe("lost");
  });
  expect(await withLog(machine, async (_, heard) => heard.texts)).toEqual([]);
});

test("a snapshot takes the place of the entries up to its index, which the batches after it delete", async () => {
  const machine = machineOf(1);
  await withLog(machine, async (log, heard) => {
    await commit(log, heard, ["a"], ["b"], ["c"]);
    await log.saveSnapshot({ index: 2, term: 1, parts: [bytesOf("a+"), bytesOf("b")] });
    await commit(log, heard, ["d"]);
  });
  await withLog(machine, async (log, heard) => {
    expect([heard.installed?.index, heard.texts]).toEqual([2, ["a+", "b", "c", "d"]]);
    await commit(log, heard, ["e"]);
    await log.saveSnapshot({ index: 5, term: 2, parts: [bytesOf("abcde")] });
    await commit(log, heard, ["f"]);
    await log.close();
  });
  await withLog(machine, async (log, heard) => {
    expect([heard.installed?.index, heard.texts]).toEqual([5, ["abcde", "f"]]);
    await log.close();
  });
  const keys = await machine.run(async ({ openStore }) => {
    const found: string[] = [];
    for await (const [key] of (await openStore("controller/store")).entries("", "~")) found.push(key);
    return found;
  });
  expect(keys).toEqual({ kind: "finished", value: ["entry/0000000000000006", "snapshot/0000000000000005/000000", "state"] });
});

test("a snapshot may be saved while a proposal is on its way", async () => {
  const machine = machineOf(1);
  await withLog(machine, async (log, heard) => {
    await commit(log, heard, ["a"]);
    const proposed = log.propose([bytesOf("b")], heard.term);
    await Promise.all([proposed, log.saveSnapshot({ index: 1, term: 1, parts: [bytesOf("A")] })]);
  });
  machine.machine.kill("power", "drop");
  expect(await withLog(machine, async (_, heard) => heard.texts)).toEqual(["A", "b"]);
});

/** A log of four batches, closed by the death of its process. */
async function fourBatches(seed = 1): Promise<DiskOnly> {
  const machine = machineOf(seed);
  await withLog(machine, (log, heard) => commit(log, heard, ["a"], ["b"], ["c"], ["d"]));
  machine.machine.kill("process");
  return machine;
}

async function openingFails(machine: DiskOnly, words: string): Promise<void> {
  const opening = machine.run((ports) => openQuorumOfOne(portsOf(ports), options));
  await expect(opening).rejects.toThrow(CorruptionError);
  // It fails again, in the same words, and does not repair itself into something else.
  const again = machine.run((ports) => openQuorumOfOne(portsOf(ports), options));
  await expect(again).rejects.toThrow(words);
  await expect(again).rejects.toThrow("Restore the whole data directory from a copy of one moment");
}

test.each([
  [0, "batch 4 was synced, and the store ends at batch 3: it lost what was acknowledged"],
  [1, "entry/0000000000000003 is missing"],
  [3, "entry/0000000000000001 is missing"],
])("a batch that the store has lost, %i before the last, is found", async (fromLast, words) => {
  const machine = await fourBatches();
  expect(machine.machine.stores.loseBatch("controller/store", fromLast)).toBe(true);
  await openingFails(machine, words);
});

test("a lost snapshot is found, also once the entries before it are deleted", async () => {
  for (const isFollowed of [false, true]) {
    const machine = machineOf(1);
    await withLog(machine, async (log, heard) => {
      await commit(log, heard, ["a"], ["b"]);
      await log.saveSnapshot({ index: 2, term: 1, parts: [bytesOf("ab")] });
      if (isFollowed) await commit(log, heard, ["c"]);
    });
    machine.machine.kill("process");
    machine.machine.stores.loseBatch("controller/store", isFollowed ? 1 : 0);
    await openingFails(machine, isFollowed ? "the snapshot at 2 has 0 parts and should have 1" : "the store ends at batch 2");
  }
});

test("a store that is gone is no new store", async () => {
  const machine = await fourBatches();
  await machine.run(async ({ disk }) => disk.rename("controller/store", "elsewhere"));
  await openingFails(machine, "batch 4 was synced, and the store is empty");
});

test("a store without its slots is not believed", async () => {
  const machine = await fourBatches();
  await machine.run(async ({ disk }) => {
    await disk.unlink("controller/slot-0");
    await disk.unlink("controller/slot-1");
  });
  await openingFails(machine, "neither controller/slot-0 nor controller/slot-1 is whole");
});

test("slots from an older copy are found", async () => {
  const machine = machineOf(1);
  await withLog(machine, (log, heard) => commit(log, heard, ["a"]));
  const old = [0, 1].map((number) => machine.disk.contents(`controller/slot-${number}`));
  await withLog(machine, (log, heard) => commit(log, heard, ["b"], ["c"]));
  for (const [number, bytes] of old.entries()) machine.disk.overwrite(`controller/slot-${number}`, 0, bytes);
  await openingFails(machine, "it ends at batch 3, and the slots at 1: the slots are older than the store");
});

test("one slot that is damaged is made whole; with both damaged the log does not open", async () => {
  const machine = await fourBatches();
  machine.disk.flipBit("controller/slot-0", 30);
  await withLog(machine, async (log, heard) => {
    expect(heard.texts).toEqual(["a", "b", "c", "d"]);
    await log.close();
  });
  machine.disk.flipBit("controller/slot-1", 5);
  await withLog(machine, (log, heard) => commit(log, heard, ["e"], ["f"]));
  machine.disk.flipBit("controller/slot-0", 63);
  machine.disk.flipBit("controller/slot-1", 63);
  await openingFails(machine, "neither controller/slot-0 nor controller/slot-1 is whole");
});

/** Changes one value of the store in `machine` behind the log's back. */
async function change(machine: DiskOnly, key: string, alter: (value: Uint8Array) => Uint8Array | undefined): Promise<void> {
  await machine.run(async ({ openStore }) => {
    const store = await openStore("controller/store");
    const value = alter((await store.get(key)) ?? new Uint8Array());
    await store.write([value === undefined ? { type: "delete", key } : { type: "put", key, value }]);
    await store.close();
  });
}

test("a bit that turned in any value is found, and the value named", async () => {
  for (const key of ["entry/0000000000000002", stateKey]) {
    const machine = await fourBatches();
    await change(machine, key, (value) => value.with(value.length - 1, value.at(-1)! ^ 4));
    await openingFails(machine, `the value of ${key} fails its checksum`);
  }
});

test("a value in another's place, a missing state and a key that nothing writes are found", async () => {
  const swapped = await fourBatches();
  let second: Uint8Array | undefined;
  await change(swapped, "entry/0000000000000002", (value) => {
    second = value;
    return value;
  });
  await change(swapped, "entry/0000000000000003", () => second);
  await openingFails(swapped, "the value of entry/0000000000000003 fails its checksum");

  const stateless = await fourBatches();
  await change(stateless, stateKey, () => undefined);
  await openingFails(stateless, "it holds 4 values and no state");

  const strange = await fourBatches();
  await change(strange, "extra", () => encodeValue("extra", 1, new Uint8Array(), compression));
  await openingFails(strange, "nothing writes the key extra");
});

test("a store that a newer version wrote is left alone", async () => {
  const machine = await fourBatches();
  await change(machine, stateKey, () => encodeValue(stateKey, 4, Uint8Array.of(0, 0, 0, 9), compression));
  const opening = machine.run((ports) => openQuorumOfOne(portsOf(ports), options));
  await expect(opening).rejects.toMatchObject({ code: "UNSUPPORTED_VERSION", message: expect.stringContaining("has format 9") });
});

test.each(["controller/store", "controller/slot-1"])(
  "a failed write of %s stops the log for good; a restart has all that was committed",
  async (path) => {
    const machine = machineOf(5);
    await withLog(machine, async (log, heard) => {
      await commit(log, heard, ["a"], ["b"]);
      machine.disk.failNextSync(path);
      await expect(log.propose([bytesOf("c")], heard.term)).rejects.toMatchObject({ kind: "io" });
      expect(heard.leaderships.at(-1)).toMatchObject({ kind: "stopped", error: { kind: "io" } });
      expect(await log.propose([bytesOf("d")], 1)).toBe("lost");
      await log.saveSnapshot({ index: 2, term: 1, parts: [] });
      expect(heard.texts).toEqual(["a", "b"]);
    });
    machine.machine.kill("power", "drop");
    const found = await withLog(machine, async (_, heard) => heard.texts);
    expect(found.slice(0, 2)).toEqual(["a", "b"]);
    expect([[], ["c"]]).toContainEqual(found.slice(2));
  },
);

test("a store that another process holds is not opened, and the slots are closed", async () => {
  const machine = machineOf(1);
  await withLog(machine, async (_, heard, ports) => {
    expect(heard.texts).toEqual([]);
    await expect(openQuorumOfOne(ports, options)).rejects.toMatchObject({ kind: "locked" });
  });
});
