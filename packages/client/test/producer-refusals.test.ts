// Shows what a producer says when a record cannot be written, and that the next good one is.

import { expect, test } from "vitest";
import { ClusterError, DeliveryError } from "../src/index.ts";
import { rejection } from "./driving.ts";
import { failed } from "./fake-cluster.ts";
import { onStage } from "./stage.ts";

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
  [{ value: "x", headers: [{ key: "a", value: "1" }] }, "INVALID_RECORD"],
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
