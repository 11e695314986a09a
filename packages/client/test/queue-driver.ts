// Drives one partition's queue against a leader through a network that keeps nothing but the order of a stream: streams end at any moment
// for the producer, and what was sent on them may reach the leader much later, or never.

import type { ProduceResult } from "@varve/api";
import type { Offset, TopicId } from "@varve/model";
import { readRecords } from "@varve/record";
import { Backoff } from "../src/backoff.ts";
import type { DeliveryError } from "../src/index.ts";
import { BatchQueue } from "../src/producer/batch-queue.ts";
import { BuilderPool } from "../src/producer/builder-pool.ts";
import type { PendingBatch, Receipt } from "../src/producer/pending-batch.ts";
import { FakePartition, failed } from "./fake-cluster.ts";
import { compression } from "./stage.ts";

export const log = "AAAAAAAAAAAAAAAAAAAAAQ" as TopicId;
export const deliveryTimeoutMs = 1_000;

/** What the leader does with a message. */
export type LeaderMood = "store" | "throttle" | "too-large" | "store-late" | "fail-stored" | "fail-unstored";

interface Message {
  readonly batch: PendingBatch;
  readonly bytes: Uint8Array;
}

interface Stream {
  isOpen: boolean;
  /** Sent, and not yet read by the leader. */
  readonly toLeader: Message[];
  /** Sent and not answered, as far as the producer knows. */
  readonly unanswered: Set<PendingBatch>;
  /** Answers on their way. */
  readonly toProducer: { readonly batch: PendingBatch; readonly result: ProduceResult }[];
}

export interface Outcome {
  readonly error: DeliveryError | undefined;
  readonly receipt: Receipt | undefined;
}

export interface DriverOptions {
  readonly acks?: "leader" | "all";
  readonly isIdempotent?: boolean;
}

export class QueueDriver {
  readonly partition = new FakePartition();
  readonly outcomes = new Map<string, Outcome>();
  readonly queue: BatchQueue;
  nowMs = 0;
  failure: string | undefined;
  readonly #isIdempotent: boolean;
  readonly #streams: Stream[] = [];
  #stream: Stream = { isOpen: true, toLeader: [], unanswered: new Set(), toProducer: [] };
  #sent = 0;

  constructor(options: DriverOptions = {}) {
    const { acks = "all", isIdempotent = true } = options;
    this.#isIdempotent = isIdempotent;
    const entropy = { u32: () => 2 ** 31, bytes: (length: number) => new Uint8Array(length) };
    const builders = new BuilderPool({ bytesTarget: 200, bytesMax: 10_000 }, compression);
    const queueOptions = {
      now: () => this.nowMs,
      generation: () => 0,
      acks,
      codec: "none",
      lingerMs: 0,
      deliveryTimeoutMs,
      inFlightMax: 5,
      compression,
      backoff: new Backoff(entropy, 10, 100),
      builders,
    } as const;
    this.queue = new BatchQueue("orders", 0, queueOptions, {
      charged: () => {},
      settled: () => {},
      failed: (failure) => {
        this.failure = failure.message;
      },
    });
    this.#streams.push(this.#stream);
  }

  /** How many records were sent. */
  get sent(): number {
    return this.#sent;
  }

  /** Values in the log, in its order. */
  get values(): readonly string[] {
    const decoder = new TextDecoder();
    return this.partition.batches.flatMap(({ bytes }) =>
      [...readRecords(bytes, 0, compression)].map(({ value }) => decoder.decode(value!)),
    );
  }

  send(): void {
    const value = `v${this.#sent}`;
    this.#sent += 1;
    this.queue.append(0, 1, null, value.padEnd(this.#sent % 3 === 0 ? 150 : 10, "."), undefined, (error, receipt) => {
      if (this.outcomes.has(value)) throw new Error(`${value} has two outcomes`);
      this.outcomes.set(value, { error, receipt });
    });
  }

  /** Sends what the queue lets go. */
  pump(): void {
    for (;;) {
      const producer = this.#isIdempotent ? { producerId: 7, producerEpoch: 0 } : undefined;
      const batch = this.queue.next(this.nowMs, log, this.#stream, producer);
      if (batch === undefined) return;
      this.#stream.unanswered.add(batch);
      this.#stream.toLeader.push({ batch, bytes: batch.bytes!.slice() });
    }
  }

  /** The leader reads one message of any stream. */
  leaderReads(which: number, mood: LeaderMood): void {
    const streams = this.#streams.filter(({ toLeader }) => toLeader.length > 0);
    const stream = streams[which % streams.length];
    const message = stream?.toLeader.shift();
    if (stream === undefined || message === undefined) return;
    const result = this.#carryOut(message.bytes, mood);
    if (stream.isOpen) stream.toProducer.push({ batch: message.batch, result });
  }

  /** An answer arrives, not always the oldest. */
  answerArrives(which: number): void {
    const [answer] = this.#stream.toProducer.splice(which % Math.max(1, this.#stream.toProducer.length), 1);
    if (answer === undefined) return;
    this.#stream.unanswered.delete(answer.batch);
    this.queue.answered(this.nowMs, answer.batch, answer.result, this.#stream);
  }

  /** The stream ends for the producer. @param isEmptied what the leader has not read is gone; else it may come yet. */
  cut(isEmptied: boolean): void {
    const stream = this.#stream;
    stream.isOpen = false;
    const unanswered = [...stream.unanswered];
    stream.unanswered.clear();
    stream.toProducer.length = 0;
    if (isEmptied) stream.toLeader.length = 0;
    this.#stream = { isOpen: true, toLeader: [], unanswered: new Set(), toProducer: [] };
    this.#streams.push(this.#stream);
    for (const batch of unanswered) this.queue.lost(this.nowMs, batch, { code: "NETWORK_EXCEPTION", message: "cut" });
  }

  /** The leader's machine dies, and with it the newest batches of a log that had not been synced. */
  loseTail(batches: number): void {
    for (const stream of this.#streams) stream.toLeader.length = 0;
    this.cut(true);
    const { partition } = this;
    const kept = partition.batches.slice(0, Math.max(0, partition.batches.length - batches));
    partition.batches = [];
    partition.end = 0;
    partition.producers.clear();
    for (const { bytes } of kept) partition.append(bytes);
  }

  pass(milliseconds: number): void {
    this.nowMs += milliseconds;
    this.queue.expire(this.nowMs);
  }

  /** Nothing goes wrong any more, until every record has its outcome and every late message has come. */
  heal(): void {
    for (let round = 0; this.outcomes.size < this.#sent; round += 1) {
      if (round > 10_000) throw new Error(`after ${round} rounds ${this.#sent - this.outcomes.size} records have no outcome`);
      this.pump();
      this.leaderReads(round, "store");
      this.answerArrives(0);
      if (this.#stream.toLeader.length === 0 && this.#stream.toProducer.length === 0) this.pass(5);
    }
    while (this.#streams.some(({ toLeader }) => toLeader.length > 0)) this.leaderReads(0, "store");
  }

  #carryOut(bytes: Uint8Array, mood: LeaderMood): ProduceResult {
    switch (mood) {
      case "store":
        return this.partition.append(bytes);
      case "throttle":
        return failed("THROTTLING_QUOTA_EXCEEDED");
      case "too-large":
        return failed("MESSAGE_TOO_LARGE");
      case "store-late": {
        const result = this.partition.append(bytes);
        return result.kind === "stored" ? failed("REQUEST_TIMED_OUT") : result;
      }
      case "fail-stored": {
        const result = this.partition.append(bytes);
        return result.kind === "stored" ? failed("UNKNOWN_SERVER_ERROR") : result;
      }
      case "fail-unstored":
        return failed("UNKNOWN_SERVER_ERROR");
    }
  }
}

/** Numbers of the values in the log. */
export function numbersIn(driver: QueueDriver): readonly number[] {
  return driver.values.map((value) => Number(value.slice(1).split(".")[0]));
}

/** @returns two records that stand in another order than they were sent in, or one that stands there twice. */
export function disorder(driver: QueueDriver): string | undefined {
  const numbers = numbersIn(driver);
  for (let at = 1; at < numbers.length; at += 1) {
    if (numbers[at]! <= numbers[at - 1]!) return `v${numbers[at]} stands behind v${numbers[at - 1]}: ${numbers.join(" ")}`;
  }
  return undefined;
}

/** @returns what is wrong with what the log holds and the user was told; undefined when nothing is. */
export function violation(driver: QueueDriver): string | undefined {
  const wrongOrder = disorder(driver);
  if (wrongOrder !== undefined) return wrongOrder;
  const numbers = numbersIn(driver);
  const at = new Map(numbers.map((number, offset) => [number, offset as Offset]));
  for (const [value, { error, receipt }] of driver.outcomes) {
    const found = at.get(Number(value.slice(1)));
    if (receipt !== undefined && found === undefined) return `${value} was acknowledged and is not in the log`;
    if (receipt?.offset !== undefined && receipt.offset !== found)
      return `${value} was acknowledged at ${receipt.offset} and stands at ${found}`;
    if (error?.outcome === "refused" && found !== undefined) return `${value} was refused (${error.message}) and stands at ${found}`;
  }
  return undefined;
}
