// Producers that have written here, each with its last batches: what tells a repeated batch from a new one and from a lost one. The state
// follows from the batches in the log alone, so leaders and followers have the same. On disk: producer-snapshot.ts.
// Source: kafka-protocol.md 3.10; Kafka's ProducerStateManager and ProducerAppendInfo.

import { ClusterError, type Compression, type Failure, type Offset } from "@varve/model";
import {
  attributesOf,
  baseOffsetOf,
  baseSequenceOf,
  isControl,
  isTransactional,
  lastOffsetDeltaOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
  readControlBatch,
  sequenceMinus,
  sequencePlus,
} from "@varve/record";

/** Batches of one producer that a repeat is recognised among: as many as a client may have in flight. */
export const producerBatchesMax = 5;
/**
 * Producers remembered in one partition. One more, and the one that has not written for longest is forgotten (one with an open transaction
 * last of all): should it come back, its next batch is taken as a stranger's first, whatever its sequence, and a repeat is not recognised.
 */
export const producersMax = 10_000;

/** What `check` answers. */
export type ProducerCheck =
  | { readonly kind: "new" }
  | { readonly kind: "duplicate"; readonly baseOffset: Offset; readonly lastOffset: Offset; readonly appendTimeMs: number }
  | { readonly kind: "refused"; readonly failure: Failure };

/** One producer. Arrays hold its last batches, oldest first; a batch has the same place in all. */
export interface Producer {
  readonly id: number;
  epoch: number;
  readonly lastSequences: number[];
  readonly lastOffsets: number[];
  /** Records in the batch minus one. */
  readonly offsetDeltas: number[];
  readonly timestampsMs: number[];
  /** Largest time in its last batch or marker; -1 is none. */
  lastTimestampMs: number;
  /** Monotonic time of its last write here, or of when this process learned of it: no jump of the clock may make us forget it. */
  lastSeenMs: number;
  /** -1 until a transaction marker came. */
  coordinatorEpoch: number;
  /** First offset of its open transaction; -1 is none. */
  transactionStart: number;
}

const isNew: ProducerCheck = { kind: "new" };
const none = -1;

export class ProducerTable {
  /** The one that has not written for longest first. */
  #producers = new Map<number, Producer>();
  readonly #compression: Compression;

  constructor(compression: Compression) {
    this.#compression = compression;
  }

  get size(): number {
    return this.#producers.size;
  }

  get(id: number): Producer | undefined {
    return this.#producers.get(id);
  }

  all(): Iterable<Producer> {
    return this.#producers.values();
  }

  clear(): void {
    this.#producers.clear();
  }

  /** Takes a producer as a snapshot tells it, in the place of one with its id. */
  restore(producer: Producer): void {
    this.#producers.delete(producer.id);
    this.#producers.set(producer.id, producer);
    this.#forgetBeyondMax();
  }

  /** What a client's batch is to what the log holds. Allocates nothing for a new one. */
  check(batch: Uint8Array, nowMs: number, expiryMs: number): ProducerCheck {
    const id = producerIdOf(batch, 0);
    if (id < 0) return isNew;
    const producer = this.#producers.get(id);
    if (producer === undefined || isExpired(producer, nowMs, expiryMs)) return isNew;
    const epoch = producerEpochOf(batch, 0);
    const sequence = baseSequenceOf(batch, 0);
    if (epoch < producer.epoch) {
      return refused("INVALID_PRODUCER_EPOCH", `producer ${id} sends with epoch ${epoch}; epoch ${producer.epoch} has written here`);
    }
    if (epoch > producer.epoch) {
      if (sequence === 0) return isNew;
      return refused("OUT_OF_ORDER_SEQUENCE_NUMBER", `producer ${id} begins epoch ${epoch} with sequence ${sequence}, not 0`);
    }
    const lastSequence = sequencePlus(sequence, lastOffsetDeltaOf(batch, 0));
    for (let at = producer.lastSequences.length - 1; at >= 0; at--) {
      if (producer.lastSequences[at] !== lastSequence) continue;
      if (sequenceMinus(lastSequence, producer.offsetDeltas[at]!) !== sequence) continue;
      const lastOffset = producer.lastOffsets[at]!;
      const baseOffset = lastOffset - producer.offsetDeltas[at]!;
      return {
        kind: "duplicate",
        baseOffset: baseOffset as Offset,
        lastOffset: lastOffset as Offset,
        appendTimeMs: producer.timestampsMs[at]!,
      };
    }
    const last = producer.lastSequences.at(-1);
    const expected = last === undefined ? 0 : sequencePlus(last, 1);
    if (sequence === expected) return isNew;
    return refused(
      "OUT_OF_ORDER_SEQUENCE_NUMBER",
      `producer ${id} sends sequence ${sequence}, the log expects ${expected} of epoch ${epoch}`,
    );
  }

  /** A stamped batch was appended at `at`. It passed whoever checked it: nothing is refused here. */
  note(bytes: Uint8Array, at: number, nowMs: number): void {
    const id = producerIdOf(bytes, at);
    if (id < 0) return;
    const attributes = attributesOf(bytes, at);
    const producer = this.#touch(id, producerEpochOf(bytes, at));
    producer.lastSeenMs = nowMs;
    producer.lastTimestampMs = maxTimestampOf(bytes, at);
    if (isControl(attributes)) return this.#noteMarker(producer, bytes, at);
    const baseOffset = baseOffsetOf(bytes, at);
    const offsetDelta = lastOffsetDeltaOf(bytes, at);
    if (producer.lastSequences.length === producerBatchesMax) dropOldestBatch(producer);
    producer.lastSequences.push(sequencePlus(Math.max(0, baseSequenceOf(bytes, at)), offsetDelta));
    producer.lastOffsets.push(baseOffset + offsetDelta);
    producer.offsetDeltas.push(offsetDelta);
    producer.timestampsMs.push(producer.lastTimestampMs);
    if (isTransactional(attributes) && producer.transactionStart === none) producer.transactionStart = baseOffset;
  }

  /** Forgets producers that have not written for `expiryMs`; one with an open transaction stays. @returns how many. */
  expire(nowMs: number, expiryMs: number): number {
    let expired = 0;
    for (const producer of this.#producers.values()) {
      if (!isExpired(producer, nowMs, expiryMs)) continue;
      this.#producers.delete(producer.id);
      expired += 1;
    }
    return expired;
  }

  #touch(id: number, epoch: number): Producer {
    const known = this.#producers.get(id);
    if (known === undefined) {
      const producer = strangerProducer(id, epoch);
      this.#producers.set(id, producer);
      this.#forgetBeyondMax();
      return producer;
    }
    // The map's order is the order of writing.
    this.#producers.delete(id);
    this.#producers.set(id, known);
    if (known.epoch !== epoch) forgetBatches(known, epoch);
    return known;
  }

  #noteMarker(producer: Producer, bytes: Uint8Array, at: number): void {
    producer.transactionStart = none;
    producer.coordinatorEpoch = coordinatorEpochOf(bytes, at, this.#compression) ?? producer.coordinatorEpoch;
  }

  #forgetBeyondMax(): void {
    if (this.#producers.size <= producersMax) return;
    let oldest: Producer | undefined;
    for (const producer of this.#producers.values()) {
      oldest ??= producer;
      if (producer.transactionStart !== none) continue;
      oldest = producer;
      break;
    }
    if (oldest !== undefined) this.#producers.delete(oldest.id);
  }
}

/** A producer of whom nothing but its epoch is known. */
export function strangerProducer(id: number, epoch: number): Producer {
  return {
    id,
    epoch,
    lastSequences: [],
    lastOffsets: [],
    offsetDeltas: [],
    timestampsMs: [],
    lastTimestampMs: none,
    lastSeenMs: none,
    coordinatorEpoch: none,
    transactionStart: none,
  };
}

function forgetBatches(producer: Producer, epoch: number): void {
  producer.epoch = epoch;
  producer.lastSequences.length = 0;
  producer.lastOffsets.length = 0;
  producer.offsetDeltas.length = 0;
  producer.timestampsMs.length = 0;
}

function dropOldestBatch(producer: Producer): void {
  producer.lastSequences.shift();
  producer.lastOffsets.shift();
  producer.offsetDeltas.shift();
  producer.timestampsMs.shift();
}

function isExpired(producer: Producer, nowMs: number, expiryMs: number): boolean {
  return producer.transactionStart === none && nowMs - producer.lastSeenMs >= expiryMs;
}

/** Of a transaction marker; undefined in any other control batch, and in one that cannot be read. */
function coordinatorEpochOf(bytes: Uint8Array, at: number, compression: Compression): number | undefined {
  try {
    const record = readControlBatch(bytes, at, compression)[0];
    return record !== undefined && "coordinatorEpoch" in record ? record.coordinatorEpoch : undefined;
  } catch (error) {
    if (error instanceof ClusterError) return undefined;
    throw error;
  }
}

function refused(code: Failure["code"], message: string): ProducerCheck {
  return { kind: "refused", failure: { code, message } };
}
