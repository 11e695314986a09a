// Shows what becomes of a store while the operating system refuses what a healthy disk could do (no file left to open, no room, no read),
// and that everything goes on by itself afterwards.

import { ClusterError } from "@varve/model";
import { DiskError, sleep } from "@varve/runtime";
import { type DiskOnly, soundDisk } from "@varve/sim";
import { expect, test } from "vitest";
import { allUnlessFailed } from "../src/disk-verdict.ts";
import type { JournaledLog } from "../src/journaled-log.ts";
import { append, appendDurably, at, batch, contents, durable, machine, open, partition, topicConfig } from "./harness.ts";

const folder = "AAAAAAAAAAAAAAAAAAAAAA-0";
const config = { ...topicConfig, "segment.bytes": 2_000 };
const noFiles = { ...soundDisk, tooManyFiles: 1 };

/** Begins to refuse at the first effect of a kind whose path begins so. */
function refuseFrom({ disk }: DiskOnly, kind: string, path: string, faults: typeof soundDisk): void {
  disk.onEffect = (_, what, where) => {
    if (what === kind && where.startsWith(path)) disk.faults = faults;
  };
}

function calm({ disk }: DiskOnly): void {
  disk.onEffect = undefined;
  disk.faults = soundDisk;
}

test("a roll that finds no file to open refuses its own log's appends and nobody else's, and is made a little later", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    const log = await store.create(partition(0), "orders", config);
    const other = await store.create(partition(1), "orders", topicConfig);
    for (let number = 0; number < 3; number++) await appendDurably(ports, log, batch(1, 500));
    under.disk.refuseNext("disk.create", `${folder}/00000000000000000003.log`, "too-many-files");
    await log.room(900);
    const refused = log.appendAsLeader(batch(1, 900), 0, 0);
    expect(refused).toMatchObject({ kind: "refused", failure: { code: "KAFKA_STORAGE_ERROR" } });
    expect(JSON.stringify(refused)).not.toContain("bytes free");
    expect(store.writeRefusal).toBeUndefined();
    await appendDurably(ports, other);
    await sleep(ports.clock, 2_000);
    await appendDurably(ports, log, batch(1, 900));
    expect(log.logEnd).toBe(4);
    await store.close();
  });
  expect(under.disk.openFiles).toBe(0);
});

test("a ring that finds no file to open when it grows is tried again until it has its size", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports, { journalFiles: 3 });
    refuseFrom(under, "disk.create", "journal/0001", noFiles);
    await sleep(ports.clock, 5_000);
    expect(await ports.disk.list("journal").catch(() => [])).toEqual([]);
    calm(under);
    await sleep(ports.clock, 5_000);
    expect(await ports.disk.list("journal")).toEqual(["0000.journal", "0001.journal", "0002.journal"]);
    await store.close();
  });
});

test("a log whose making was refused, as was its removal, is not there after a clean stop, nor is its folder", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    refuseFrom(under, "disk.rename", `${folder}/partition.metadata`, noFiles);
    await expect(store.create(partition(0), "orders", config)).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    calm(under);
    expect(store.get(partition(0))).toBeUndefined();
    await store.close();
  });
  await under.run(async (ports) => {
    const store = await open(ports);
    expect(store.startedClean).toBe(true);
    expect([...store.logs()]).toEqual([]);
    expect(await ports.disk.list("")).not.toContain(folder);
  });
});

test("a stop does not wait for a journal that is full and that the disk goes on to refuse to free", async () => {
  const under = machine();
  const options = { journalFiles: 1, tuning: { firstFileBytesMax: 8_192, usedFilesTarget: 4, unsyncedMsMax: 60_000 } };
  await under.run(async (ports) => {
    const store = await open(ports, options);
    const log = await store.create(partition(0), "orders", topicConfig);
    await appendDurably(ports, log);
    under.disk.faults = noFiles;
    await append(log);
    await store.close();
    calm(under);
  });
  await under.run(async (ports) => {
    const store = await open(ports, options);
    expect(store.startedClean).toBe(false);
    // The second append was never answered.
    expect(store.get(partition(0))!.logEnd).toBe(1);
  });
});

test("a segment whose removal is refused stays readable as a file of its log, and goes with the next retention", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    const log = (await store.create(partition(0), "orders", config)) as JournaledLog;
    for (let number = 0; number < 8; number++) await append(log, batch(2, 300));
    await durable(ports, log);
    under.disk.refuseNext("disk.unlink", `${folder}/00000000000000000000.index`, "no-space");
    await expect(log.raiseLogStart(at(9))).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    expect(log.logStart).toBe(9);
    await sleep(ports.clock, 2_000);
    expect(await log.retain(ports.clock.wallMs())).toBe(2);
    const segments = (await ports.disk.list(folder)).filter((name) => name.endsWith(".log"));
    expect(segments[0]).toBe("00000000000000000008.log");
    expect((await contents(log)).map(({ base }) => base)).toEqual([8, 10, 12, 14]);
    await store.close();
  });
});

test("a truncation that met a place which could not be read for a while is made by itself", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const log = await (await open(ports)).create(partition(0), "orders", { ...topicConfig, "index.interval.bytes": 1_000_000 });
    for (let number = 0; number < 8; number++) await append(log, batch(2, 300));
    await durable(ports, log);
    refuseFrom(under, "disk.write-sync", "journal/", { ...soundDisk, readFails: 1 });
    await expect(log.truncateTo(at(6), 0)).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR", cause: { kind: "unreadable" } });
    expect(log.appendAsLeader(batch(), 0, 0)).toMatchObject({ kind: "refused" });
    calm(under);
    await sleep(ports.clock, 3_000);
    await appendDurably(ports, log);
    expect((await contents(log)).map(({ base }) => base)).toEqual([0, 2, 4, 6]);
  });
});

test("works that are waited for together: a refusal waits for the others, a failure of the disk for nobody", async () => {
  const refusal = (kind: "no-space" | "too-many-files") => Promise.reject(new DiskError(kind, "a", "refused"));
  const never = new Promise<void>(() => {});
  await expect(allUnlessFailed([never, refusal("no-space"), Promise.reject(new DiskError("io", "b", "failed"))])).rejects.toMatchObject({
    path: "b",
  });
  await expect(allUnlessFailed([never, Promise.reject(new ClusterError("KAFKA_STORAGE_ERROR", "failed"))])).rejects.toBeInstanceOf(
    ClusterError,
  );
  let isOver = false;
  const slow = Promise.resolve().then(() => {
    isOver = true;
  });
  await expect(allUnlessFailed([refusal("too-many-files"), slow, refusal("no-space")])).rejects.toMatchObject({ kind: "no-space" });
  expect(isOver).toBe(true);
  await expect(allUnlessFailed([])).resolves.toBeUndefined();
});

test("a sync that fails is heard of before the side files beside it are written", async () => {
  const under = machine();
  let failed = 0;
  await under.run(async (ports) => {
    const options = { tuning: { directBytesPerPartitionMin: 500 }, onDiskFailure: () => failed++ };
    const log = await (await open(ports, options)).create(partition(0), "orders", topicConfig);
    await appendDurably(ports, log, batch(1, 800));
    under.disk.failNextSync(`${folder}/00000000000000000000.log`);
    under.disk.faults = { ...soundDisk, nameMs: 1_000 };
    // Its round syncs the segment, and has an epoch checkpoint to write beside.
    await append(log, batch(1, 800), 1);
    const beganMs = ports.clock.monotonicMs();
    while (failed === 0) await sleep(ports.clock, 1);
    expect(ports.clock.monotonicMs() - beganMs).toBeLessThan(100);
    expect(log.durableEnd).toBe(1);
  });
});
