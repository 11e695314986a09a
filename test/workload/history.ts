// What clients did and what came of it, as one list of events: the same format from the simulator and from real processes, so that
// one checker judges both. Written as history.ndjson, an event per line. Shape after Jepsen's Kafka workload (correctness.md 3.1, 3.8).

import type { Acks } from "@varve/api";

/** One incarnation of one partition: a topic that is deleted and created again has new keys. */
export type Key = number;
/** What a record stands for: an integer that is sent at most once in the whole history. */
export type Value = number;

/** What is known of one record's send. "fail": it was never stored; "info": nobody knows. */
export type SendOutcome = "ok" | "fail" | "info";

export interface Send {
  readonly key: Key;
  readonly value: Value;
  /** Where it was stored, when the answer said so. Offsets stay below 2^53, so that JSON's numbers hold them. */
  readonly offset: number | null;
  readonly outcome: SendOutcome;
  /** The producer chose the partition: while nobody knows the outcome, it may be in any one of the topic. */
  readonly isPlaced?: boolean;
  /** The record's own time, where the topic keeps it. */
  readonly timestampMs?: number;
  readonly error?: string;
}

export type Read = readonly [offset: number, value: Value];

export interface Polled {
  readonly key: Key;
  /** In the order in which the consumer gave them. */
  readonly reads: readonly Read[];
}

/** Where a consumer was told to begin. */
export type From =
  | { readonly kind: "earliest" }
  | { readonly kind: "latest" }
  | { readonly kind: "offset"; readonly offset: number }
  | { readonly kind: "timestamp"; readonly timestampMs: number };

export interface KeyRules {
  readonly key: Key;
  readonly topic: string;
  readonly partition: number;
  /** When it came into being; unknown where a change of it had no answer. */
  readonly durability: "fsync" | "replicated" | "unknown";
  /** Old records may go by themselves. */
  readonly isRetained: boolean;
  /** The key that had this topic and partition before it was deleted. */
  readonly predecessor: Key | null;
}

export type Operation =
  /** Declares keys; `ok` once their topic exists. */
  | { readonly f: "create-topic"; readonly value: readonly KeyRules[] }
  | { readonly f: "delete-topic"; readonly value: readonly Key[] }
  | { readonly f: "alter-durability"; readonly value: readonly Key[]; readonly durability: "fsync" | "replicated" }
  /** A new consumer of this process, for these keys alone; the one before it is gone. */
  | { readonly f: "assign"; readonly value: readonly Key[]; readonly from: From }
  /** The consumer steps over what a broker has reported as damaged: reading goes on at `resumeAt`. */
  | { readonly f: "skip"; readonly key: Key; readonly damagedFrom: number; readonly resumeAt: number }
  /** Records handed to one producer, in this order, none waiting for the one before it. */
  | { readonly f: "send"; readonly acks: Acks; readonly isIdempotent: boolean; readonly producer: number; readonly value: readonly Send[] }
  /** `isFinal`: part of reading everything from the start after all faults were healed. */
  | { readonly f: "poll"; readonly isFinal: boolean; readonly value: readonly Polled[] }
  /** At the end of a final reader: where each log begins and ends. */
  | {
      readonly f: "list-offsets";
      readonly value: readonly { readonly key: Key; readonly logStart: number | null; readonly highWatermark: number | null }[];
    }
  | { readonly f: "delete-records"; readonly key: Key; readonly before: number; readonly logStart: number | null }
  /** A fault; `process` is "nemesis". Those that the checker weighs are "process-death", "power-cut" and "sync-failed". */
  | { readonly f: "fault"; readonly fault: string };

export type EventType = "invoke" | "ok" | "fail" | "info";

export type HistoryEvent = Operation & {
  /** Its place in the history; also the order of time. */
  readonly index: number;
  readonly timeMs: number;
  /** One operation at a time each; "nemesis" is who does the faults. */
  readonly process: number | "nemesis";
  readonly type: EventType;
  readonly error?: string;
};

export type OperationOf<F extends Operation["f"]> = Extract<Operation, { readonly f: F }>;
export type EventOf<F extends Operation["f"]> = Extract<HistoryEvent, { readonly f: F }>;

/** A history that is being made. */
export class History {
  readonly #nowMs: () => number;
  readonly #events: HistoryEvent[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get events(): readonly HistoryEvent[] {
    return this.#events;
  }

  add(process: number | "nemesis", type: EventType, operation: Operation, error?: string): void {
    this.#events.push({
      ...operation,
      index: this.#events.length,
      timeMs: this.#nowMs(),
      process,
      type,
      ...(error === undefined ? {} : { error }),
    });
  }
}

export function toNdjson(events: readonly HistoryEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join("");
}

export function fromNdjson(text: string): readonly HistoryEvent[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as HistoryEvent);
}
