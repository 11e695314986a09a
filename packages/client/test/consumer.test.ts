// Shows what a consumer does for its user: where it begins and ends, what it leaves out, what it says of damage, and that it holds little.

import type { FetchResult } from "@varve/api";
import type { Offset } from "@varve/model";
import { buildEndTransactionMarker, recordCountOf, stampChecksum } from "@varve/record";
import { expect, test } from "vitest";
import { type Consumer, type ConsumerOptions, type ConsumerRecord, DamagedRecordsError } from "../src/index.ts";
import { failed } from "./fake-cluster.ts";
import { compression, onStage, type Stage } from "./stage.ts";

/** Writes `count` records `v0`, `v1`, … in batches of `perBatch`, at the times 0, 10, 20, … */
async function write({ run, varve }: Stage, count: number, perBatch = 1, topic = "orders", first = 0): Promise<void> {
  for (let at = first; at < first + count; at += perBatch) {
    const records = Array.from({ length: perBatch }, (_, index) => ({
      value: `v${at + index}`,
      timestamp: (at + index) * 10,
      partition: 0,
    }));
    await run(varve.send(topic, records));
  }
}

/** Reads to the end. */
async function texts(consumer: AsyncIterable<ConsumerRecord>): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const record of consumer) seen.push(record.text());
  return seen;
}

async function take(consumer: AsyncIterable<ConsumerRecord>, count: number): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const record of consumer) {
    seen.push(record.text());
    if (seen.length === count) break;
  }
  return seen;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("records come back as they were sent", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    await run(
      varve.send("orders", [
        { key: "a", value: '{"id":1}', headers: { tenant: "x", none: null }, timestamp: 5 },
        { value: null, timestamp: 6 },
        {
          key: new Uint8Array([1]),
          value: new Uint8Array([2]),
          headers: [
            ["k", "1"],
            ["k", "2"],
          ],
          timestamp: 7,
        },
      ]),
    );
    const records: ConsumerRecord[] = [];
    const read = async () => {
      for await (const record of varve.consume("orders", { from: "earliest", until: "end" })) records.push(record);
    };
    await run(read());
    const [first, second, third] = records;
    expect(first).toMatchObject({ topic: "orders", partition: 0, offset: 0, timestamp: 5 });
    expect(first!.keyText()).toBe("a");
    expect(first!.json<{ id: number }>().id).toBe(1);
    expect([first!.header("tenant"), first!.header("none"), first!.header("other")]).toEqual(["x", undefined, undefined]);
    expect([second!.key, second!.value, second!.text(), second!.keyText()]).toEqual([null, null, "", undefined]);
    expect([third!.key, third!.value, third!.headers.map(({ key }) => key)]).toEqual([
      new Uint8Array([1]),
      new Uint8Array([2]),
      ["k", "k"],
    ]);
  }));

const all = ["v0", "v1", "v2", "v3", "v4", "v5"];
const places: readonly [string, ConsumerOptions, readonly string[]][] = [
  ["the earliest to the end", { from: "earliest", until: "end" }, all],
  ["an offset within a batch", { from: { offset: 4 }, until: "end" }, ["v4", "v5"]],
  ["a time within a batch", { from: { timestamp: 35 }, until: "end" }, ["v4", "v5"]],
  ["a time that no record has reached", { from: { timestamp: 1_000 }, until: "end" }, []],
  ["the latest", { from: "latest", until: "end" }, []],
  ["the earliest to an offset within a batch", { from: "earliest", until: { offset: 2 } }, ["v0", "v1"]],
  ["the earliest to a time", { from: "earliest", until: { timestamp: 50 } }, ["v0", "v1", "v2", "v3", "v4"]],
  ["an offset behind the end of reading", { from: { offset: 5 }, until: { offset: 2 } }, []],
];
test.each(places)("reading from %s", (_name, options, expected) =>
  onStage(async (made) => {
    made.cluster.create("orders");
    await write(made, 6, 3);
    expect(await made.run(texts(made.varve.consume("orders", options)))).toEqual(expected);
  }),
);

test("reading to the end leaves out what is written meanwhile, and ends in an empty topic at once", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    expect(await run(texts(varve.consume("orders", { from: "earliest", until: "end" })))).toEqual([]);
    await write(made, 2);
    const consumer = varve.consume("orders", { from: "earliest", until: "end" });
    await run(consumer.ready());
    await write(made, 2, 1, "orders", 2);
    expect(await run(texts(consumer))).toEqual(["v0", "v1"]);
  }));

test("a consumer that follows gets a record as soon as it is written, without waiting for its poll to end", () =>
  onStage(async (made) => {
    const { cluster, run, varve, world } = made;
    cluster.create("orders");
    const consumer = varve.consume("orders", { maxWaitMs: 30_000 });
    await run(consumer.ready());
    const next = take(consumer, 1);
    await world.runFor(5_000);
    const before = world.nowMs;
    await write(made, 1);
    expect(await run(next)).toEqual(["v0"]);
    expect(world.nowMs - before).toBeLessThan(20);
  }));

test("batches tell where they stand, and give their records three ways", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 6, 3);
    const batches = varve.consume("orders", { from: { offset: 1 }, until: { offset: 5 } }).batches();
    const { value: batch } = await run(batches.next());
    expect(batch).toMatchObject({ topic: "orders", partition: 0, from: 1, nextOffset: 5, highWatermark: 6, logStart: 0 });
    expect(batch!.byteLength).toBe(cluster.partition("orders").batches.reduce((sum, { bytes }) => sum + bytes.length, 0));
    expect(batch!.records.map((record) => record.text())).toEqual(["v1", "v2", "v3", "v4"]);
    expect([...batch!].map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
    const offsets: number[] = [];
    batch!.forEach(({ offset }) => {
      offsets.push(offset);
    });
    expect(offsets).toEqual([1, 2, 3, 4]);
    expect(await run(batches.next())).toEqual({ done: true, value: undefined });
  }));

test("control batches take offsets and are not shown", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    const partition = cluster.create("orders").partitions[0]!;
    await write(made, 2, 2);
    const place = { baseOffset: 2, leaderEpoch: 1, timestampMs: 0 };
    const marker = buildEndTransactionMarker(
      { outcome: "COMMIT", producerId: 5, producerEpoch: 0, coordinatorEpoch: 0 },
      place,
      compression,
    );
    partition.batches.push({ baseOffset: 2, lastOffset: 2, bytes: marker });
    partition.end = 3;
    await write(made, 1, 1, "orders", 3);
    const consumer = varve.consume("orders", { from: "earliest", until: "end" });
    expect(await run(texts(consumer))).toEqual(["v0", "v1", "v3"]);
    expect(consumer.position(0)).toBe(4);
    expect(await run(texts(varve.consume("orders", { from: { offset: 2 }, until: { offset: 3 } })))).toEqual([]);
  }));

test("position and lag follow what is done with", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 6, 3);
    const consumer = varve.consume("orders", { from: "earliest" });
    const records = consumer[Symbol.asyncIterator]();
    await run(records.next());
    await run(records.next());
    expect([consumer.position(0), consumer.lag(0)]).toEqual([1, 5]);
    await run(records.next());
    expect([consumer.position({ topic: "orders", partition: 0 }), consumer.lag(0)]).toEqual([2, 4]);
    expect(() => consumer.position(7)).toThrowError("partition 7 is not read here");
    consumer.close();
  }));

test("a seek takes effect at the next record, also while a fetch is on its way", () =>
  onStage(async (made) => {
    const { cluster, run, varve, world } = made;
    cluster.create("orders");
    await write(made, 9, 3);
    const consumer = varve.consume("orders", { from: "earliest", partitionMaxBytes: 1 });
    const records = consumer[Symbol.asyncIterator]();
    const next = async () => (await run(records.next())).value?.text();
    expect(await next()).toBe("v0");
    void consumer.seek(0, 7);
    expect(await next()).toBe("v7");
    await run(consumer.seek(0, "earliest"));
    expect(await next()).toBe("v0");
    await run(consumer.seek(0, { timestamp: 40 }));
    expect(await next()).toBe("v4");
    // At the end a long poll is on its way; what it brings is of no interest any more.
    void consumer.seek(0, 9);
    const waiting = records.next();
    await world.runFor(100);
    void consumer.seek(0, 8);
    expect((await run(waiting)).value?.text()).toBe("v8");
    expect(await rejection(consumer.seek(0, -1))).toBeInstanceOf(RangeError);
    consumer.close();
  }));

test("a paused partition is not fetched, the others are, and nothing is lost or repeated when it goes on", () =>
  onStage(async (made) => {
    const { cluster, run, varve, world } = made;
    cluster.create("orders", 2);
    for (let at = 0; at < 20; at += 1) await run(varve.send("orders", { value: `v${at}`, partition: at % 2 }));
    const consumer = varve.consume("orders", { from: "earliest", partitionMaxBytes: 1 });
    const seen: Record<number, string[]> = { 0: [], 1: [] };
    const reading = (async () => {
      for await (const record of consumer) {
        seen[record.partition]!.push(record.text());
        if (seen[0]!.length === 3 && seen[1]!.length < 10) consumer.pause(0);
      }
    })();
    await world.runFor(2_000);
    expect([seen[0]!.length, seen[1]!.length]).toEqual([3, 10]);
    const fetched = cluster.fetchRequests.length;
    await world.runFor(2_000);
    expect(cluster.fetchRequests.slice(fetched).every(({ entries }) => entries.every(({ id }) => id.partition === 1))).toBe(true);
    consumer.resume();
    await world.runFor(2_000);
    expect(seen[0]).toEqual(Array.from({ length: 10 }, (_, at) => `v${2 * at}`));
    expect(seen[1]).toEqual(Array.from({ length: 10 }, (_, at) => `v${2 * at + 1}`));
    consumer.close();
    await run(reading);
  }));

test("an aborted signal ends a pending wait at once, with its reason", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders");
    const controller = new AbortController();
    const consumer = varve.consume("orders", { maxWaitMs: 30_000, signal: controller.signal });
    const waiting = rejection(texts(consumer));
    await world.runFor(1_000);
    const before = world.nowMs;
    controller.abort(new Error("enough"));
    expect(await run(waiting)).toMatchObject({ message: "enough" });
    expect(world.nowMs - before).toBeLessThan(1);
    expect(await run(rejection(texts(varve.consume("orders", { signal: controller.signal }))))).toMatchObject({ message: "enough" });
  }));

test("leaving the loop ends the fetches", () =>
  onStage(async (made) => {
    const { cluster, run, varve, world } = made;
    cluster.create("orders");
    await write(made, 3);
    expect(await run(take(varve.consume("orders", { from: "earliest", maxWaitMs: 100 }), 2))).toEqual(["v0", "v1"]);
    await world.runFor(200);
    const before = cluster.fetchRequests.length;
    await world.runFor(5_000);
    expect(cluster.fetchRequests.length).toBe(before);
  }));

test("a consumer that nobody reads from holds its window and no more", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders", 8);
    for (let at = 0; at < 64; at += 1) await run(varve.send("orders", { value: new Uint8Array(60_000), partition: at % 8 }));
    let answered = 0;
    cluster.onFetch = (_entry, fetch) => {
      const result = fetch();
      if (result.kind === "batches") answered += result.byteLength;
      return result;
    };
    const consumer = varve.consume("orders", { from: "earliest", prefetchBytes: 500_000, partitionMaxBytes: 100_000, maxBytes: 200_000 });
    await run(consumer.ready());
    await world.runFor(10_000);
    expect(consumer.assignment.length).toBe(8);
    // What the window lets through, one answer that exceeds it, and one that waits at the broker.
    expect(answered).toBeLessThan(1_500_000);
    const records = consumer[Symbol.asyncIterator]();
    for (let at = 0; at < 64; at += 1) await run(records.next());
    expect(Array.from({ length: 8 }, (_, partition) => consumer.lag(partition))).toEqual(expect.arrayContaining([0, 1]));
    consumer.close();
  }));

test("damage that the broker reports stops the partition, and seeking behind it goes on", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 9, 3);
    cluster.onFetch = (entry, fetch) =>
      entry.from >= 3 && entry.from < 6
        ? { ...failed("CORRUPT_MESSAGE", "segment 0 at byte 99"), resumeAt: 6 as Offset }
        : cutBelow(fetch(), 3, entry.from);
    const consumer = varve.consume("orders", { from: "earliest", until: "end" });
    const seen: string[] = [];
    const read = async () => {
      for await (const record of consumer) seen.push(record.text());
    };
    const error = await run(rejection(read()));
    expect(error).toBeInstanceOf(DamagedRecordsError);
    expect(error).toMatchObject({ code: "CORRUPT_MESSAGE", topic: "orders", partition: 0, from: 3, resumeAt: 6 });
    expect(seen).toEqual(["v0", "v1", "v2"]);
    expect(consumer.position(0)).toBe(3);
    await consumer.seek(0, (error as DamagedRecordsError).resumeAt);
    await run(read());
    expect(seen).toEqual(["v0", "v1", "v2", "v6", "v7", "v8"]);
  }));

/** As a broker answers whose log is damaged from `below` on: only what stands before it. */
function cutBelow(result: FetchResult, below: number, from: number): FetchResult {
  if (result.kind !== "batches" || from >= below) return result;
  const chunks = result.chunks.slice(0, 1);
  return { ...result, chunks, byteLength: chunks[0]?.length ?? 0 };
}

test("damage is stepped over when the user says so, and he is told", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 9, 3);
    cluster.onFetch = (entry, fetch) =>
      entry.from >= 3 && entry.from < 6 ? { ...failed("CORRUPT_MESSAGE"), resumeAt: 6 as Offset } : cutBelow(fetch(), 3, entry.from);
    expect(await run(texts(varve.consume("orders", { from: "earliest", until: "end", onDamaged: "skip" })))).toEqual([
      "v0",
      "v1",
      "v2",
      "v6",
      "v7",
      "v8",
    ]);
    const told: number[] = [];
    const onDamaged = (error: DamagedRecordsError) => {
      told.push(error.from, error.resumeAt);
      return "skip" as const;
    };
    await run(texts(varve.consume("orders", { from: "earliest", until: "end", onDamaged })));
    expect(told).toEqual([3, 6]);
  }));

test("a batch that is damaged on the way is fetched again; one that stands damaged in the log is reported", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 9, 3);
    const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 70 ? byte ^ 1 : byte));
    let times = 0;
    const damageSecond = (result: FetchResult): FetchResult => {
      if (result.kind !== "batches") return result;
      times += 1;
      return {
        ...result,
        chunks: result.chunks.map((chunk) => (chunk === cluster.partition("orders").batches[1]!.bytes ? flipped(chunk) : chunk)),
      };
    };
    cluster.onFetch = (_entry, fetch) => (times < 1 ? damageSecond(fetch()) : fetch());
    expect((await run(texts(varve.consume("orders", { from: "earliest", until: "end" })))).length).toBe(9);

    cluster.onFetch = (_entry, fetch) => damageSecond(fetch());
    const error = await run(rejection(texts(varve.consume("orders", { from: "earliest", until: "end" }))));
    expect(error).toMatchObject({ code: "CORRUPT_MESSAGE", from: 3, resumeAt: 6 });
    expect((await run(texts(varve.consume("orders", { from: "earliest", until: "end", onDamaged: "skip" })))).length).toBe(6);
  }));

test("a batch that lies about its records is named, with the records before the damage, and can be stepped over", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 9, 3);
    // The second record of the middle batch claims to be longer than it is.
    const { bytes } = cluster.partition("orders").batches[1]!;
    const recordAt = 61 + 1 + (bytes[61]! >> 1);
    bytes[recordAt] = 0x7e;
    stampChecksum(bytes, 0, compression);
    expect(recordCountOf(bytes, 0)).toBe(3);
    const consumer = varve.consume("orders", { from: "earliest", until: "end" });
    const seen: string[] = [];
    const read = async () => {
      for await (const record of consumer) seen.push(record.text());
    };
    const error = await run(rejection(read()));
    expect(error).toMatchObject({ code: "INVALID_RECORD", from: 4, resumeAt: 6 });
    expect((error as Error).message).toContain("orders-0: the records from offset 4 to 5 cannot be read");
    expect(seen).toEqual(["v0", "v1", "v2", "v3"]);
    expect(consumer.position(0)).toBe(4);
    await consumer.seek(0, 6);
    await run(read());
    expect(seen).toEqual(["v0", "v1", "v2", "v3", "v6", "v7", "v8"]);
    expect((await run(texts(varve.consume("orders", { from: "earliest", until: "end", onDamaged: "skip" })))).length).toBe(7);
  }));

test("a decompression bomb is refused, not opened", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    const producer = varve.producer({ compression: "zstd", batchBytes: 4_194_304, batchBytesMax: 5_242_880, bufferBytes: 100_000_000 });
    await run(producer.send("orders", { value: new Uint8Array(4_000_000) }));
    expect(cluster.partition("orders").batches[0]!.bytes.length).toBeLessThan(10_000);
    const error = await run(rejection(texts(varve.consume("orders", { from: "earliest", until: "end" }))));
    expect(error).toMatchObject({ code: "INVALID_RECORD", from: 0, resumeAt: 1 });
  }));

test("an offset that the log does not hold follows the user's policy", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 9, 3);
    cluster.partition("orders").logStart = 6;
    const error = await run(rejection(texts(varve.consume("orders", { from: { offset: 2 } }))));
    expect(error).toMatchObject({ code: "OFFSET_OUT_OF_RANGE" });
    expect(await run(texts(varve.consume("orders", { from: { offset: 2 }, until: "end", onOutOfRange: "earliest" })))).toEqual([
      "v6",
      "v7",
      "v8",
    ]);
    const latest = varve.consume("orders", { from: { offset: 99 }, onOutOfRange: "latest" });
    await run(latest.ready());
    const next = take(latest, 1);
    await made.world.runFor(100);
    await write(made, 1, 1, "orders", 9);
    expect(await run(next)).toEqual(["v9"]);
  }));

test("a topic that is deleted and created again is another log: the user's policy says where to go on", () =>
  onStage(async (made) => {
    const { cluster, run, varve, world } = made;
    cluster.create("orders");
    await write(made, 3);
    const stops = varve.consume("orders", { from: "earliest" });
    const goesOn = varve.consume("orders", { from: "earliest", onOutOfRange: "earliest" });
    const stopped = rejection(take(stops, 4));
    const gone = take(goesOn, 5);
    await world.runFor(1_000);
    cluster.delete("orders");
    cluster.create("orders");
    await write(made, 2, 1, "orders", 10);
    expect(await run(stopped)).toMatchObject({ code: "UNKNOWN_TOPIC_ID" });
    expect(await run(gone)).toEqual(["v0", "v1", "v2", "v10", "v11"]);
  }));

test("a topic that is deleted for good ends its consumers with an error", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders");
    const reading = rejection(texts(varve.consume("orders", { from: "earliest" })));
    await world.runFor(1_000);
    cluster.delete("orders");
    expect(await run(reading)).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION" });
    expect(await run(rejection(texts(varve.consume("orders"))))).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION" });
    expect(await run(rejection(varve.consume("orders").ready()))).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION" });
  }));

test("partitions that are added to a topic are read from their beginning", () =>
  onStage(
    async (made) => {
      const { cluster, run, varve, world } = made;
      cluster.create("orders", 1);
      const consumer = varve.consume("orders");
      await run(consumer.ready());
      await run(varve.admin.createPartitions("orders", 3));
      await run(varve.send("orders", { value: "new", partition: 2 }));
      expect(await run(take(consumer, 1))).toEqual(["new"]);
      expect(consumer.assignment.length).toBe(3);
      await world.runFor(10);
    },
    { connect: { metadataMaxAgeMs: 1_000 } },
  ));

test("several topics, or single partitions, are read by one consumer", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("a", 2);
    cluster.create("b", 1);
    for (const [topic, partition] of [
      ["a", 0],
      ["a", 1],
      ["b", 0],
    ] as const) {
      await run(
        varve.send(topic, [
          { value: `${topic}${partition}-0`, partition },
          { value: `${topic}${partition}-1`, partition },
        ]),
      );
    }
    const both = await run(texts(varve.consume(["a", "b"], { from: "earliest", until: "end" })));
    expect([...both].sort()).toEqual(["a0-0", "a0-1", "a1-0", "a1-1", "b0-0", "b0-1"]);
    const assigned = varve.consume(
      [
        { topic: "a", partition: 1, from: { offset: 1 } },
        { topic: "b", partition: 0 },
      ],
      { from: "earliest", until: "end" },
    );
    expect([...(await run(texts(assigned)))].sort()).toEqual(["a1-1", "b0-0", "b0-1"]);
    expect(await run(texts(varve.consume("a", { from: "earliest", until: "end", partitions: [1] })))).toEqual(["a1-0", "a1-1"]);
    expect(await run(rejection(varve.consume("a", { partitions: [7] }).ready()))).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION" });
    expect(await run(rejection(varve.consume([]).ready()))).toMatchObject({ code: "INVALID_REQUEST" });
    const two = varve.consume(["a", "b"]);
    await run(two.ready());
    expect(() => two.position(0)).toThrowError("name the topic too");
  }));

test("a broker that dies and comes back is read on from where it was, each record once", () =>
  onStage(async (made) => {
    const { broker, cluster, run, varve, world } = made;
    cluster.create("orders");
    await write(made, 5);
    const reading = take(varve.consume("orders", { from: "earliest" }), 10);
    await world.runFor(1_000);
    broker.kill("process");
    await world.runFor(3_000);
    broker.boot();
    cluster.partition("orders").leaderEpoch += 1;
    await made.serveAgain();
    await write(made, 5, 1, "orders", 5);
    expect(await run(reading)).toEqual(Array.from({ length: 10 }, (_, at) => `v${at}`));
  }));

test("a hundred consumers share a few connections", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    const consumers: Consumer[] = Array.from({ length: 150 }, () => varve.consume("orders", { from: "earliest", maxWaitMs: 1_000 }));
    const reading = Promise.all(consumers.map((consumer) => take(consumer, 1)));
    await run(Promise.all(consumers.map((consumer) => consumer.ready())));
    await write(made, 1);
    expect(await run(reading)).toEqual(consumers.map(() => ["v0"]));
  }));

test("closing the handle ends its consumers", () =>
  onStage(async (made) => {
    const { cluster, run, varve, world } = made;
    cluster.create("orders");
    const reading = texts(varve.consume("orders"));
    await world.runFor(500);
    await run(varve.close());
    expect(await run(reading)).toEqual([]);
    expect(() => varve.consume("orders")).toThrowError("closed");
  }));
