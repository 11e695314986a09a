// Shows what a producer does for its user: records in order, once, with back-pressure, and errors that say what is known.

import { expect, test } from "vitest";
import { ClusterError, DeliveryError } from "../src/index.ts";
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
    const receipts = await run(
      varve.send(
        "orders",
        values.map((value) => ({ value })),
      ),
    );
    expect(receipts.map(({ offset }) => offset)).toEqual(values.map((_, at) => at));
    expect(cluster.values("orders")).toEqual(values);
    expect(cluster.partition("orders").batches.length).toBe(1);
  }));

test("a topic that nobody knows is refused after a short while", () =>
  onStage(async ({ run, varve }) => {
    const error = await run(varve.send("nowhere", { value: "x" }).catch((caught: unknown) => caught));
    expect(error).toBeInstanceOf(DeliveryError);
    expect(error).toBeInstanceOf(ClusterError);
    expect(error).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION", outcome: "refused", topic: "nowhere" });
  }));
