// Shows what a producer does for its user: records in order, in batches, where they belong, once.

import type { ProduceResult } from "@varve/api";
import { type Codec, codecs, type Offset } from "@varve/model";
import { attributesOf, codecOf, producerIdOf } from "@varve/record";
import { expect, test } from "vitest";
import { never } from "./driving.ts";
import { onStage } from "./stage.ts";

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
