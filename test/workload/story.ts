// Histories in a few words, for the tests of the checker.

import type { AnomalyType } from "./checker/anomaly.ts";
import { check } from "./checker/check.ts";
import { type EventType, type From, History, type Key, type KeyRules, type Operation, type Read, type Send } from "./history.ts";

/** What `send` is told beyond the records. */
export interface SendRules {
  readonly acks: "none" | "leader" | "all";
  readonly isIdempotent: boolean;
  readonly outcome: "ok" | "fail" | "info";
  readonly timestampMs: number;
}

/** A history that is told step by step: each step is an operation that begins and ends at once, unless `begin` and `finish` are used. */
export class Story {
  readonly history: History = new History(() => this.#now++);
  #now = 0;

  topic(key: Key, rules: Partial<KeyRules> = {}): this {
    const value = [{ key, topic: "t", partition: 0, durability: "fsync" as const, isRetained: false, predecessor: null, ...rules }];
    return this.step(0, { f: "create-topic", value });
  }

  /** @param records as "0:10 1:11 -:12": value 10 at offset 0, value 11 at offset 1, value 12 nobody knows where. */
  send(process: number, key: Key, records: string, rules: Partial<SendRules> = {}): this {
    return this.step(process, sent(process, key, records, rules));
  }

  assign(process: number, keys: readonly Key[], from: From = { kind: "earliest" }): this {
    return this.step(process, { f: "assign", value: keys, from });
  }

  poll(process: number, key: Key, records: string, isFinal = false): this {
    return this.step(process, { f: "poll", isFinal, value: [{ key, reads: readsOf(records) }] });
  }

  bounds(key: Key, logStart: number, highWatermark: number): this {
    return this.step(90, { f: "list-offsets", value: [{ key, logStart, highWatermark }] });
  }

  /** A new consumer that reads everything from the start, and then asks where the log begins and ends. */
  readAll(key: Key, records: string, logStart = 0, highWatermark: number = readsOf(records).length + logStart): this {
    return this.assign(91, [key]).poll(91, key, records, true).bounds(key, logStart, highWatermark);
  }

  fault(fault: string): this {
    this.history.add("nemesis", "info", { f: "fault", fault });
    return this;
  }

  step(process: number, operation: Operation, type: EventType = "ok"): this {
    return this.begin(process, operation).finish(process, operation, type);
  }

  begin(process: number, operation: Operation): this {
    this.history.add(process, "invoke", operation);
    return this;
  }

  finish(process: number, operation: Operation, type: EventType = "ok"): this {
    this.history.add(process, type, operation);
    return this;
  }

  /** The types that the checker finds in it, in order of the alphabet. */
  anomalies(): readonly AnomalyType[] {
    return [...new Set(check(this.history.events).anomalies.map(({ type }) => type))].sort();
  }
}

/** One idempotent producer's send; `producer` is the process. */
export function sent(producer: number, key: Key, records: string, rules: Partial<SendRules> = {}): Operation {
  const { acks = "all", isIdempotent = true, outcome = "ok", ...rest } = rules;
  const value = pairsOf(records).map(([offset, value]): Send => ({ key, value, offset, outcome, ...rest }));
  return { f: "send", acks, isIdempotent, producer, value };
}

/** A story whose one topic exists. */
export function story(): Story {
  return new Story().topic(1);
}

function pairsOf(records: string): readonly (readonly [offset: number | null, value: number])[] {
  return records
    .split(" ")
    .filter((record) => record !== "")
    .map((record) => {
      const [offset, value] = record.split(":");
      return [offset === "-" ? null : Number(offset), Number(value)];
    });
}

function readsOf(records: string): readonly Read[] {
  return pairsOf(records).map(([offset, value]) => [offset ?? 0, value]);
}
