// Shows what a consumer gives its user: where it begins and ends, what it leaves out, where it stands.

import { buildEndTransactionMarker } from "@varve/record";
import { expect, test } from "vitest";
import type { ConsumerOptions, ConsumerRecord } from "../src/index.ts";
import { rejection, take, texts, write } from "./driving.ts";
import { compression, onStage } from "./stage.ts";

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
