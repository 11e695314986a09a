// Shows how a store stops when the disk refuses it something, or fails: it waits for its own work and never for what is refused, and
// whoever takes the directory next is alone in it.

import { sleep } from "@varve/runtime";
import { type DiskOnly, type MachinePorts, soundDisk } from "@varve/sim";
import { expect, test } from "vitest";
import type { JournaledLog } from "../src/journaled-log.ts";
import type { LogStore, LogStoreOptions } from "../src/log.ts";
import { append, appendDurably, at, batch, contents, durable, machine, open, partition, topicConfig } from "./harness.ts";

const folders = ["AAAAAAAAAAAAAAAAAAAAAA-0", "AAAAAAAAAAAAAAAAAAAAAA-1"] as const;
const config = { ...topicConfig, "segment.bytes": 2_000 };
/** One small file: two rounds fill it. */
const smallRing = { journalFiles: 1, tuning: { firstFileBytesMax: 8_192, usedFilesTarget: 4, unsyncedMsMax: 60_000 } };
/** Far more than any stop below takes. */
const stopMsMax = 120_000;

/** Refuses an effect each time, until the function that it returns is called. */
function refuseAlways({ disk }: DiskOnly, effect: string, path: string): () => void {
  disk.onEffect = (_, kind, where) => {
    if (kind === effect && where === path) disk.refuseNext(effect, path, "too-many-files");
  };
  return () => {
    disk.onEffect = undefined;
  };
}

async function closesInTime({ clock }: MachinePorts, store: LogStore): Promise<boolean> {
  return Promise.race([store.close().then(() => true), sleep(clock, stopMsMax).then(() => false)]);
}

/** Appends until a round finds no place in the ring. */
async function fillRing({ clock }: MachinePorts, log: JournaledLog): Promise<void> {
  do {
    await append(log, batch(1, 100));
    await sleep(clock, 3_000);
  } while (log.durableEnd === log.logEnd);
}

test("a stop that is refused waits for a truncation that is under way, and the next life is alone", async () => {
  const under = machine();
  const options = { configOf: () => config };
  await under.run(async (ports) => {
    const store = await open(ports, options);
    await append(await store.create(partition(0), "orders", config));
    const log = (await store.create(partition(1), "orders", config)) as JournaledLog;
    for (let number = 0; number < 8; number++) await append(log, batch(2, 300));
    await durable(ports, log);
    const allow = refuseAlways(under, "disk.unlink", `${folders[0]}/partition.metadata`);
    const dropping = store.drop(partition(0)).catch((error: unknown) => error);
    await sleep(ports.clock, 2_200);
    under.disk.faults = { ...soundDisk, nameMs: 20_000 };
    let isTruncated = false;
    const truncating = log.truncateTo(at(2), 0).then(() => {
      isTruncated = true;
    });
    while (log.logEnd > 2) await sleep(ports.clock, 1);
    await store.close();
    expect(isTruncated).toBe(true);
    await truncating;
    expect(await dropping).toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    allow();
    under.disk.faults = soundDisk;
    const next = (await open(ports, options)).get(partition(1))!;
    for (let number = 0; number < 6; number++) await appendDurably(ports, next, batch(2, 300));
    await sleep(ports.clock, stopMsMax);
  });
  under.machine.kill("power", "keep");
  await under.run(async (ports) => {
    const log = (await open(ports, options)).get(partition(1))!;
    expect((await contents(log)).map(({ base }) => base)).toEqual([0, 2, 4, 6, 8, 10, 12]);
  });
});

test.each([
  ["the journal", 1_000_000],
  ["a segment", 50],
])("a stop that is refused waits for the round that syncs %s", async (_, directBytesPerPartitionMin) => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports, { tuning: { directBytesPerPartitionMin } });
    await append(await store.create(partition(0), "orders", config));
    const log = (await store.create(partition(1), "orders", config)) as JournaledLog;
    await sleep(ports.clock, 10_000);
    refuseAlways(under, "disk.unlink", `${folders[0]}/partition.metadata`);
    const dropping = store.drop(partition(0)).catch((error: unknown) => error);
    await sleep(ports.clock, 2_200);
    under.disk.faults = { ...soundDisk, syncMs: 20_000 };
    await append(log);
    await sleep(ports.clock, 1);
    under.disk.faults = soundDisk;
    await store.close();
    expect(await dropping).toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    const late: string[] = [];
    under.disk.onEffect = (_ordinal, kind, path) => late.push(`${kind} ${path}`);
    await sleep(ports.clock, 200_000);
    expect(late).toEqual([]);
  });
});

/** What may wait for a journal that is full. */
const waits: readonly (readonly [string, (store: LogStore, log: JournaledLog) => Promise<unknown>])[] = [
  ["an append", () => Promise.resolve()],
  ["a log start that rises", (_, log) => log.raiseLogStart(at(1))],
  ["a creation", (store) => store.create(partition(2), "orders", topicConfig)],
  ["a drop", (store) => store.drop(partition(0))],
  ["a retention", () => Promise.resolve()],
];

/** Two logs, and a retention every so often; a log is due for it when it holds more than a segment. */
async function openTwo(ports: MachinePorts, options: Partial<LogStoreOptions>) {
  const retained = { ...config, "retention.bytes": 1_000, "index.interval.bytes": 1_000_000 };
  const store = await open(ports, { ...smallRing, configOf: () => retained, ...options });
  const log = (await store.create(partition(0), "orders", retained)) as JournaledLog;
  const other = (await store.create(partition(1), "orders", retained)) as JournaledLog;
  for (let number = 0; number < 5; number++) await appendDurably(ports, log, batch(1, 900));
  await sleep(ports.clock, 1_000);
  return { store, log, other };
}

type Wait = (typeof waits)[number];

/** The journal is full: something waits for it, then the store stops, and both end. */
async function stopsBeside(
  kind: Wait[0],
  wait: Wait[1],
  { ports, store, log }: { readonly ports: MachinePorts; readonly store: LogStore; readonly log: JournaledLog },
): Promise<void> {
  if (kind === "a retention") log.noteHighWatermark(log.durableEnd);
  const ended = wait(store, log).catch((error: unknown) => error);
  await sleep(ports.clock, 35_000);
  expect(await closesInTime(ports, store)).toBe(true);
  await ended;
}

test.each(waits)("a stop does not wait with %s for a journal that the disk goes on to refuse to free", async (kind, wait) => {
  const under = machine();
  await under.run(async (ports) => {
    const { store, log } = await openTwo(ports, { retentionCheckMs: 30_000 });
    under.disk.faults = { ...soundDisk, tooManyFiles: 1 };
    await fillRing(ports, log);
    await stopsBeside(kind, wait, { ports, store, log });
  });
});

test.each(waits)("a stop does not wait with %s for a journal that is full of another log's refused truncation", async (kind, wait) => {
  const under = machine();
  await under.run(async (ports) => {
    const { store, log, other } = await openTwo(ports, { retentionCheckMs: 30_000 });
    for (let number = 0; number < 2; number++) await appendDurably(ports, other, batch(2, 300));
    under.disk.onEffect = (_, what, path) => {
      if (what === "disk.write-sync" && path.startsWith("journal/")) under.disk.faults = { ...soundDisk, readFails: 1 };
    };
    await expect(other.truncateTo(at(3), 0)).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR", cause: { kind: "unreadable" } });
    under.disk.onEffect = undefined;
    await fillRing(ports, log);
    await stopsBeside(kind, wait, { ports, store, log });
  });
});

test("a disk that fails in the close of one log is heard of, whatever another one is refused", async () => {
  let refusals = 0;
  // Which of the two comes first is the seed's.
  for (let seed = 1; seed <= 8; seed++) {
    const under = machine(seed);
    const failures: unknown[] = [];
    await under.run(async (ports) => {
      const store = await open(ports, { onDiskFailure: (error) => failures.push(error) });
      for (const number of [0, 1]) await appendDurably(ports, await store.create(partition(number), "orders", config));
      under.disk.refuseNext("disk.create", `${folders[0]}/00000000000000000001.snapshot.tmp`, "too-many-files");
      under.disk.failNextSync(`${folders[1]}/00000000000000000000.log`);
      const failure = { kind: "io", path: `${folders[1]}/00000000000000000000.log` };
      await expect(store.close()).rejects.toMatchObject(failure);
      expect(failures).toMatchObject([failure]);
    });
    refusals += under.trace.counts.get("disk.fault.refused") ?? 0;
  }
  expect(refusals).toBeGreaterThan(0);
});

test("a disk that fails in the background while the store closes is heard of, and ends the close", async () => {
  const under = machine();
  const failures: unknown[] = [];
  await under.run(async (ports) => {
    const store = await open(ports, { tuning: { unsyncedMsMax: 1_000 }, onDiskFailure: (error) => failures.push(error) });
    await appendDurably(ports, await store.create(partition(0), "orders", config));
    under.disk.faults = { ...soundDisk, syncMs: 5_000 };
    under.disk.failNextSync(`${folders[0]}/00000000000000000000.log`);
    await sleep(ports.clock, 1_100);
    under.disk.faults = soundDisk;
    await expect(closesInTime(ports, store)).rejects.toMatchObject({ kind: "io" });
    expect(failures).toMatchObject([{ kind: "io" }]);
  });
});
