// Shows what a producer does for its user: records in order, once, with back-pressure, and errors that say what is known.

import type { ProduceResult } from "@varve/api";
import { type Codec, codecs, type Offset } from "@varve/model";
import { attributesOf, codecOf, producerIdOf } from "@varve/record";
import { expect, test } from "vitest";
import { ClusterError, DeliveryError, type Producer } from "../src/index.ts";
import { failed } from "./fake-cluster.ts";
import { onStage } from "./stage.ts";

const never = new Promise<ProduceResult>(() => {});

/** What `promise` rejects with. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Posts records until the producer says that there is no room. @returns how many it took. */
function postUntilFull(producer: Producer, size: number): number {
  for (let posted = 1; ; posted += 1) if (!producer.post("orders", { value: new Uint8Array(size) })) return posted;
}

test("a record is acknowledged with its topic, partition, offset and time", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    const receipt = await run(varve.send("orders", { key: "c42", value: "first", timestamp: 1_000 }));
    expect(receipt).toEqual({ topic: "orders", partition: 0, offset: 0, timestamp: 1_000 });
    expect(cluster.values("orders")).toEqual(["first"]);
  }));

test("records that are sent together arrive in one batch, in their order", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    const values = Array.from({ length: 100 }, (_, at) => `v${at}`);
    const records = values.map((value) => ({ value }));
    const receipts = await run(varve.send("orders", records));
    expect(receipts.map(({ offset }) => offset)).toEqual(values.map((_, at) => at));
    expect(cluster.values("orders")).toEqual(values);
    expect(cluster.partition("orders").batches.length).toBe(1);
  }));

test("a topic with the time of the append tells that time", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    cluster.onProduce = (_entry, store) => ({ ...(store() as ProduceResult & { kind: "stored" }), appendTimeMs: 77_000 });
    expect(await run(varve.send("orders", { value: "x", timestamp: 1 }))).toMatchObject({ timestamp: 77_000 });
  }));

test("a topic that nobody knows is refused after a short while", () =>
  onStage(async ({ run, varve, world }) => {
    const before = world.nowMs;
    const error = await run(rejection(varve.send("nowhere", { value: "x" })));
    expect(error).toBeInstanceOf(DeliveryError);
    expect(error).toBeInstanceOf(ClusterError);
    expect(error).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION", outcome: "refused", topic: "nowhere", partition: undefined });
    expect(world.nowMs - before).toBeGreaterThan(3_000);
    expect(world.nowMs - before).toBeLessThan(5_000);
  }));

test("a topic that is created while a record waits for it gets the record", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    const sent = varve.send("orders", { value: "x" });
    await world.runFor(1_000);
    cluster.create("orders");
    expect(await run(sent)).toMatchObject({ offset: 0 });
  }));

test("an open batch is sent when its linger is over, or by a flush", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders");
    const producer = varve.producer({ lingerMs: 50 });
    await run(producer.send("orders", { value: "warm" }));
    const sentMs = world.nowMs;
    const lingering = producer.send("orders", { value: "a" });
    await world.runFor(20);
    const joining = producer.send("orders", { value: "b" });
    await run(Promise.all([lingering, joining]));
    expect(world.nowMs - sentMs).toBeGreaterThan(49);
    expect(cluster.partition("orders").batches.length).toBe(2);

    const flushedMs = world.nowMs;
    producer.post("orders", { value: "c" });
    await run(producer.flush());
    expect(world.nowMs - flushedMs).toBeLessThan(10);
    expect(cluster.values("orders")).toEqual(["warm", "a", "b", "c"]);
  }));

test("without linger records gather while five batches are in flight", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders");
    const producer = varve.producer();
    await run(producer.send("orders", { value: "warm" }));
    cluster.produceDelayMs = 100;
    for (let at = 0; at < 50; at += 1) {
      producer.post("orders", { value: `v${at}` });
      await world.runFor(1);
    }
    await run(producer.flush());
    // Five at once, the rest of the first hundred milliseconds in the sixth.
    expect(cluster.partition("orders").batches.length).toBe(7);
  }));

test.each(codecs)("records travel with the codec %s", (codec: Codec) =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    const producer = varve.producer({ compression: codec });
    const value = "compressible ".repeat(200);
    await run(producer.send("orders", { value }));
    expect(cluster.values("orders")).toEqual([value]);
    expect(codecOf(attributesOf(cluster.partition("orders").batches[0]!.bytes, 0))).toBe(codec);
  }),
);

test("acks none neither waits for an answer nor bears a producer id", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders");
    cluster.onProduce = (_entry, store) => {
      store();
      return never;
    };
    const receipt = await run(varve.send("orders", { value: "x" }, { acks: "none" }));
    expect(receipt.offset).toBeUndefined();
    await world.runFor(100);
    expect(cluster.values("orders")).toEqual(["x"]);
    expect(producerIdOf(cluster.partition("orders").batches[0]!.bytes, 0)).toBe(-1);
    expect(cluster.producerIds).toBe(0);
  }));

test("a producer that is not idempotent has one batch of a partition in flight, and asks for no id", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders");
    cluster.produceDelayMs = 10;
    const producer = varve.producer({ idempotent: false, acks: "leader" });
    for (let at = 0; at < 6; at += 1) {
      producer.post("orders", { value: `v${at}` });
      await world.runFor(3);
    }
    await run(producer.flush());
    expect(cluster.values("orders")).toEqual(["v0", "v1", "v2", "v3", "v4", "v5"]);
    expect(cluster.producerIds).toBe(0);
    expect(cluster.produceRequests.length).toBeLessThan(4);
  }));

test("post answers false when the buffer is full, throws when it is called then, and ready says when it may be", () =>
  onStage(async ({ broker, cluster, run, serveAgain, varve, world }) => {
    cluster.create("orders");
    const producer = varve.producer({ bufferBytes: 100_000, batchBytes: 10_000 });
    await run(producer.send("orders", { value: "warm" }));
    cluster.onProduce = () => never;
    let posted = postUntilFull(producer, 1_000);
    expect(posted).toBeGreaterThan(80);
    // Batches that are sent hold a little less than while they were open.
    await world.runFor(10);
    await run(producer.ready());
    posted += postUntilFull(producer, 1_000);
    expect(posted).toBeLessThan(110);
    expect(() => producer.post("orders", { value: "x" })).toThrowError(expect.objectContaining({ code: "THROTTLING_QUOTA_EXCEEDED" }));
    let isReady = false;
    const ready = producer.ready().then(() => {
      isReady = true;
    });
    await world.runFor(10_000);
    expect(isReady).toBe(false);
    expect(producer.bufferedBytes).toBeLessThan(120_000);

    cluster.onProduce = (_entry, store) => store();
    broker.restart("process");
    await serveAgain();
    await run(ready);
    expect(producer.post("orders", { value: "y" })).toBe(true);
    await run(producer.flush());
    expect(cluster.values("orders").length).toBe(posted + 2);
  }));

test("a send that finds the buffer full waits its turn; one more than may wait is refused", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    const producer = varve.producer({ bufferBytes: 10_000, batchBytes: 2_000, waitingSendsMax: 20 });
    await run(producer.send("orders", { value: "warm" }));
    cluster.produceDelayMs = 5;
    const posted = postUntilFull(producer, 500);
    const waiting = Array.from({ length: 20 }, (_, at) => producer.send("orders", { value: `w${at}` }));
    const refused = await run(rejection(producer.send("orders", { value: "one too many" })));
    expect(refused).toMatchObject({ code: "THROTTLING_QUOTA_EXCEEDED", outcome: "refused" });
    const receipts = await run(Promise.all(waiting));
    expect(receipts.map(({ offset }) => offset)).toEqual(waiting.map((_, at) => posted + 1 + at));
  }));

test("a broker that never answers costs the buffer and no more, and its records fail as unknown", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders");
    const producer = varve.producer({ bufferBytes: 200_000, batchBytes: 10_000, deliveryTimeoutMs: 5_000 });
    await run(producer.send("orders", { value: "warm" }));
    cluster.onProduce = () => never;
    postUntilFull(producer, 1_000);
    const sent = producer.send("orders", { value: "x" });
    expect(producer.bufferedBytes).toBeLessThan(220_000);
    const error = await run(rejection(sent));
    expect(error).toMatchObject({ code: "REQUEST_TIMED_OUT", outcome: "refused" });
    const flushed = await run(rejection(producer.flush()));
    expect(flushed).toMatchObject({ code: "REQUEST_TIMED_OUT", outcome: "unknown", topic: "orders", partition: 0 });
    expect(producer.bufferedBytes).toBe(0);
    await world.runFor(1_000);
  }));

test("an aborted send rejects at once with the signal's reason", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders");
    const producer = varve.producer({ bufferBytes: 2_000, batchBytes: 1_024 });
    await run(producer.send("orders", { value: "warm" }));
    cluster.onProduce = () => never;
    const controller = new AbortController();
    const { signal } = controller;
    const inFlight = rejection(producer.send("orders", { value: "x".repeat(2_000) }, { signal }));
    await world.runFor(100);
    const waiting = rejection(producer.send("orders", { value: "y" }, { signal }));
    const ready = rejection(producer.ready({ signal }));
    const flush = rejection(producer.flush({ signal }));
    await world.runFor(100);
    const abortedMs = world.nowMs;
    controller.abort(new Error("enough"));
    for (const pending of [inFlight, waiting, ready, flush]) expect(await run(pending)).toMatchObject({ message: "enough" });
    expect(world.nowMs - abortedMs).toBeLessThan(1);
    expect(await run(rejection(producer.send("orders", { value: "z" }, { signal })))).toMatchObject({ message: "enough" });
  }));

test("flush waits for all that was sent before it, also for what waits for its topic or for room", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    const producer = varve.producer({ bufferBytes: 2_000, batchBytes: 1_024, lingerMs: 1_000 });
    const sends = Array.from({ length: 30 }, (_, at) => producer.send("orders", { value: `v${at}`.padEnd(300) }));
    const flushed = producer.flush().then(() => cluster.values("orders").length);
    await world.runFor(500);
    cluster.create("orders");
    expect(await run(flushed)).toBe(30);
    await run(Promise.all(sends));
  }));

test("flush tells of posted records that failed, once; a record with a callback is told by it", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    cluster.onProduce = () => failed("TOPIC_AUTHORIZATION_FAILED");
    const producer = varve.producer();
    const told: unknown[] = [];
    producer.post("orders", { value: "a" }, (error, receipt) => told.push([error?.code, receipt]));
    await run(producer.flush());
    expect(told).toEqual([["TOPIC_AUTHORIZATION_FAILED", undefined]]);
    producer.post("orders", { value: "b" });
    producer.post("orders", { value: "c" });
    expect(await run(rejection(producer.flush()))).toMatchObject({ code: "TOPIC_AUTHORIZATION_FAILED", outcome: "refused" });
    await run(producer.flush());
    await run(producer.close());
  }));

test("close sends what is here, and takes nothing more", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    const producer = varve.producer({ lingerMs: 10_000 });
    const sent = producer.send("orders", { value: "last" });
    const closed = producer.close();
    expect(() => producer.post("orders", { value: "x" })).toThrowError("the producer is closed");
    await run(closed);
    expect(await run(sent)).toMatchObject({ offset: 0 });
    expect(await run(rejection(producer.send("orders", { value: "x" })))).toMatchObject({ code: "INVALID_REQUEST" });
    await run(producer.close());
  }));

test("close gives up when its signal aborts: what was sent is unknown, what was not is refused", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders");
    const producer = varve.producer({ batchBytes: 1_024 });
    cluster.onProduce = () => never;
    const first = rejection(producer.send("orders", { value: "x".repeat(1_000) }));
    const second = rejection(producer.send("orders", { value: "y".repeat(1_000) }));
    await world.runFor(100);
    const controller = new AbortController();
    const closed = rejection(producer.close({ signal: controller.signal }));
    controller.abort(new Error("now"));
    expect(await run(closed)).toMatchObject({ message: "now" });
    expect(await run(first)).toMatchObject({ outcome: "unknown" });
    expect(await run(second)).toMatchObject({ outcome: "refused" });
  }));

test("a record that no batch can hold is refused at once, one that the topic does not take by its leader, and others go on", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    cluster.batchBytesMax = 2_000;
    const producer = varve.producer({ batchBytes: 1_024, batchBytesMax: 10_000 });
    const sends = [100, 20_000, 5_000, 200].map((size) => producer.send("orders", { value: "x".repeat(size) }));
    const [small, huge, large, last] = await run(Promise.allSettled(sends));
    expect(small).toMatchObject({ status: "fulfilled", value: { offset: 0 } });
    expect(huge).toMatchObject({ status: "rejected", reason: { code: "MESSAGE_TOO_LARGE" } });
    expect(large).toMatchObject({ status: "rejected", reason: { code: "MESSAGE_TOO_LARGE", outcome: "refused", topic: "orders" } });
    expect(last).toMatchObject({ status: "fulfilled", value: { offset: 1 } });
  }));

test.each([
  [{ value: 7 }, "INVALID_RECORD"],
  [{ value: { id: 1 } }, "INVALID_RECORD"],
  [{ value: undefined }, "INVALID_RECORD"],
  [{ key: 7, value: "x" }, "INVALID_RECORD"],
  [{ value: "x", headers: { a: 7 } }, "INVALID_RECORD"],
  [{ value: "x", headers: [[1, "a"]] }, "INVALID_RECORD"],
  [{ value: "x", timestamp: 0.5 }, "INVALID_TIMESTAMP"],
  [{ value: "x", partition: -1 }, "INVALID_REQUEST"],
  [{ value: "x", partition: 0.5 }, "INVALID_REQUEST"],
  [{ value: "x", partition: 1_000_000 }, "UNKNOWN_TOPIC_OR_PARTITION"],
])("the record %o is refused with %s, and the next good one is stored", (record, code) =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    await run(varve.send("orders", { value: "first" }));
    expect(await run(rejection(varve.send("orders", record as { value: string })))).toMatchObject({ code });
    expect(await run(varve.send("orders", { value: "next" }))).toMatchObject({ offset: 1 });
  }),
);

test.each(["", "a/b", "..", "x".repeat(300)])("the topic name %j is refused", (name) =>
  onStage(async ({ run, varve }) => {
    expect(await run(rejection(varve.send(name, { value: "x" })))).toMatchObject({ code: "INVALID_TOPIC_EXCEPTION" });
  }),
);

test("a leader of a newer epoch is found, and gets the records in order", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    await run(varve.send("orders", { value: "a" }));
    cluster.partition("orders").leaderEpoch = 9;
    await run(varve.send("orders", [{ value: "b" }, { value: "c" }]));
    expect(cluster.values("orders")).toEqual(["a", "b", "c"]);
  }));

test("in a topic that was deleted and created again the numbers start over", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders");
    for (let at = 0; at < 10; at += 1) await run(varve.send("orders", { value: `old${at}` }));
    cluster.delete("orders");
    cluster.create("orders");
    const sends = [];
    for (let at = 0; at < 10; at += 1) {
      sends.push(varve.send("orders", { value: `new${at}` }));
      await world.runFor(30);
    }
    const receipts = await run(Promise.all(sends));
    expect(receipts.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(cluster.values("orders")).toEqual(receipts.map((_, at) => `new${at}`));
  }));

test("records for a topic that was deleted for good are refused after a short while", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    await run(varve.send("orders", { value: "x" }));
    cluster.delete("orders");
    expect(await run(rejection(varve.send("orders", { value: "y" })))).toMatchObject({
      code: "UNKNOWN_TOPIC_OR_PARTITION",
      outcome: "refused",
    });
  }));

test("keys go where Kafka's clients send them, records without one everywhere in turn", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders", 4);
    // murmur2 of these keys, as Kafka's UtilsTest has it.
    const hashes = { "21": -973932308, foobar: -790332482, "a-little-bit-long-string": -985981536, abc: 479470107 };
    for (const [key, hash] of Object.entries(hashes)) {
      expect(await run(varve.send("orders", { key, value: "x" }))).toMatchObject({ partition: (hash & 0x7fff_ffff) % 4 });
      expect(await run(varve.send("orders", { key: new TextEncoder().encode(key), value: "x" }))).toMatchObject({
        partition: (hash & 0x7fff_ffff) % 4,
      });
    }
    const producer = varve.producer({ batchBytes: 1_024 });
    const receipts = await run(Promise.all(Array.from({ length: 400 }, () => producer.send("orders", { value: "x".repeat(100) }))));
    const counts = [0, 1, 2, 3].map((partition) => receipts.filter((receipt) => receipt.partition === partition).length);
    for (const count of counts) expect(count).toBeGreaterThan(40);
  }));

test("an early answer that the log cannot repeat counts as success without an offset", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    cluster.onProduce = () => failed("DUPLICATE_SEQUENCE_NUMBER");
    expect(await run(varve.send("orders", { value: "x" }))).toMatchObject({ partition: 0, offset: undefined });
  }));

test("a producer whose id was taken over fails for good, and says so", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    const producer = varve.producer();
    cluster.onProduce = () => failed("INVALID_PRODUCER_EPOCH");
    expect(await run(rejection(producer.send("orders", { value: "x" })))).toMatchObject({ code: "INVALID_PRODUCER_EPOCH" });
    expect(await run(rejection(producer.send("orders", { value: "y" })))).toMatchObject({ code: "INVALID_PRODUCER_EPOCH" });
    await run(producer.close());
  }));

test("answers that come after many more batches than a broker remembers keep their offsets", () =>
  onStage(async ({ cluster, run, varve, world }) => {
    cluster.create("orders", 2);
    const producer = varve.producer();
    cluster.produceDelayMs = 1;
    const sends = Array.from({ length: 40 }, (_, at) => producer.send("orders", { value: `v${at}`, partition: at % 2 }));
    await world.runFor(1);
    const receipts = await run(Promise.all(sends));
    receipts.forEach(({ partition, offset }, at) => {
      expect(cluster.values("orders", partition)[offset as Offset & number]).toBe(`v${at}`);
    });
  }));

test("an idle producer leaves no timer behind", () =>
  onStage(async ({ cluster, client, run, varve, world }) => {
    cluster.create("orders");
    const producer = varve.producer({ lingerMs: 5 });
    await run(producer.send("orders", { value: "x" }));
    await run(producer.flush());
    let rang = 0;
    const { clock } = client.ports;
    const setTimer = clock.setTimer.bind(clock);
    clock.setTimer = (delayMs, callback) => {
      rang += 1;
      return setTimer(delayMs, callback);
    };
    await world.runFor(400_000);
    expect(rang).toBe(0);
  }));
