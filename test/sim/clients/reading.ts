// What every reader of a simulation does with the records that it is given: finds out which value each stands for, and compares every byte
// with what was sent.

import type { ConsumerRecord, DamagedRecordsError } from "@varve/client";
import type { Key, Polled, Read } from "../../workload/history.ts";
import { differenceOf, numberOf } from "../../workload/records.ts";
import { paddingBytesMaxOf } from "../configuration.ts";
import { begin, complete, type Shared } from "./shared.ts";
import type { Topic } from "./topics.ts";

/** The reads of one operation, key by key. */
export class Reads {
  readonly #shared: Shared;
  readonly #keyOf: (topic: string, partition: number) => Key;
  readonly #reads = new Map<Key, Read[]>();
  #count = 0;

  constructor(shared: Shared, keyOf: (topic: string, partition: number) => Key) {
    this.#shared = shared;
    this.#keyOf = keyOf;
  }

  get count(): number {
    return this.#count;
  }

  /** A key of which nothing may come. */
  expect(key: Key): void {
    if (!this.#reads.has(key)) this.#reads.set(key, []);
  }

  add(record: ConsumerRecord): void {
    const { topic, partition, offset, timestamp } = record;
    const value = numberOf(record);
    const where = `${topic}-${partition} at ${offset}`;
    if (value === undefined) return this.#shared.report(`${where}: a record that nobody sent`);
    const difference = differenceOf(record, value, paddingBytesMaxOf(this.#shared.configuration, value));
    if (difference !== undefined) this.#shared.report(`${where}: ${difference}`);
    const sentMs = this.#shared.timestamps.get(value);
    if (sentMs !== undefined && sentMs !== timestamp)
      this.#shared.report(`${where}: value ${value} has the time ${timestamp}, ${sentMs} was sent`);
    const key = this.#keyOf(topic, partition);
    this.expect(key);
    this.#reads.get(key)?.push([offset, value]);
    this.#count++;
  }

  get polled(): readonly Polled[] {
    return [...this.#reads].map(([key, reads]) => ({ key, reads }));
  }
}

/** Whether there was anything to damage; if not, the report of damage is itself the error. */
export function checkDamage(shared: Shared, topic: Topic, error: DamagedRecordsError): void {
  shared.world.trace.count("reader.damaged");
  if (topic.topicId !== undefined && shared.isDamaged(topic.topicId, error.partition)) return;
  shared.report(`${error.topic}-${error.partition}: damage is reported where no bit was turned: ${error.message}`);
}

/** The reader steps over damage. */
export function noteSkip(shared: Shared, process: number, key: Key, error: DamagedRecordsError): void {
  const operation = { f: "skip", key, damagedFrom: error.from, resumeAt: error.resumeAt } as const;
  begin(shared, process, operation);
  complete(shared, process, "ok", operation);
}
