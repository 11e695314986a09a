// Shows how a consumer is moved and stopped while it reads: seek, pause, signals, and that it holds little meanwhile.

import { expect, test } from "vitest";
import type { Consumer } from "../src/index.ts";
import { rejection, take, texts, write } from "./driving.ts";
import { onStage } from "./stage.ts";

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
