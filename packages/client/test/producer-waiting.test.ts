// Shows how a producer waits and makes wait: a bounded buffer, signals, flush and close.

import { expect, test } from "vitest";
import { never, postUntilFull, rejection } from "./driving.ts";
import { failed } from "./fake-cluster.ts";
import { onStage } from "./stage.ts";

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
    const createdMs = world.nowMs;
    expect(await run(flushed)).toBe(30);
    expect(world.nowMs - createdMs).toBeLessThan(500);
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
