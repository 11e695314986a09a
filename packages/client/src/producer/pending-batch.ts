// One batch on its way to the log: filled, sealed, sent once or several times, settled. When each of these happens is decided in
// batch-queue.ts.

import type { Codec, Compression, Failure, Offset } from "@varve/model";
import { type BatchBuilder, type BatchProducer, stampProducer } from "@varve/record";
import type { DeliveryError } from "../errors.ts";

/** Where a record went. */
export interface Receipt {
  readonly topic: string;
  readonly partition: number;
  /** Undefined when the log has the record but nobody can say where: with acks "none", or when an early answer was lost for very long. */
  readonly offset: Offset | undefined;
  /** Milliseconds: the record's own time, or that of the append where the topic asks for it. */
  readonly timestamp: number;
}

/** Called once: with a receipt, or with the error. */
export type Settled = (error: DeliveryError | undefined, receipt: Receipt | undefined) => void;

/** Whoever waits for one record of a batch. */
export interface Waiter {
  /** Of the record within its batch. */
  readonly index: number;
  readonly timestamp: number;
  readonly settled: Settled;
}

/** Its number in the log's order of this producer: what makes a second attempt recognisable. */
export interface BatchNumber {
  readonly id: number;
  readonly epoch: number;
  readonly sequence: number;
}

/**
 * - waiting: never sent under its present number, or without one.
 * - in-flight: sent, unanswered.
 * - resend: sent before; to be sent again under the same number.
 * - settled: it has its outcome.
 */
export type BatchState = "waiting" | "in-flight" | "resend" | "settled";

export class PendingBatch {
  /** Rises from batch to batch of a partition. */
  readonly ordinal: number;
  readonly createdMs: number;
  readonly deadlineMs: number;
  state: BatchState = "waiting";
  number: BatchNumber | undefined;
  /** An attempt ended without an answer that says whether the batch was stored. */
  isDoubtful = false;
  /** What the last attempt was answered. */
  lastFailure: Failure | undefined;
  /** What it holds of the producer's buffer. */
  chargedBytes: number;
  /** Of the flushes that wait for it; see flush-tracker.ts. */
  generation: number;
  waiters: Waiter[] | undefined;
  recordCount = 0;
  /** Of records that nobody waits for. */
  untoldCount = 0;
  #builder: BatchBuilder | undefined;
  #bytes: Uint8Array | undefined;

  constructor(ordinal: number, createdMs: number, deadlineMs: number, builder: BatchBuilder, chargedBytes: number, generation: number) {
    this.ordinal = ordinal;
    this.createdMs = createdMs;
    this.deadlineMs = deadlineMs;
    this.chargedBytes = chargedBytes;
    this.generation = generation;
    this.#builder = builder;
  }

  /** Takes records while it is not sealed. */
  get builder(): BatchBuilder | undefined {
    return this.#builder;
  }

  /** Of a sealed batch. The sender's to read, never to change. */
  get bytes(): Uint8Array | undefined {
    return this.#bytes;
  }

  /**
   * Makes the batch ready to be sent under `number`.
   * @returns the builder, empty, when this was the first time; it is free for another batch.
   */
  seal(number: BatchNumber | undefined, codec: Codec, compression: Compression): BatchBuilder | undefined {
    const producer: BatchProducer | undefined = number && { id: number.id, epoch: number.epoch, baseSequence: number.sequence };
    this.number = number;
    const builder = this.#builder;
    if (builder !== undefined) {
      this.recordCount = builder.recordCount;
      this.#bytes = builder.finish({ codec, producer });
      this.#builder = undefined;
      return builder;
    }
    if (producer !== undefined) stampProducer(this.#bytes!, 0, producer, compression);
    return undefined;
  }

  /** Lets go of the records. */
  release(): void {
    this.state = "settled";
    this.#builder = undefined;
    this.#bytes = undefined;
    this.waiters = undefined;
  }
}
