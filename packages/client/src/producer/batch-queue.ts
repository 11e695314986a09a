// The batches of one partition, from the first record to the outcome: which may be sent now, and what an answer does to it and to those
// behind it. Pure: it is told the time and what was answered. The numbering's rules are in idempotence.ts, sending is sender.ts's.

import type { Acks, ProduceResult, ProducerIdentity } from "@varve/api";
import { type Codec, type Compression, type ErrorCode, errorTable, type Failure, type Offset, type TopicId } from "@varve/model";
import type { HeaderField, RecordField } from "@varve/record";
import type { Backoff } from "../backoff.ts";
import { DeliveryError, type DeliveryOutcome } from "../errors.ts";
import { saysStaleMetadata } from "../stale-metadata.ts";
import type { BuilderPool } from "./builder-pool.ts";
import { isNotAppended, Run, saysGap } from "./idempotence.ts";
import { PendingBatch, type Receipt, type Settled } from "./pending-batch.ts";

/** With nothing stored for so long a partition begins again with one batch in flight: its log may have forgotten the producer. */
export const quietMsMax = 60_000;

export interface QueueOptions {
  /** Monotonic milliseconds; read when a batch begins. */
  readonly now: () => number;
  /** The present one of the producer's flushes: a batch of an earlier one is due. */
  readonly generation: () => number;
  readonly acks: Acks;
  readonly codec: Codec;
  readonly lingerMs: number;
  readonly deliveryTimeoutMs: number;
  readonly inFlightMax: number;
  readonly compression: Compression;
  readonly backoff: Backoff;
  readonly builders: BuilderPool;
}

/** What a queue tells its producer. */
export interface QueueOwner {
  /** What the batch holds of the buffer has changed. */
  charged(bytes: number): void;
  /** The batch has its outcome; its memory is free. */
  settled(batch: PendingBatch, error: DeliveryError | undefined): void;
  /** Nothing that this producer sends can be told from older attempts any more. */
  failed(error: Failure): void;
}

/** What names the stream that a batch was sent on; only compared. */
export type StreamIdentity = object;

export class BatchQueue {
  readonly topic: string;
  readonly partition: number;
  readonly #options: QueueOptions;
  readonly #owner: QueueOwner;
  /** Sent under the present run's numbers and not settled, in their order. At most `inFlightMax`. */
  #sent: PendingBatch[] = [];
  /** To be numbered, in order; the last one may take more records. */
  #waiting: PendingBatch[] = [];
  #run: Run | undefined;
  #ordinal = 0;
  #inFlight = 0;
  #failures = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  /** Where and when a batch was last stored: on that stream the log is known to hold our numbers, so further batches may follow at once. */
  #confirmedOn: StreamIdentity | undefined;
  #confirmedMs = Number.NEGATIVE_INFINITY;

  constructor(topic: string, partition: number, options: QueueOptions, owner: QueueOwner) {
    this.topic = topic;
    this.partition = partition;
    this.#options = options;
    this.#owner = owner;
  }

  /** Whether any record has no outcome yet. */
  get isActive(): boolean {
    return this.#sent.length > 0 || this.#waiting.length > 0;
  }

  /**
   * Takes a record. @param settled undefined when nobody waits for it.
   * @returns whether a batch was begun for it: it is `lastBatch`.
   * @throws {ClusterError} MESSAGE_TOO_LARGE, INVALID_TIMESTAMP: it was not taken.
   */
  append(
    generation: number,
    timestamp: number,
    key: RecordField,
    value: RecordField,
    headers: readonly HeaderField[] | undefined,
    settled: Settled | undefined,
  ): boolean {
    const last = this.#waiting.at(-1);
    let batch = last;
    let builder = batch?.builder;
    let isNews = false;
    if (batch === undefined || builder === undefined || batch.generation < generation || !builder.append(timestamp, key, value, headers)) {
      batch = this.#open(generation);
      builder = batch.builder!;
      try {
        builder.append(timestamp, key, value, headers);
      } catch (error) {
        this.#options.builders.put(builder);
        throw error;
      }
      this.#ordinal += 1;
      this.#waiting.push(batch);
      this.#owner.charged(batch.chargedBytes);
      isNews = true;
    }
    const neededBytes = this.#options.builders.heldBytes(builder);
    if (neededBytes > batch.chargedBytes) {
      this.#owner.charged(neededBytes - batch.chargedBytes);
      batch.chargedBytes = neededBytes;
    }
    if (settled === undefined) {
      batch.untoldCount += 1;
    } else {
      const waiter = { index: builder.recordCount - 1, timestamp, settled };
      if (batch.waiters === undefined) batch.waiters = [waiter];
      else batch.waiters.push(waiter);
    }
    return isNews;
  }

  /** The last batch, which holds the record that was appended just now. */
  get lastBatch(): PendingBatch | undefined {
    return this.#waiting.at(-1);
  }

  /**
   * The next batch to be sent, which then is in flight; undefined when none may be sent now.
   * @param producer undefined when the producer is not idempotent.
   * @param log where the partition's records go at present.
   */
  next(nowMs: number, log: TopicId, stream: StreamIdentity, producer: ProducerIdentity | undefined): PendingBatch | undefined {
    if (nowMs < this.#retryAtMs) return undefined;
    if (this.#run !== undefined && this.#run.log !== log) this.#leaveLog();
    if (this.#inFlight >= this.#window(nowMs, stream, producer !== undefined)) return undefined;
    const again = this.#sent.find(({ state }) => state === "resend");
    if (again !== undefined) return this.#sending(again);
    if (!this.#hasRun(log, producer?.producerEpoch ?? 0)) return undefined;
    const batch = this.#waiting[0];
    if (batch === undefined || !this.#isDue(batch, nowMs)) return undefined;
    this.#waiting.shift();
    this.#number(batch, producer?.producerId);
    if (this.#options.acks !== "none") this.#sent.push(batch);
    return this.#sending(batch);
  }

  /** When to ask again although nothing was appended or answered; undefined when nothing is here. */
  wakeMs(nowMs: number): number | undefined {
    const first = this.#sent[0] ?? this.#waiting[0];
    if (first === undefined) return undefined;
    const open = this.#waiting[0];
    let wakeMs = Math.min(first.deadlineMs, open?.deadlineMs ?? first.deadlineMs);
    if (this.#retryAtMs > nowMs) wakeMs = Math.min(wakeMs, this.#retryAtMs);
    if (open !== undefined && !this.#isDue(open, nowMs)) wakeMs = Math.min(wakeMs, open.createdMs + this.#options.lingerMs);
    return wakeMs;
  }

  /** @returns whether the metadata that it was sent by may be old. */
  answered(nowMs: number, batch: PendingBatch, result: ProduceResult, stream: StreamIdentity): boolean {
    if (!this.#landed(batch)) return false;
    if (result.kind === "stored" || result.failure.code === "DUPLICATE_SEQUENCE_NUMBER") {
      this.#confirmedOn = stream;
      this.#confirmedMs = nowMs;
      this.#failures = 0;
      this.#retryAtMs = Number.NEGATIVE_INFINITY;
      this.#run?.stored(batch);
      this.#leave(batch);
      this.#succeed(batch, result.kind === "stored" ? result : undefined);
      return false;
    }
    this.#refused(nowMs, batch, result.failure);
    return saysStaleMetadata(result.failure.code);
  }

  /** The stream ended, or gave the answer up, before it came. */
  lost(nowMs: number, batch: PendingBatch, failure: Failure): void {
    if (!this.#landed(batch)) return;
    batch.isDoubtful = true;
    this.#tryAgain(nowMs, batch, failure);
  }

  /** Of a batch of acks "none": it was handed over, and that is all there is to know. */
  handedOver(batch: PendingBatch): void {
    this.#inFlight -= 1;
    this.#succeed(batch, undefined);
  }

  /** Nothing can be sent now, for this reason. */
  unreachable(failure: Failure): void {
    const first = this.#sent[0] ?? this.#waiting[0];
    if (first !== undefined) first.lastFailure = failure;
  }

  /** Fails what is past its time. */
  expire(nowMs: number): void {
    const isLate = ({ deadlineMs }: PendingBatch) => deadlineMs <= nowMs;
    for (const batch of [...this.#sent.filter(isLate), ...this.#waiting.filter(isLate)]) {
      const { lastFailure } = batch;
      const why = lastFailure === undefined ? "" : `; the last answer was ${lastFailure.code}: ${lastFailure.message}`;
      this.#giveUp(batch, "REQUEST_TIMED_OUT", `not acknowledged in ${this.#options.deliveryTimeoutMs} ms${why}`);
    }
  }

  /** Fails everything that is here. */
  failAll(code: ErrorCode, message: string): void {
    for (const batch of [...this.#sent, ...this.#waiting]) this.#giveUp(batch, code, message);
  }

  #open(generation: number): PendingBatch {
    const nowMs = this.#options.now();
    const builder = this.#options.builders.take();
    const heldBytes = this.#options.builders.heldBytes(builder);
    return new PendingBatch(this.#ordinal, nowMs, nowMs + this.#options.deliveryTimeoutMs, builder, heldBytes, generation);
  }

  /** How many batches may be in flight: one alone until the log has shown on this stream that it holds our numbers. */
  #window(nowMs: number, stream: StreamIdentity, isIdempotent: boolean): number {
    if (this.#options.acks === "none") return Number.POSITIVE_INFINITY;
    const isConfirmed = this.#confirmedOn === stream && nowMs - this.#confirmedMs <= quietMsMax;
    return isIdempotent && isConfirmed ? this.#options.inFlightMax : 1;
  }

  #isDue(batch: PendingBatch, nowMs: number): boolean {
    const isClosed = batch.builder === undefined || this.#waiting.length > 1;
    return isClosed || batch.generation < this.#options.generation() || nowMs >= batch.createdMs + this.#options.lingerMs;
  }

  /** Begins a run when there is none, or when the last one is broken and over. */
  #hasRun(log: TopicId, firstEpoch: number): boolean {
    if (this.#run === undefined) {
      this.#run = new Run(log, firstEpoch, 0);
      return true;
    }
    if (!this.#run.isBroken && this.#run.log === log) return true;
    if (this.#sent.length > 0) return false;
    const next = this.#run.successor(log);
    if (next === undefined) {
      this.#owner.failed({ code: "INVALID_PRODUCER_EPOCH", message: `${this.topic}-${this.partition}: the producer's epochs are used up` });
      return false;
    }
    this.#run = next;
    this.#confirmedOn = undefined;
    return true;
  }

  #number(batch: PendingBatch, producerId: number | undefined): void {
    const { acks, builders, codec, compression } = this.#options;
    const recordCount = batch.builder?.recordCount ?? batch.recordCount;
    const number = producerId === undefined || acks === "none" ? undefined : this.#run!.number(producerId, recordCount);
    const builder = batch.seal(number, codec, compression);
    if (builder === undefined) return;
    builders.put(builder);
    this.#owner.charged(batch.bytes!.length - batch.chargedBytes);
    batch.chargedBytes = batch.bytes!.length;
  }

  #sending(batch: PendingBatch): PendingBatch {
    batch.state = "in-flight";
    this.#inFlight += 1;
    return batch;
  }

  /** @returns false when the batch was given up while it was in flight: what came of it is of no interest any more. */
  #landed(batch: PendingBatch): boolean {
    if (batch.state !== "in-flight") return false;
    batch.state = "resend";
    this.#inFlight -= 1;
    return true;
  }

  /** The topic was deleted and created again: what is not answered yet belongs to the new log, whatever came of it in the old one. */
  #leaveLog(): void {
    for (const batch of this.#sent.filter(({ state }) => state === "resend")) this.#takeBack(batch);
  }

  #refused(nowMs: number, batch: PendingBatch, failure: Failure): void {
    const { code } = failure;
    if (!isNotAppended(code)) batch.isDoubtful = true;
    if (saysGap(code)) this.#gap(nowMs, batch, failure);
    else if (code === "INVALID_PRODUCER_EPOCH") this.#owner.failed(failure);
    else if (errorTable[code].retriable) this.#tryAgain(nowMs, batch, failure);
    else this.#giveUp(batch, code, failure.message);
  }

  /** The log misses something before this batch. */
  #gap(nowMs: number, batch: PendingBatch, failure: Failure): void {
    const run = this.#run!;
    const isFirst = this.#sent[0] === batch;
    if (!isFirst || run.resumption(batch) === "take-back") {
      // Only the echo of what became of the batch before it: that one is tried again, or was given up and this one gets another number.
      this.#again(nowMs, batch, failure);
    } else if (run.isBehindBreak(batch) || batch.isDoubtful || this.#options.acks === "all") {
      // Either it is in doubt together with the one before it, or the log has lost what it had acknowledged. Nobody may repeat it unasked.
      run.disagree(batch);
      this.#giveUp(batch, failure.code, failure.message);
    } else {
      // With acks "leader" a log may lose its newest records: the rest goes on behind what is left.
      run.disagree(batch);
      this.#confirmedOn = undefined;
      this.#takeBack(batch);
    }
  }

  #tryAgain(nowMs: number, batch: PendingBatch, failure: Failure): void {
    this.#holdBack(nowMs);
    this.#again(nowMs, batch, failure);
  }

  #again(nowMs: number, batch: PendingBatch, failure: Failure): void {
    batch.lastFailure = failure;
    this.#confirmedOn = undefined;
    this.#takeBackWhatMayNotFollow();
    if (batch.deadlineMs <= nowMs) this.expire(nowMs);
  }

  /** Batches behind one that was given up leave the run, unless only their own number is safe. */
  #takeBackWhatMayNotFollow(): void {
    const run = this.#run!;
    for (const batch of this.#sent.filter(({ state }) => state === "resend"))
      if (run.resumption(batch) === "take-back") this.#takeBack(batch);
  }

  #takeBack(batch: PendingBatch): void {
    this.#run!.takeBack(batch);
    this.#leave(batch);
    batch.state = "waiting";
    let at = 0;
    while (at < this.#waiting.length && this.#waiting[at]!.ordinal < batch.ordinal) at += 1;
    this.#waiting.splice(at, 0, batch);
  }

  #holdBack(nowMs: number): void {
    // Batches that fail together count as one failure.
    if (nowMs < this.#retryAtMs) return;
    this.#failures += 1;
    this.#retryAtMs = nowMs + this.#options.backoff.delayMs(this.#failures);
  }

  #leave(batch: PendingBatch): void {
    const at = this.#sent.indexOf(batch);
    if (at >= 0) this.#sent.splice(at, 1);
  }

  #succeed(batch: PendingBatch, stored: { readonly baseOffset: Offset; readonly appendTimeMs: number | undefined } | undefined): void {
    const waiters = batch.waiters ?? [];
    if (this.#options.acks !== "none") this.#options.builders.recycle(batch.bytes!);
    this.#release(batch, undefined);
    for (const { index, timestamp, settled } of waiters) {
      const receipt: Receipt = {
        topic: this.topic,
        partition: this.partition,
        offset: stored && ((stored.baseOffset + index) as Offset),
        timestamp: stored?.appendTimeMs ?? timestamp,
      };
      settled(undefined, receipt);
    }
  }

  #giveUp(batch: PendingBatch, code: ErrorCode, message: string): void {
    const isInFlight = batch.state === "in-flight";
    const wasNumbered = this.#sent.includes(batch);
    const outcome: DeliveryOutcome = batch.isDoubtful || isInFlight ? "unknown" : "refused";
    if (isInFlight) this.#inFlight -= 1;
    if (wasNumbered) {
      this.#run!.giveUp(batch, outcome === "refused");
      this.#leave(batch);
      this.#confirmedOn = undefined;
      this.#takeBackWhatMayNotFollow();
    } else {
      const at = this.#waiting.indexOf(batch);
      if (at >= 0) this.#waiting.splice(at, 1);
    }
    const { topic, partition } = this;
    const said = outcome === "unknown" ? " (the record may be in the log)" : "";
    const error = new DeliveryError(code, `${topic}-${partition}: ${message}${said}`, {
      topic,
      partition,
      outcome,
      cause: batch.lastFailure,
    });
    const waiters = batch.waiters ?? [];
    this.#release(batch, error);
    for (const { settled } of waiters) settled(error, undefined);
  }

  #release(batch: PendingBatch, error: DeliveryError | undefined): void {
    if (batch.builder !== undefined) this.#options.builders.put(batch.builder);
    batch.release();
    this.#owner.settled(batch, error);
  }
}
