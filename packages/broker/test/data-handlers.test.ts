// Writes and reads through a broker: the outcome of each entry, waits that end, and offsets by position and time.

import type { FetchResult, ProduceResult } from "@varve/api";
import type { PartitionLog } from "@varve/log";
import { type Offset, toOffset } from "@varve/model";
import { BatchBuilder, readRecords } from "@varve/record";
import { nodeCompression } from "@varve/runtime/node";
import { describe, expect, test } from "vitest";
import { diskGatheringBytesMax, gatheringBytesMax } from "../src/fetch-room.ts";
import {
  batchOf,
  FakeController,
  machine,
  orders,
  ordersPartition,
  type Rig,
  signal,
  topicId,
  topicRecords,
  withBroker,
} from "./broker-rig.ts";

const produceAll = { acks: "all", timeoutMs: 1_000 } as const;
const entry = (batch: Uint8Array, id = ordersPartition, leaderEpoch: number | undefined = undefined) => ({ id, leaderEpoch, batch });
const fetchOf = (from: number, changes: Partial<Record<"maxWaitMs" | "minBytes" | "maxBytes", number>> = {}) => {
  const { maxWaitMs = 0, minBytes = 1, maxBytes = 1_000_000 } = changes;
  return { maxWaitMs, minBytes, maxBytes, entries: [{ id: ordersPartition, from: toOffset(from), maxBytes, leaderEpoch: undefined }] };
};

function run<T>(script: (rig: Rig) => Promise<T>): Promise<T> {
  return withBroker(machine(), new FakeController(topicRecords()), script);
}

const oldBatches = 400;

/** One record in each batch, and only the newest of them in memory. */
async function withOldRecords(script: (rig: Rig & { stall(durationMs: number): void }) => Promise<void>): Promise<void> {
  const host = machine();
  const filled = async (rig: Rig) => {
    const value = "x".repeat(1_000);
    for (let at = 0; at < oldBatches; at += 1) await rig.broker.api.produce({ ...produceAll, entries: [entry(batchOf([value]))] }, signal);
    await script({ ...rig, stall: (durationMs) => host.disk.stall(durationMs) });
  };
  await withBroker(host, new FakeController(topicRecords()), filled, { tailBytesMax: 20_000 });
}

/** Counts the reads of a log from now on. */
function countReads(log: PartitionLog) {
  const places: number[] = [];
  const read = log.read.bind(log);
  log.read = (...asked) => {
    places.push(asked[0]);
    return read(...asked);
  };
  return { all: () => places.length, from: (offset: number) => places.filter((place) => place === offset).length };
}

/** Tells whether it is over. */
function settled(promise: Promise<unknown>): () => boolean {
  let isSettled = false;
  void promise.then(() => {
    isSettled = true;
  });
  return () => isSettled;
}

function outcome(result: ProduceResult): string | number {
  return result.kind === "stored" ? result.baseOffset : result.failure.code;
}

function valuesOf(results: readonly FetchResult[]): string[] {
  const values: string[] = [];
  for (const result of results) {
    if (result.kind === "failed") throw new Error(`${result.failure.code}: ${result.failure.message}`);
    for (const chunk of result.chunks) {
      for (let at = 0; at < chunk.length; ) {
        for (const record of readRecords(chunk, at, nodeCompression))
          values.push(new TextDecoder().decode(record.value ?? new Uint8Array()));
        at += new DataView(chunk.buffer, chunk.byteOffset).getInt32(at + 8) + 12;
      }
    }
  }
  return values;
}

describe("a write", () => {
  test("is stored at the next offset, and read back once it is durable", () =>
    run(async ({ broker }) => {
      const first = await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["a", "b"]))] }, signal);
      const second = await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["c"]))] }, signal);
      expect([...first, ...second].map(outcome)).toEqual([0, 2]);
      expect(valuesOf(await broker.api.fetch(fetchOf(0), signal))).toEqual(["a", "b", "c"]);
    }));

  test("has an outcome for each of its entries: good ones are stored beside bad ones", () =>
    run(async ({ broker }) => {
      const damaged = batchOf(["x"]);
      damaged[damaged.length - 1]! ^= 1;
      const entries = [
        entry(batchOf(["good"])),
        entry(batchOf(["x"]), { topicId: topicId(99), partition: 0 }),
        entry(batchOf(["x"]), { topicId: orders, partition: 5 }),
        entry(damaged),
        entry(batchOf(["x"]), ordersPartition, 3),
      ];
      const results = await broker.api.produce({ ...produceAll, entries }, signal);
      expect(results.map(outcome)).toEqual([
        0,
        "UNKNOWN_TOPIC_ID",
        "UNKNOWN_TOPIC_OR_PARTITION",
        "CORRUPT_MESSAGE",
        "UNKNOWN_LEADER_EPOCH",
      ]);
    }));

  test("with acks=leader is answered before it is durable, and is shown to nobody before it is", () =>
    run(async ({ broker, logs, sleep }) => {
      const [stored] = await broker.api.produce({ acks: "leader", timeoutMs: 1_000, entries: [entry(batchOf(["a"]))] }, signal);
      expect(outcome(stored!)).toBe(0);
      expect(logs.get(ordersPartition)!.durableEnd).toBe(0);
      expect(valuesOf(await broker.api.fetch(fetchOf(0), signal))).toEqual([]);
      await sleep(5_000);
      expect(valuesOf(await broker.api.fetch(fetchOf(0), signal))).toEqual(["a"]);
    }));

  test("that is not settled in its time is answered REQUEST_TIMED_OUT, though it may be stored later", async () => {
    const host = machine();
    await withBroker(host, new FakeController(topicRecords()), async ({ broker, sleep }) => {
      host.disk.stall(10_000);
      const results = await broker.api.produce({ acks: "all", timeoutMs: 500, entries: [entry(batchOf(["late"]))] }, signal);
      expect(results.map(outcome)).toEqual(["REQUEST_TIMED_OUT"]);
      await sleep(30_000);
      expect(valuesOf(await broker.api.fetch(fetchOf(0), signal))).toEqual(["late"]);
    });
  });

  test("bears the broker's time where the topic says LogAppendTime", async () => {
    const config = { kind: "topic-config", topicId: orders, key: "message.timestamp.type", value: "LogAppendTime" } as const;
    await withBroker(machine(), new FakeController([...topicRecords(), config]), async ({ broker }) => {
      const [stored] = await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["a"], 1))] }, signal);
      expect(stored).toMatchObject({ kind: "stored", appendTimeMs: expect.any(Number) });
      const [listed] = await broker.api.listOffsets(
        [{ id: ordersPartition, position: { kind: "timestamp", timestampMs: 2 }, leaderEpoch: undefined }],
        signal,
      );
      expect(listed).toMatchObject({ kind: "ok", value: { offset: 0 } });
    });
  });
});

describe("a fetch", () => {
  test("waits for its bytes, and is answered when they are committed", () =>
    run(async ({ broker, sleep }) => {
      const waiting = broker.api.fetch(fetchOf(0, { maxWaitMs: 60_000 }), signal);
      await sleep(1_000);
      await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["news"]))] }, signal);
      expect(valuesOf(await waiting)).toEqual(["news"]);
    }));

  test("of the thousand that wake at one append, those gather whose answers fit into the room for it, then the next", () =>
    run(async ({ broker, logs, sleep }) => {
      const maxBytes = 6_000_000;
      let gathering = 0;
      let gatheringMax = 0;
      const answers = Array.from({ length: 1_000 }, async () => {
        const results = await broker.api.fetch(fetchOf(0, { maxWaitMs: 60_000, maxBytes }), signal);
        gathering -= 1;
        return valuesOf(results);
      });
      await sleep(1_000);
      const log = logs.get(ordersPartition)!;
      const read = log.read.bind(log);
      log.read = (...asked) => {
        gathering += 1;
        gatheringMax = Math.max(gatheringMax, gathering);
        return read(...asked);
      };
      await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["first"]))] }, signal);
      expect(new Set((await Promise.all(answers)).map(String))).toEqual(new Set(["first"]));
      expect(gatheringMax).toBeGreaterThan(1);
      expect(gatheringMax).toBeLessThanOrEqual(Math.floor(gatheringBytesMax / maxBytes));
    }));

  test("that asks for more than there is room for gathers alone", () =>
    run(async ({ broker }) => {
      await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["a"]))] }, signal);
      const answers = [2, 1, 2].map((times) => broker.api.fetch(fetchOf(0, { maxBytes: times * gatheringBytesMax }), signal));
      expect((await Promise.all(answers)).map(valuesOf)).toEqual([["a"], ["a"], ["a"]]);
    }));

  test("of the newest records is answered while those of the oldest hold all of the disk's share; these end with their wait or caller", () =>
    withOldRecords(async ({ broker, logs, sleep, stall }) => {
      const maxBytes = Math.floor(diskGatheringBytesMax / 4);
      stall(10_000);
      const underWay = Array.from({ length: 4 }, () => broker.api.fetch(fetchOf(0, { maxBytes }), signal));
      await sleep(1);
      const reads = countReads(logs.get(ordersPartition)!);
      const caller = new AbortController();
      const late = broker.api.fetch(fetchOf(0, { maxWaitMs: 500, maxBytes }), signal);
      const abandoned = broker.api.fetch(fetchOf(0, { maxWaitMs: 60_000, maxBytes }), caller.signal);
      const patient = broker.api.fetch(fetchOf(0, { maxWaitMs: 60_000, maxBytes }), signal);
      const isOver = { underWay: settled(underWay[0]!), late: settled(late), abandoned: settled(abandoned), patient: settled(patient) };
      const newest = await broker.api.fetch(fetchOf(oldBatches - 1), signal);
      expect(newest).toMatchObject([{ kind: "batches", byteLength: expect.toSatisfy((bytes) => bytes > 0) }]);
      expect(reads.from(0)).toBe(0);
      await sleep(400);
      expect(isOver.late()).toBe(false);
      caller.abort();
      await sleep(101);
      expect([isOver.underWay(), isOver.late(), isOver.abandoned(), isOver.patient()]).toEqual([false, true, true, false]);
      const nothing = [{ kind: "batches", byteLength: 0, chunks: [], highWatermark: oldBatches, logStart: 0 }];
      expect([await late, await abandoned]).toEqual([nothing, nothing]);
      expect(reads.from(0)).toBe(0);
      for (const answer of [...(await Promise.all(underWay)), await patient]) expect(valuesOf(answer).length).toBeGreaterThan(0);
      expect(reads.from(0)).toBe(1);
    }));

  test("of old and new records is answered with the new ones while the disk's share is taken", () =>
    withOldRecords(async ({ broker, sleep, stall }) => {
      stall(10_000);
      const underWay = broker.api.fetch(fetchOf(0, { maxBytes: diskGatheringBytesMax }), signal);
      await sleep(1);
      const [fresh] = fetchOf(oldBatches - 1).entries;
      const [old] = fetchOf(0).entries;
      const mixed = broker.api.fetch({ ...fetchOf(0, { maxWaitMs: 5_000, minBytes: 500_000 }), entries: [old!, fresh!] }, signal);
      const isOver = settled(mixed);
      await sleep(10);
      expect(isOver()).toBe(true);
      expect((await mixed).map((result) => valuesOf([result]).length)).toEqual([0, 1]);
      expect(valuesOf(await underWay).length).toBeGreaterThan(0);
    }));

  test("of records that only the disk can bring reads nothing while the disk's share is taken", () =>
    withOldRecords(async ({ broker, logs, sleep, stall }) => {
      stall(10_000);
      const underWay = broker.api.fetch(fetchOf(0, { maxBytes: diskGatheringBytesMax }), signal);
      await sleep(1);
      const reads = countReads(logs.get(ordersPartition)!);
      const ends = [1, 2, 3].map((from) => broker.api.fetch(fetchOf(from, { maxWaitMs: 100 }), signal));
      expect((await Promise.all(ends)).flatMap(valuesOf)).toEqual([]);
      expect(reads.all()).toBe(0);
      expect(valuesOf(await underWay).length).toBeGreaterThan(0);
    }));

  test("whose answer has no room for the next batch does not wait for more bytes", () =>
    run(async ({ broker, sleep }) => {
      for (const value of ["a", "b", "c"]) {
        await broker.api.produce({ ...produceAll, entries: [entry(batchOf([value.repeat(40_000)]))] }, signal);
      }
      const request = { ...fetchOf(0, { maxWaitMs: 60_000, minBytes: 65_536 }), bytesMaxNow: () => 65_536 };
      const fetching = broker.api.fetch(request, signal);
      const isOver = settled(fetching);
      await sleep(10);
      expect(isOver()).toBe(true);
      expect(valuesOf(await fetching)).toEqual(["a".repeat(40_000)]);
    }));

  test("that comes between an append and its commit is answered by that commit", async () => {
    const host = machine();
    await withBroker(host, new FakeController(topicRecords()), async ({ broker, sleep }) => {
      host.disk.stall(2_000);
      const writing = broker.api.produce({ ...produceAll, timeoutMs: 60_000, entries: [entry(batchOf(["early"]))] }, signal);
      const waiting = broker.api.fetch(fetchOf(0, { maxWaitMs: 86_400_000 }), signal);
      let isAnswered = false;
      void waiting.then(() => {
        isAnswered = true;
      });
      await writing;
      await sleep(10);
      expect(isAnswered).toBe(true);
      expect(valuesOf(await waiting)).toEqual(["early"]);
    });
  });

  test("that does not get its bytes is answered with what there is when its wait is over", () =>
    run(async ({ broker }) => {
      await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["a"]))] }, signal);
      expect(valuesOf(await broker.api.fetch(fetchOf(0, { maxWaitMs: 300, minBytes: 100_000 }), signal))).toEqual(["a"]);
    }));

  test("ends when nobody waits for it any more", () =>
    run(async ({ broker, sleep }) => {
      const caller = new AbortController();
      const waiting = broker.api.fetch(fetchOf(0, { maxWaitMs: 86_400_000 }), caller.signal);
      await sleep(10);
      caller.abort();
      expect(valuesOf(await waiting)).toEqual([]);
    }));

  test("that waits on a topic learns that it was deleted", () =>
    run(async ({ broker, controller, sleep }) => {
      const waiting = broker.api.fetch(fetchOf(0, { maxWaitMs: 86_400_000 }), signal);
      await sleep(10);
      await controller.commit({ kind: "remove-topic", topicId: orders });
      expect(await waiting).toMatchObject([{ kind: "failed", failure: { code: "UNKNOWN_TOPIC_ID" } }]);
    }));

  test("behind the high watermark is out of range, and says what there is", () =>
    run(async ({ broker }) => {
      await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["a"]))] }, signal);
      expect(await broker.api.fetch(fetchOf(2), signal)).toMatchObject([
        { kind: "failed", failure: { code: "OFFSET_OUT_OF_RANGE" }, highWatermark: 1, logStart: 0 },
      ]);
    }));

  test("gets the first batch whole, however small its bound", () =>
    run(async ({ broker }) => {
      await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["a".repeat(5_000)]))] }, signal);
      await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["b"]))] }, signal);
      expect(valuesOf(await broker.api.fetch(fetchOf(0, { maxBytes: 10 }), signal))).toEqual(["a".repeat(5_000)]);
    }));
});

describe("offsets", () => {
  const at = (position: { kind: "earliest" } | { kind: "latest" } | { kind: "timestamp"; timestampMs: number }) => [
    { id: ordersPartition, position, leaderEpoch: undefined },
  ];

  test("are found at both ends and by time, record by record", () =>
    run(async ({ broker }) => {
      for (const time of [100, 200, 300]) await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["a", "b"], time))] }, signal);
      await broker.api.deleteRecords([{ id: ordersPartition, before: toOffset(3) }], signal);
      const find = async (position: Parameters<typeof at>[0]) => {
        const [listed] = await broker.api.listOffsets(at(position), signal);
        return listed?.kind === "ok" ? listed.value.offset : listed?.failure.code;
      };
      expect(await find({ kind: "earliest" })).toBe(3);
      expect(await find({ kind: "latest" })).toBe(6);
      // The batch of the offsets 2 and 3 has that time; 2 is deleted.
      expect(await find({ kind: "timestamp", timestampMs: 150 })).toBe(3);
      expect(await find({ kind: "timestamp", timestampMs: 201 })).toBe(4);
      expect(await find({ kind: "timestamp", timestampMs: 301 })).toBeUndefined();
    }));

  test.each([
    ["how many records it holds", { recordCount: 2, maxTimestamp: 9_000 }],
    ["how new they are", { recordCount: 1, maxTimestamp: 9_000 }],
  ])("of a batch that lies about %s are refused, and the next good request works", (_, { recordCount, maxTimestamp }) =>
    run(async ({ broker }) => {
      const lying = batchOf(["a"], 1_000);
      const header = new DataView(lying.buffer, lying.byteOffset);
      header.setInt32(23, recordCount - 1);
      header.setBigInt64(35, BigInt(maxTimestamp));
      header.setInt32(57, recordCount);
      header.setUint32(17, nodeCompression.crc32c(lying.subarray(21)));
      const [stored] = await broker.api.produce({ ...produceAll, entries: [entry(lying)] }, signal);
      expect(outcome(stored!)).toBe(0);
      const listed = await broker.api.listOffsets(at({ kind: "timestamp", timestampMs: 5_000 }), signal);
      expect(listed).toMatchObject([{ kind: "failed", failure: { code: "INVALID_RECORD" } }]);
      const next = await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["next"]))] }, signal);
      expect(next.map(outcome)).toEqual([recordCount]);
    }),
  );

  test("are looked for behind a batch whose records of that time were deleted", () =>
    run(async ({ broker }) => {
      const mixed = new BatchBuilder({ bytesTarget: 10_000, bytesMax: 10_000 }, nodeCompression);
      for (const time of [1_000, 10, 10]) mixed.append(time, null, "x");
      await broker.api.produce({ ...produceAll, entries: [entry(mixed.finish())] }, signal);
      await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["late"], 2_000))] }, signal);
      await broker.api.deleteRecords([{ id: ordersPartition, before: toOffset(2) }], signal);
      const listed = await broker.api.listOffsets(at({ kind: "timestamp", timestampMs: 500 }), signal);
      expect(listed).toMatchObject([{ kind: "ok", value: { offset: 3, timestampMs: 2_000 } }]);
    }));

  test("records are deleted up to the high watermark and not above", () =>
    run(async ({ broker }) => {
      await broker.api.produce({ ...produceAll, entries: [entry(batchOf(["a", "b"]))] }, signal);
      const above = await broker.api.deleteRecords([{ id: ordersPartition, before: 3 as Offset }], signal);
      expect(above).toMatchObject([{ kind: "failed", failure: { code: "OFFSET_OUT_OF_RANGE" } }]);
      const all = await broker.api.deleteRecords([{ id: ordersPartition, before: undefined }], signal);
      expect(all).toEqual([{ kind: "ok", value: 2 }]);
    }));
});

test("producer ids are handed out once each, block after block", () =>
  run(async ({ broker }) => {
    const ids = [await broker.api.initProducerId(signal), await broker.api.initProducerId(signal)];
    expect(ids.map(({ producerId }) => producerId)).toEqual([1000, 1001]);
  }));
