// Shows what is one past the bounds of a broker's logs: producers and batches that are remembered, memory and files, the journal's size, the
// disk's room. Each time the log goes on, and what it was told is there.

import { type LogStore, type LogStoreOptions, openLogStore, type PartitionLog, type ReadResult } from "@varve/log";
import { defaults, type Offset, type TopicConfig, toOffset, topicConfigTable, toTopicId } from "@varve/model";
import { sleep } from "@varve/runtime";
import { nodeCompression } from "@varve/runtime/node";
import { type DiskOnly, diskOnly, type MachinePorts } from "@varve/sim";
import { expect, test } from "vitest";
import { batchOf } from "./batches.ts";

const never = new AbortController().signal;
const topicId = toTopicId("AAAAAAAAAAAAAAAAAAAABw");
const nowMs = 1_767_225_600_000;
const topicDefaults = defaults(topicConfigTable);

const options: LogStoreOptions = {
  clusterId: undefined,
  nodeId: 1,
  configOf: () => topicDefaults,
  journalFiles: 2,
  journalFileBytes: 1_048_576,
  journalWaitingBytesMax: 1_048_576,
  tailBytesMax: 1_048_576,
  openFilesMax: 16,
  diskFreeBytesMin: 0,
  retentionCheckMs: 3_600_000,
  producerExpiryMs: 86_400_000,
  scrubBytesPerSecond: 0,
  onDiskFailure: (error) => {
    throw error;
  },
};

function machine(limits: { readonly capacityBytes?: number; readonly openFilesMax?: number } = {}): DiskOnly {
  return diskOnly({ seed: 3, turn: () => new Promise((resolve) => setImmediate(resolve)), ...limits });
}

/** Plays one life of a machine with its logs. */
async function withLogs<T>(
  host: DiskOnly,
  play: (logs: LogStore, ports: MachinePorts) => Promise<T>,
  changes: Partial<LogStoreOptions> = {},
  end: "close" | "leave" = "close",
): Promise<T> {
  const outcome = await host.run(async (ports) => {
    const logs = await openLogStore({ ...ports, compression: nodeCompression }, { ...options, ...changes }, never);
    const value = await play(logs, ports);
    if (end === "close") await logs.close();
    return value;
  });
  if (outcome.kind === "died") throw new Error("the machine died");
  return outcome.value;
}

const make = (logs: LogStore, partition = 0, config: Partial<TopicConfig> = {}) =>
  logs.create({ topicId, partition }, "orders", { ...topicDefaults, ...config });

const bytesOf = (batch: Buffer) => new Uint8Array(batch);
const plain = (value: string) => bytesOf(batchOf([value], { timestampMs: nowMs }));
const produced = (id: number, baseSequence: number) =>
  bytesOf(batchOf(["x"], { timestampMs: nowMs, producer: { id, epoch: 0, baseSequence } }));

/** Appends when there is room, as the broker does. */
async function append(log: PartitionLog, batch: Uint8Array, leaderEpoch = 0) {
  for (let room = log.room(batch.length); room !== true; room = log.room(batch.length)) await room;
  return log.appendAsLeader(batch, leaderEpoch, nowMs);
}

async function until(ports: MachinePorts, condition: () => boolean): Promise<void> {
  for (let waits = 0; !condition(); waits += 1) {
    if (waits > 10_000) throw new Error("did not come about");
    await new Promise<void>((resolve) => ports.clock.setTimer(10, resolve));
  }
}

async function read(log: PartitionLog, from: number): Promise<ReadResult> {
  return log.read(toOffset(from), 1, log.logEnd);
}

test("of 10,001 producers of a partition the one that has not written for longest is forgotten, the others are not", () =>
  withLogs(machine(), async (logs) => {
    const log = await make(logs, 0, { durability: "replicated" });
    for (let id = 0; id < 10_000; id += 1) await append(log, produced(id, 0));
    expect((await append(log, produced(0, 0))).kind).toBe("duplicate");
    await append(log, produced(10_000, 0));
    expect((await append(log, produced(1, 0))).kind).toBe("duplicate");
    expect((await append(log, produced(0, 0))).kind).toBe("appended");
  }));

test("a producer's last five batches are known when they come again, the sixth from last is out of order", () =>
  withLogs(machine(), async (logs) => {
    const log = await make(logs);
    for (let sequence = 0; sequence < 6; sequence += 1) await append(log, produced(7, sequence));
    expect(await append(log, produced(7, 1))).toMatchObject({ kind: "duplicate", baseOffset: 1 });
    expect(await append(log, produced(7, 0))).toMatchObject({ kind: "refused", failure: { code: "OUT_OF_ORDER_SEQUENCE_NUMBER" } });
    expect(await append(log, produced(7, 6))).toMatchObject({ kind: "appended", baseOffset: 6 });
  }));

test("a producer that has not written for its time is forgotten, one that has is not", () =>
  withLogs(
    machine(),
    async (logs, { clock }) => {
      const log = await make(logs);
      const again = async () => {
        for (let room = log.room(100); room !== true; room = log.room(100)) await room;
        return log.appendAsLeader(produced(7, 0), 0, nowMs).kind;
      };
      await append(log, produced(7, 0));
      await sleep(clock, 50_000);
      expect(await again()).toBe("duplicate");
      await sleep(clock, 20_000);
      expect(await again()).toBe("appended");
    },
    { producerExpiryMs: 60_000 },
  ));

test("with as many bytes waiting for their sync as may wait, an append is to wait, and there is room after the round", () =>
  withLogs(
    machine(),
    async (logs, ports) => {
      const log = await make(logs);
      const batch = plain("x".repeat(20_000));
      let taken = 0;
      while (log.room(batch.length) === true) {
        log.appendAsLeader(batch.slice(), 0, nowMs);
        taken += 1;
        expect(taken).toBeLessThan(10);
      }
      expect(taken).toBe(3);
      await log.room(batch.length);
      expect(log.room(batch.length)).toBe(true);
      await until(ports, () => log.durableEnd === 3);
    },
    { journalWaitingBytesMax: 65_536 },
  ));

test("what is appended beyond the journal's files uses them again: the journal never grows past them, and nothing is lost", async () => {
  const host = machine();
  const journalBytes = async (ports: MachinePorts) => {
    let bytes = 0;
    for (const name of await ports.disk.list("journal").catch(() => [])) {
      const file = await ports.disk.open(`journal/${name}`, "read");
      bytes += file.size;
      await file.close();
    }
    return bytes;
  };
  await withLogs(host, async (logs, ports) => {
    const log = await make(logs);
    for (let batch = 0; batch < 400; batch += 1) {
      await append(log, plain("x".repeat(20_000)));
      await until(ports, () => log.durableEnd === batch + 1);
    }
    expect(log.byteLength).toBeGreaterThan(3 * 2 * 1_048_576);
    const used = await journalBytes(ports);
    expect(used).toBeGreaterThan(0);
    expect(used).toBeLessThanOrEqual(2 * 1_048_576);
  });
  await withLogs(host, async (logs) => expect(logs.get({ topicId, partition: 0 })!.logEnd).toBe(400));
});

test("batches beyond the memory for the newest are read from the disk, the newest from memory", () =>
  withLogs(
    machine(),
    async (logs, ports) => {
      const log = await make(logs);
      for (let batch = 0; batch < 10; batch += 1) await append(log, plain("x".repeat(10_000)));
      await until(ports, () => log.durableEnd === 10);
      expect(log.read(toOffset(9), 1, log.logEnd)).not.toBeInstanceOf(Promise);
      const old = log.read(toOffset(0), 1, log.logEnd);
      expect(old).toBeInstanceOf(Promise);
      expect(await old).toMatchObject({ kind: "batches", nextOffset: 1 });
    },
    { tailBytesMax: 65_536 },
  ));

test("segments beyond the files that may be open are read all the same, in any order", async () => {
  // The machine itself would refuse the files that the logs must not have open.
  const host = machine({ openFilesMax: 60 });
  await withLogs(
    host,
    async (logs, ports) => {
      const log = await make(logs, 0, { "segment.bytes": 4_096 });
      for (let batch = 0; batch < 100; batch += 1) {
        await append(log, plain("x".repeat(3_000)));
        // A segment that ends stays open until it is synced in the background; these are synced before more come.
        if (batch % 10 === 9) await new Promise<void>((resolve) => ports.clock.setTimer(12_000, resolve));
      }
      await until(ports, () => log.durableEnd === 100);
      for (let step = 0; step < 200; step += 1) {
        const from = (step * 37) % 100;
        expect(await read(log, from)).toMatchObject({ kind: "batches", nextOffset: from + 1 });
      }
    },
    { openFilesMax: 16, tailBytesMax: 0 },
  );
  expect(host.trace.counts.get("disk.fault.too-many-files")).toBeUndefined();
});

test("writes are refused before the disk is full, reads go on, and writes resume when there is room", async () => {
  const host = machine({ capacityBytes: 8_388_608 });
  await withLogs(
    host,
    async (logs, ports) => {
      const log = await make(logs, 0, { durability: "replicated" });
      let appended = 0;
      while (logs.writeRefusal === undefined) {
        await append(log, plain("x".repeat(20_000)));
        appended += 1;
        await new Promise<void>((resolve) => ports.clock.setTimer(1, resolve));
        expect(appended).toBeLessThan(400);
      }
      expect(logs.writeRefusal.code).toBe("KAFKA_STORAGE_ERROR");
      expect((await ports.disk.space()).freeBytes).toBeGreaterThan(0);
      expect(await read(log, 0)).toMatchObject({ kind: "batches", nextOffset: 1 });
      await log.resetTo(log.logEnd);
      await until(ports, () => logs.writeRefusal === undefined);
      expect(await append(log, plain("y"))).toMatchObject({ kind: "appended", baseOffset: appended });
    },
    { diskFreeBytesMin: 2_097_152 },
  );
});

test("of 65 damaged ranges each is told apart from what is good between them, the one that was forgotten too", async () => {
  const host = machine();
  const batch = plain("x".repeat(100));
  const batches = 131;
  await withLogs(host, async (logs) => {
    const log = await make(logs);
    for (let number = 0; number < batches; number += 1) await append(log, batch.slice());
  });
  const path = await segmentPath(host);
  for (let number = 0; number < batches; number += 2) host.disk.flipBit(path, number * batch.length + 100);
  await withLogs(
    host,
    async (logs) => {
      const log = logs.get({ topicId, partition: 0 })!;
      for (let round = 0; round < 2; round += 1) {
        for (let from = 0; from < batches - 1; from += 1) {
          const result = await read(log, from);
          if (from % 2 === 0) expect(result).toMatchObject({ kind: "damaged", resumeAt: from + 1 });
          else expect(result).toMatchObject({ kind: "batches", nextOffset: from + 1 });
        }
      }
    },
    { tailBytesMax: 0 },
    "leave",
  );
});

test("of 65,537 leader epochs the oldest is forgotten, the others still say where they end", () =>
  withLogs(machine(), async (logs) => {
    const log = await make(logs, 0, { durability: "replicated" });
    const batch = plain("x");
    for (let epoch = 0; epoch < 65_536; epoch += 1) await append(log, batch.slice(), epoch);
    expect(log.endOfEpoch(0)).toEqual({ epoch: 0, endOffset: 1 });
    await append(log, batch.slice(), 65_536);
    expect(log.endOfEpoch(0)).toBeUndefined();
    expect(log.endOfEpoch(1)).toEqual({ epoch: 1, endOffset: 2 });
    expect(log.endOfEpoch(65_536)).toEqual({ epoch: 65_536, endOffset: 65_537 });
  }));

test("more readers than a log remembers read on where each of them was", () =>
  withLogs(
    machine(),
    async (logs, ports) => {
      const log = await make(logs);
      for (let batch = 0; batch < 200; batch += 1) await append(log, plain(`value ${batch}`));
      await until(ports, () => log.durableEnd === 200);
      const readers = Array.from({ length: 17 }, (_, reader) => reader * 9);
      for (let round = 0; round < 20; round += 1) {
        for (const [reader, from] of readers.entries()) {
          const result = await read(log, from);
          expect(result).toMatchObject({ kind: "batches", nextOffset: from + 1 });
          readers[reader] = (result as Extract<ReadResult, { kind: "batches" }>).nextOffset as Offset;
        }
      }
    },
    { tailBytesMax: 0 },
  ));

test("more logs than are recovered or closed at once are all recovered, and all closed", async () => {
  const host = machine();
  const partitions = Array.from({ length: 20 }, (_, partition) => partition);
  const fill = async (logs: LogStore, ports: MachinePorts) => {
    for (const partition of partitions) {
      const log = logs.get({ topicId, partition }) ?? (await make(logs, partition));
      const end = log.logEnd + 1;
      await append(log, plain(`value ${partition}`));
      await until(ports, () => log.durableEnd === end);
    }
  };
  await withLogs(host, fill, {}, "leave");
  host.kill("power");
  await withLogs(host, async (logs, ports) => {
    expect(logs.startedClean).toBe(false);
    expect([...logs.logs()].map(({ logEnd }) => logEnd)).toEqual(partitions.map(() => 1));
    await fill(logs, ports);
  });
  await withLogs(host, async (logs) => {
    expect(logs.startedClean).toBe(true);
    expect([...logs.logs()].map(({ logEnd }) => logEnd)).toEqual(partitions.map(() => 2));
  });
});

test("a batch that would make a segment larger than its bound, or its index, begins the next one", async () => {
  for (const config of [{ "segment.bytes": 4_096 }, { "segment.index.bytes": 24, "index.interval.bytes": 0 }]) {
    const host = machine();
    await withLogs(host, async (logs) => {
      const log = await make(logs, 0, config);
      for (let batch = 0; batch < 8; batch += 1) await append(log, plain("x".repeat(1_500)));
    });
    const sizes = await segmentSizes(host);
    expect(sizes.length).toBeGreaterThan(2);
    for (const size of sizes) expect(size).toBeLessThanOrEqual("segment.bytes" in config ? 4_096 : 24 * 1_600);
  }
});

async function segmentNames(ports: MachinePorts): Promise<readonly string[]> {
  const folder = `${topicId}-0`;
  return (await ports.disk.list(folder)).filter((name) => name.endsWith(".log")).map((name) => `${folder}/${name}`);
}

async function segmentPath(host: DiskOnly): Promise<string> {
  const outcome = await host.run(async (ports) => (await segmentNames(ports))[0]!);
  if (outcome.kind === "died") throw new Error("the machine died");
  return outcome.value;
}

async function segmentSizes(host: DiskOnly): Promise<readonly number[]> {
  const outcome = await host.run(async (ports) => {
    const sizes: number[] = [];
    for (const name of await segmentNames(ports)) {
      const file = await ports.disk.open(name, "read");
      sizes.push(file.size);
      await file.close();
    }
    return sizes;
  });
  if (outcome.kind === "died") throw new Error("the machine died");
  return outcome.value;
}
