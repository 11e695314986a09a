// Shows when an append is durable, what that costs, and what is refused when the disk cannot promise it any more.

import { DiskError, sleep } from "@varve/runtime";
import { expect, test } from "vitest";
import { append, appendDurably, batch, contents, durable, machine, open, partition, topicConfig } from "./harness.ts";

/** Counts effects of a kind whose path begins so. */
function counting(under: ReturnType<typeof machine>, kind: string, path: string): { count: number } {
  const counted = { count: 0 };
  under.disk.onEffect = (_, what, where) => {
    if (what === kind && where.startsWith(path)) counted.count++;
  };
  return counted;
}

test("appends of many partitions in one turn share one sync", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports, { journalFiles: 1 });
    const logs = await Promise.all(Array.from({ length: 20 }, (_, number) => store.create(partition(number), "orders", topicConfig)));
    const syncs = counting(under, "disk.sync", "");
    for (const log of logs) await append(log);
    for (const log of logs) await durable(ports, log);
    expect(syncs.count).toBe(1);
  });
});

test("what comes while a round runs shares the next one: its sync is the linger", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports, { journalFiles: 1 });
    const log = await store.create(partition(0), "orders", topicConfig);
    const syncs = counting(under, "disk.sync", "journal/");
    await append(log);
    await sleep(ports.clock, 0.01);
    for (let number = 0; number < 30; number++) await append(log);
    await durable(ports, log);
    expect(syncs.count).toBe(2);
  });
});

test("durable ends of a round move together before any listener hears of them", async () => {
  await machine().run(async (ports) => {
    const store = await open(ports);
    const logs = await Promise.all([0, 1, 2].map((number) => store.create(partition(number), "orders", topicConfig)));
    const heard: (readonly number[])[] = [];
    for (const log of logs) log.onDurable(() => heard.push(logs.map(({ durableEnd }) => durableEnd)));
    for (const log of logs) await append(log);
    await durable(ports, logs[2]!);
    expect(heard).toEqual([
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ]);
  });
});

test("a round of few partitions and many bytes syncs their segments, and writes nothing twice", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports, {
      tuning: { directBytesPerPartitionMin: 10_000, markDelayMsMax: 1_000 },
      journalWaitingBytesMax: 60_000,
    });
    const log = await store.create(partition(0), "orders", topicConfig);
    const written = counting(under, "disk.write-sync", "journal/");
    for (let number = 0; number < 12; number++) await append(log, batch(1, 1_000));
    await durable(ports, log);
    expect(written.count).toBe(0);
    expect(ports.metrics.value("varve_journal_direct_rounds_total")).toBe(1);
    await sleep(ports.clock, 1_100);
    // The mark, alone.
    expect(written.count).toBe(1);
  });
});

test("a round of several megabytes is written in pieces, between which everybody has a turn, and all of it is there after a power cut", async () => {
  const under = machine();
  const sizes = { journalFileBytes: 8_388_608, journalWaitingBytesMax: 8_388_608, tailBytesMax: 0 };
  const tuning = { firstFileBytesMax: 8_388_608, directBytesPerPartitionMin: 100_000_000 };
  await under.run(async (ports) => {
    const store = await open(ports, { ...sizes, tuning });
    const log = await store.create(partition(0), "orders", topicConfig);
    const written = counting(under, "disk.write-sync", "journal/");
    for (let number = 0; number < 50; number++) await append(log, batch(1, 100_000));
    await durable(ports, log);
    expect(ports.metrics.value("varve_journal_syncs_total")).toBe(2);
    // Five megabytes and the headers of fifty frames.
    expect(written.count).toBe(5);
  });
  under.machine.kill("power", "drop");
  await under.run(async (ports) => expect((await contents((await open(ports, sizes)).get(partition(0))!)).length).toBe(50));
});

test("a batch that is larger than any journal file is made durable all the same", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports, { journalFileBytes: 16_384 });
    const log = await store.create(partition(0), "orders", topicConfig);
    await appendDurably(ports, log, batch(1, 50));
    await appendDurably(ports, log, batch(1, 40_000));
    await appendDurably(ports, log, batch(1, 50));
  });
  under.machine.kill("power", "drop");
  expect(await under.run(async (ports) => (await open(ports)).get(partition(0))!.logEnd)).toEqual({ kind: "finished", value: 3 });
});

test("a round that syncs segments waits while the process has no file left to open, and is answered when it has one", async () => {
  const under = machine();
  const failures: Error[] = [];
  await under.run(async (ports) => {
    const store = await open(ports, { journalFileBytes: 16_384, onDiskFailure: (error) => failures.push(error) });
    const log = await store.create(partition(0), "orders", topicConfig);
    const { openFilesMax } = under.disk;
    under.disk.openFilesMax = 0;
    await append(log, batch(1, 40_000));
    await sleep(ports.clock, 5_000);
    expect(log.durableEnd).toBe(0);
    under.disk.openFilesMax = openFilesMax;
    await durable(ports, log);
    expect(ports.metrics.value("varve_journal_direct_rounds_total")).toBe(1);
  });
  expect(failures).toEqual([]);
  under.machine.kill("power", "drop");
  expect(await under.run(async (ports) => (await open(ports)).get(partition(0))!.logEnd)).toEqual({ kind: "finished", value: 1 });
});

test("bytes that wait for a round are bounded: past the bound there is no room until a round is taken", async () => {
  await machine().run(async (ports) => {
    const store = await open(ports, { journalWaitingBytesMax: 4_000 });
    const log = await store.create(partition(0), "orders", topicConfig);
    const bytes = batch(1, 1_000);
    for (let number = 0; number < 3; number++) {
      expect(log.room(bytes.length)).toBe(true);
      log.appendAsLeader(bytes.slice(), 0, 0);
    }
    const room = log.room(bytes.length);
    expect(room).toBeInstanceOf(Promise);
    await room;
    expect(log.room(bytes.length)).toBe(true);
    expect(ports.metrics.value("varve_journal_waits_total")).toBe(1);
  });
});

test("a journal that is far too small for what is written is used round and round, and nothing waits for ever", async () => {
  await machine(3, { eventsMax: 500_000 }).run(async (ports) => {
    const store = await open(ports, { journalFiles: 2, journalFileBytes: 8_192, tuning: { firstFileBytesMax: 8_192, usedFilesTarget: 1 } });
    const logs = await Promise.all([0, 1, 2].map((number) => store.create(partition(number), "orders", topicConfig)));
    for (let number = 0; number < 300; number++) await append(logs[number % 3]!, batch(1, 700));
    for (const log of logs) await durable(ports, log);
    expect(ports.metrics.value("varve_journal_size_bytes")).toBe(16_384);
    expect(ports.metrics.value("varve_journal_used_bytes")).toBeLessThanOrEqual(16_384);
  });
});

test("after a sync that failed nothing is durable, appended, read or made any more, and the store says so once", async () => {
  const under = machine();
  const failures: Error[] = [];
  await under.run(async (ports) => {
    const store = await open(ports, { onDiskFailure: (error) => failures.push(error) });
    const log = await store.create(partition(0), "orders", topicConfig);
    await appendDurably(ports, log);
    under.disk.failNextSync("journal/0000.journal");
    await append(log);
    const truncated = expect(log.truncateTo(1 as never, 1)).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    await sleep(ports.clock, 50);
    await truncated;
    expect(log.durableEnd).toBe(1);
    expect(failures).toEqual([expect.any(DiskError)]);
    expect(log.offline?.code).toBe("KAFKA_STORAGE_ERROR");
    expect(log.room(100)).toBe(true);
    expect(log.appendAsLeader(batch(), 0, 0)).toMatchObject({ kind: "refused", failure: { code: "KAFKA_STORAGE_ERROR" } });
    expect(() => log.read(0 as never, 100, 1 as never)).toThrowError(expect.objectContaining({ code: "KAFKA_STORAGE_ERROR" }));
    await expect(store.create(partition(1), "orders", topicConfig)).rejects.toMatchObject({ code: "BROKER_NOT_AVAILABLE" });
    await sleep(ports.clock, 10_000);
    expect([log.durableEnd, failures.length]).toEqual([1, 1]);
  });
  // Started again, it has everything that was acknowledged; after a power cut too.
  under.machine.kill("power", "drop");
  const found = await under.run(async (ports) => (await open(ports)).get(partition(0))!.logEnd);
  // What the failed sync covered may be there or not.
  expect([1, 2]).toContain(found.kind === "finished" ? found.value : undefined);
});

test("appends are refused before the disk is full, reads and deletions go on, and appends go on by themselves when there is room", async () => {
  const under = machine(1, { capacityBytes: 2_000_000 });
  await under.run(async (ports) => {
    const store = await open(ports, { diskFreeBytesMin: 100_000, journalFiles: 1 });
    const log = await store.create(partition(0), "orders", { ...topicConfig, "segment.bytes": 50_000 });
    await appendDurably(ports, log);
    under.disk.capacityBytes = under.disk.usedBytes + 150_000;
    let appended = 1;
    for (; ; appended++) {
      for (let room = log.room(5_000); room !== true; room = log.room(5_000)) await room;
      const result = log.appendAsLeader(batch(1, 4_000), 0, 0);
      if (result.kind === "refused") {
        expect(result.failure).toMatchObject({ code: "KAFKA_STORAGE_ERROR", message: expect.stringContaining("bytes free") });
        break;
      }
      await durable(ports, log);
    }
    expect(under.disk.capacityBytes - under.disk.usedBytes).toBeGreaterThan(50_000);
    expect(store.writeRefusal?.code).toBe("KAFKA_STORAGE_ERROR");
    expect((await log.read(0 as never, 100, log.logEnd)).kind).toBe("batches");
    await log.raiseLogStart(log.logEnd);
    under.disk.capacityBytes += 1_000_000;
    await sleep(ports.clock, 2_000);
    expect(store.writeRefusal).toBeUndefined();
    expect(await appendDurably(ports, log)).toBeDefined();
    expect(log.logEnd).toBe(appended + 1);
  });
});

test("an append that meets a full disk is refused whole, and its log takes appends again when there is room", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports, { diskFreeBytesMin: 1, journalFiles: 1 });
    const log = await store.create(partition(0), "orders", topicConfig);
    await appendDurably(ports, log, batch(1, 100));
    under.disk.capacityBytes = under.disk.usedBytes + 500;
    expect(log.appendAsLeader(batch(1, 5_000), 0, 0)).toMatchObject({
      kind: "refused",
      failure: { code: "KAFKA_STORAGE_ERROR", message: expect.stringContaining("full") },
    });
    expect(log.logEnd).toBe(1);
    expect(log.appendAsLeader(batch(1, 10), 0, 0).kind).toBe("refused");
    under.disk.capacityBytes = 1e12;
    await sleep(ports.clock, 3_000);
    await appendDurably(ports, log, batch(1, 5_000));
    expect(log.logEnd).toBe(2);
  });
  under.machine.kill("power", "drop");
  expect(await under.run(async (ports) => (await open(ports)).get(partition(0))!.logEnd)).toEqual({ kind: "finished", value: 2 });
});

test("the segment of an answered batch, or the journal that holds it, was synced before the answer and after the write", async () => {
  const under = machine(5);
  await under.run(async (ports) => {
    const store = await open(ports, { journalFiles: 1 });
    const log = await store.create(partition(0), "orders", topicConfig);
    const order: string[] = [];
    under.disk.onEffect = (_, kind, path) => {
      if (path.startsWith("journal/") && (kind === "disk.write-sync" || kind === "disk.sync")) order.push(kind);
    };
    log.onDurable(() => order.push(`durable ${log.durableEnd}`));
    for (let number = 0; number < 3; number++) await appendDurably(ports, log);
    expect(order).toEqual([1, 2, 3].flatMap((end) => ["disk.write-sync", "disk.sync", `durable ${end}`]));
  });
});

test("relaxed appends reach the journal not at all, and are synced in the background", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports, { tuning: { unsyncedMsMax: 50 } });
    const log = await store.create(partition(0), "orders", { ...topicConfig, durability: "replicated" });
    await sleep(ports.clock, 10);
    const written = counting(under, "disk.write-sync", "journal/");
    await append(log);
    await append(log);
    await sleep(ports.clock, 20);
    expect([written.count, log.durableEnd]).toEqual([0, 0]);
    await durable(ports, log);
  });
});
