// Shows what the types promise: what a call takes and gives, checked when this file is compiled, and once at run time for the overloads.

import { expect, expectTypeOf, test } from "vitest";
import {
  type ClusterError,
  type ConsumedBatch,
  type Consumer,
  type ConsumerRecord,
  type DamagedRecordsError,
  DeliveryError,
  type ErrorCode,
  type Offset,
  type Producer,
  type ProducerRecord,
  type Receipt,
  type TopicSpec,
  toOffset,
  type Varve,
} from "../src/index.ts";
import { onStage } from "./stage.ts";

test("one record gives one receipt, a list gives a list", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    const one = varve.send("orders", { value: "x" });
    const list = varve.send("orders", [{ value: "x" }]);
    expectTypeOf(one).toEqualTypeOf<Promise<Receipt>>();
    expectTypeOf(list).toEqualTypeOf<Promise<readonly Receipt[]>>();
    expect(Array.isArray(await run(one))).toBe(false);
    expect(Array.isArray(await run(list))).toBe(true);
  }));

test("records are text, bytes or nothing", () => {
  expectTypeOf<{ value: string }>().toExtend<ProducerRecord>();
  expectTypeOf<{ key: null; value: Uint8Array; headers: { a: string } }>().toExtend<ProducerRecord>();
  expectTypeOf<{ value: null; headers: [["a", "1"], ["a", null]]; partition: 3; timestamp: 5 }>().toExtend<ProducerRecord>();
  expectTypeOf<{ value: number }>().not.toExtend<ProducerRecord>();
  expectTypeOf<{ value: { id: number } }>().not.toExtend<ProducerRecord>();
  expectTypeOf<{ key: string }>().not.toExtend<ProducerRecord>();
});

test("offsets are numbers that no other number can stand in for", () => {
  expectTypeOf<Receipt["offset"]>().toEqualTypeOf<Offset | undefined>();
  expectTypeOf(toOffset(1)).toEqualTypeOf<Offset>();
  expectTypeOf<Offset>().toExtend<number>();
  expectTypeOf<number>().not.toExtend<Offset>();
});

test("a consumer is iterated by record or by batch, and disposed", () => {
  expectTypeOf<Consumer>().toExtend<AsyncIterable<ConsumerRecord>>();
  expectTypeOf<ReturnType<Consumer["batches"]>>().toExtend<AsyncIterable<ConsumedBatch>>();
  expectTypeOf<ConsumedBatch>().toExtend<Iterable<ConsumerRecord>>();
  expectTypeOf<Consumer | Producer | Varve>().toExtend<AsyncDisposable>();
  expectTypeOf<ConsumerRecord["json"]>().toEqualTypeOf<<T = unknown>() => T>();
});

test("options refuse what is not theirs", () => {
  type Options = NonNullable<Parameters<Varve["producer"]>[0]>;
  expectTypeOf<{ acks: "leader"; compression: "zstd"; lingerMs: number }>().toExtend<Options>();
  expectTypeOf<{ acks: "some" }>().not.toExtend<Options>();
  expectTypeOf<{ lingerMs: string }>().not.toExtend<Options>();
  expectTypeOf<{ name: string; config: { "retention.ms": number; durability: string } }>().toExtend<TopicSpec>();
});

test("errors bear a code of the table, what it means, and what is known", () => {
  expectTypeOf<ClusterError["code"]>().toEqualTypeOf<ErrorCode>();
  expectTypeOf<DeliveryError>().toExtend<ClusterError>();
  expectTypeOf<DeliveryError["outcome"]>().toEqualTypeOf<"refused" | "unknown">();
  expectTypeOf<DamagedRecordsError["resumeAt"]>().toEqualTypeOf<Offset>();
  const error = new DeliveryError("REQUEST_TIMED_OUT", "late", { topic: "orders", partition: 1, outcome: "unknown" });
  expect(error).toMatchObject({ name: "ClusterError", code: "REQUEST_TIMED_OUT", retriable: true, outcome: "unknown" });
  expect(error.help).toContain("took longer");
});
