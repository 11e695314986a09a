// What the SDK throws beyond `ClusterError` itself: the same class with what a sender or a reader needs to decide what to do next.

import { ClusterError, type ErrorCode, type Offset } from "@varve/model";

/**
 * Whether a failed write can still be in the log. `refused`: no attempt was stored, and none will be. `unknown`: an attempt ended without
 * an answer, so the record may be in the log, may come into it yet, or may never have reached it. Source: correctness.md 3.2.
 */
export type DeliveryOutcome = "refused" | "unknown";

/** A record was not acknowledged. */
export class DeliveryError extends ClusterError {
  readonly topic: string;
  /** Undefined when the record had not been given a partition. */
  readonly partition: number | undefined;
  readonly outcome: DeliveryOutcome;

  constructor(code: ErrorCode, message: string, about: DeliveryErrorFields) {
    super(code, message, { cause: about.cause });
    this.topic = about.topic;
    this.partition = about.partition;
    this.outcome = about.outcome;
  }
}

export interface DeliveryErrorFields {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly outcome: DeliveryOutcome;
  readonly cause?: unknown;
}

/** Records cannot be read: what stands in the log, or what came from it, is damaged. */
export class DamagedRecordsError extends ClusterError {
  readonly topic: string;
  readonly partition: number;
  /** The first record that cannot be read. */
  readonly from: Offset;
  /** Where reading can go on: `seek` there to step over the damage. */
  readonly resumeAt: Offset;

  constructor(code: ErrorCode, message: string, about: DamageFields) {
    super(code, message, { cause: about.cause });
    this.topic = about.topic;
    this.partition = about.partition;
    this.from = about.from;
    this.resumeAt = about.resumeAt;
  }
}

export interface DamageFields {
  readonly topic: string;
  readonly partition: number;
  readonly from: Offset;
  readonly resumeAt: Offset;
  readonly cause?: unknown;
}
