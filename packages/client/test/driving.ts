// What the tests do with a client again and again: write, read, and see what a promise rejects with.

import type { ProduceResult } from "@varve/api";
import type { ConsumerRecord, Producer } from "../src/index.ts";
import type { Stage } from "./stage.ts";

/** What `promise` rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** What a broker answers that never does. */
export const never: Promise<ProduceResult> = new Promise(() => {});

/** Posts records until the producer says that there is no room. @returns how many it took. */
export function postUntilFull(producer: Producer, size: number): number {
  for (let posted = 1; ; posted += 1) if (!producer.post("orders", { value: new Uint8Array(size) })) return posted;
}

/** Writes `count` records `v0`, `v1`, … in batches of `perBatch`, at the times 0, 10, 20, … */
export async function write({ run, varve }: Stage, count: number, perBatch = 1, topic = "orders", first = 0): Promise<void> {
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
export async function texts(consumer: AsyncIterable<ConsumerRecord>): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const record of consumer) seen.push(record.text());
  return seen;
}

/** Reads so many records, and leaves. */
export async function take(consumer: AsyncIterable<ConsumerRecord>, count: number): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const record of consumer) {
    seen.push(record.text());
    if (seen.length === count) break;
  }
  return seen;
}
