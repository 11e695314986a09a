// What an answer says of a batch, and the numbering that lets a broker recognise a second attempt. The rules, and why they are safe, are in
// docs/decisions/0008-idempotent-producer.md; batch-queue.ts carries them out.

import type { ErrorCode, TopicId } from "@varve/model";
import { sequencePlus } from "@varve/record";
import type { BatchNumber, PendingBatch } from "./pending-batch.ts";

/** Epochs of a producer id: int16. */
export const producerEpochMax = 32_767;

/**
 * Codes that a leader answers before it appends: with one of them this attempt left nothing in the log. After any other failure the batch
 * may be there. NOT_LEADER_OR_FOLLOWER is not among them: a leader that resigns says so of batches that it has appended.
 */
const notAppendedCodes: ReadonlySet<ErrorCode> = new Set([
  "CORRUPT_MESSAGE",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "UNKNOWN_TOPIC_ID",
  "INCONSISTENT_TOPIC_ID",
  "MESSAGE_TOO_LARGE",
  "INVALID_TOPIC_EXCEPTION",
  "RECORD_LIST_TOO_LARGE",
  "NOT_ENOUGH_REPLICAS",
  "INVALID_REQUIRED_ACKS",
  "TOPIC_AUTHORIZATION_FAILED",
  "INVALID_TIMESTAMP",
  "UNSUPPORTED_VERSION",
  "INVALID_REQUEST",
  "UNSUPPORTED_FOR_MESSAGE_FORMAT",
  "POLICY_VIOLATION",
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "INVALID_PRODUCER_EPOCH",
  "UNKNOWN_PRODUCER_ID",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "UNSUPPORTED_COMPRESSION_TYPE",
  "INVALID_RECORD",
  "THROTTLING_QUOTA_EXCEEDED",
  "DUPLICATE_RESOURCE",
]);

/** Whether an attempt that was answered so has left nothing in the log. */
export function isNotAppended(code: ErrorCode): boolean {
  return notAppendedCodes.has(code);
}

/** Whether the log says that a batch before this one is missing. */
export function saysGap(code: ErrorCode): boolean {
  return code === "OUT_OF_ORDER_SEQUENCE_NUMBER" || code === "UNKNOWN_PRODUCER_ID";
}

/** What is to be done with a batch that was sent before and is not stored. */
export type Resumption =
  /** Send it again under its number. */
  | "resend"
  /** It is not in the log and will not come into it: it gets a number of the next run. */
  | "take-back";

/**
 * Batches of one partition's log that bear one producer epoch and numbers without a gap. It breaks when a batch is given up: then it takes
 * no new batch, and once those it has are settled or taken back the next run follows.
 */
export class Run {
  readonly log: TopicId;
  readonly epoch: number;
  #nextSequence: number;
  /** Behind the last batch that is known to be stored. */
  #storedEnd: { ordinal: number; sequence: number };
  /** The first batch that was given up. */
  #brokenAt = Number.POSITIVE_INFINITY;
  /** The first batch that was given up and is certainly missing: nothing behind it can be in the log. */
  #missingAt = Number.POSITIVE_INFINITY;
  #needsFence = false;

  constructor(log: TopicId, epoch: number, sequence: number) {
    this.log = log;
    this.epoch = epoch;
    this.#nextSequence = sequence;
    this.#storedEnd = { ordinal: -1, sequence };
  }

  get isBroken(): boolean {
    return this.#brokenAt !== Number.POSITIVE_INFINITY;
  }

  /** Gives out the next number. @param recordCount of the batch. */
  number(producerId: number, recordCount: number): BatchNumber {
    const sequence = this.#nextSequence;
    this.#nextSequence = sequencePlus(sequence, recordCount);
    return { id: producerId, epoch: this.epoch, sequence };
  }

  stored(batch: PendingBatch): void {
    if (batch.number === undefined || batch.ordinal < this.#storedEnd.ordinal) return;
    this.#storedEnd = { ordinal: batch.ordinal, sequence: sequencePlus(batch.number.sequence, batch.recordCount) };
  }

  /** The batch will not be sent any more under its number. @param isMissing no attempt was stored, and none will be. */
  giveUp(batch: PendingBatch, isMissing: boolean): void {
    this.#brokenAt = Math.min(this.#brokenAt, batch.ordinal);
    if (isMissing) this.#missingAt = Math.min(this.#missingAt, batch.ordinal);
    else this.#needsFence = true;
  }

  /** The log's own count is not ours: only a higher epoch makes it take another batch of ours. */
  disagree(batch: PendingBatch): void {
    this.#brokenAt = Math.min(this.#brokenAt, batch.ordinal);
    this.#needsFence = true;
  }

  /** Whether the batch stands behind one that was given up. */
  isBehindBreak(batch: PendingBatch): boolean {
    return batch.ordinal > this.#brokenAt;
  }

  /** @param batch sent before, unanswered or refused in a way that may pass. */
  resumption(batch: PendingBatch): Resumption {
    if (batch.ordinal > this.#missingAt) return "take-back";
    // In doubt, and so is the one before it: both may come to the log yet, so only its own number is safe.
    return this.isBehindBreak(batch) && !batch.isDoubtful ? "take-back" : "resend";
  }

  /** The batch leaves the run for the next one: it is certain that it is not in the log, and so is it of those behind it. */
  takeBack(batch: PendingBatch): void {
    this.#brokenAt = Math.min(this.#brokenAt, batch.ordinal);
    this.#missingAt = Math.min(this.#missingAt, batch.ordinal);
    // Old attempts of it must find a higher epoch, else one could be taken for a batch of the next run that bears the same number.
    if (batch.isDoubtful) this.#needsFence = true;
    batch.isDoubtful = false;
  }

  /** What follows this run on `log`; undefined when the epochs are used up. */
  successor(log: TopicId): Run | undefined {
    // A new log knows nothing of this producer.
    if (log !== this.log) return new Run(log, this.epoch, 0);
    if (!this.#needsFence) return new Run(log, this.epoch, this.#storedEnd.sequence);
    return this.epoch === producerEpochMax ? undefined : new Run(log, this.epoch + 1, 0);
  }
}
