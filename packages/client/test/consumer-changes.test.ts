// Shows what a consumer does when the log changes under it: deleted records, topics that go, come back or grow, brokers that die.

import { expect, test } from "vitest";
import { rejection, take, texts, write } from "./driving.ts";
import { onStage } from "./stage.ts";

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
