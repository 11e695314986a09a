// What was fetched of one partition at a time: record batches whose checksums hold, and their records when somebody asks for them.
// Opening a batch is where lying counts and decompression bombs show; what is done about damage is the consumer's choice.

import { ClusterError, type Compression, type Offset } from "@varve/model";
import { attributesOf, baseOffsetOf, batchSize, isControl, lastOffsetOf, RecordReader } from "@varve/record";
import { DamagedRecordsError } from "../errors.ts";
import { ConsumerRecord } from "./consumer-record.ts";

/** Told of damage inside a batch: returns to step over it, or throws. */
export type OnDamage = (error: DamagedRecordsError) => void;

export interface ConsumedBatchFields {
  readonly topic: string;
  readonly partition: number;
  /** The first record that is wanted: those before it are left out. */
  readonly from: Offset;
  /** Behind the last one. */
  readonly nextOffset: Offset;
  readonly highWatermark: Offset;
  readonly logStart: Offset;
  /** Whole batches back to back, checked. */
  readonly bytes: Uint8Array;
  readonly compression: Compression;
  readonly onDamage: OnDamage;
}

/** The current record of `forEach`: valid only during the call that it is given to. */
export type RecordView = Pick<RecordReader, "offset" | "timestamp" | "key" | "value" | "headers">;

export class ConsumedBatch implements Iterable<ConsumerRecord> {
  readonly topic: string;
  readonly partition: number;
  /** The first record that was wanted. */
  readonly from: Offset;
  /** Where the next batch begins: behind the last record, also where the last offsets hold none. */
  readonly nextOffset: Offset;
  /** Records below it are committed, as of the answer. */
  readonly highWatermark: Offset;
  readonly logStart: Offset;
  readonly #fields: ConsumedBatchFields;
  #records: readonly ConsumerRecord[] | undefined;

  constructor(fields: ConsumedBatchFields) {
    this.topic = fields.topic;
    this.partition = fields.partition;
    this.from = fields.from;
    this.nextOffset = fields.nextOffset;
    this.highWatermark = fields.highWatermark;
    this.logStart = fields.logStart;
    this.#fields = fields;
  }

  get byteLength(): number {
    return this.#fields.bytes.length;
  }

  /** All records, decoded at the first call. @throws {DamagedRecordsError} when the consumer does not step over damage. */
  get records(): readonly ConsumerRecord[] {
    this.#records ??= [...this];
    return this.#records;
  }

  /**
   * The fast way through: calls `visit` for each record, without an object for any.
   * @throws {DamagedRecordsError} as `records`; what `visit` throws.
   */
  forEach(visit: (record: RecordView) => void): void {
    const walk = new RecordWalk(this.#fields);
    while (walk.next()) visit(walk.reader);
  }

  /** One record after the other. @throws {DamagedRecordsError} as `records`. */
  [Symbol.iterator](): Iterator<ConsumerRecord> {
    const walk = new RecordWalk(this.#fields);
    const { topic, partition } = this;
    return {
      next: () => {
        if (!walk.next()) return { done: true, value: undefined };
        const { offset, timestamp, key, value } = walk.reader;
        return { done: false, value: new ConsumerRecord(topic, partition, offset as Offset, timestamp, key, value, walk.reader.headers()) };
      },
    };
  }
}

/** Goes from record to record over all batches, leaving out what was not asked for. */
class RecordWalk {
  readonly reader: RecordReader;
  readonly #fields: ConsumedBatchFields;
  /** Of the batch that is open, and of the one behind it. */
  #at = 0;
  #nextAt = 0;
  #isOpen = false;
  /** The first record that is not read yet. */
  #first = 0;

  constructor(fields: ConsumedBatchFields) {
    this.#fields = fields;
    this.reader = new RecordReader(fields.compression);
  }

  next(): boolean {
    const { from, nextOffset } = this.#fields;
    for (;;) {
      try {
        if (!this.#isOpen && !this.#open()) return false;
        while (this.reader.next()) {
          const { offset } = this.reader;
          this.#first = offset + 1;
          if (offset >= from && offset < nextOffset) return true;
        }
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        this.#damaged(error);
      }
      this.#isOpen = false;
    }
  }

  /** Opens the next batch of records. @returns false when none is left. */
  #open(): boolean {
    const { bytes } = this.#fields;
    while (this.#nextAt < bytes.length) {
      this.#at = this.#nextAt;
      this.#nextAt += batchSize(bytes, this.#at);
      this.#first = baseOffsetOf(bytes, this.#at);
      if (isControl(attributesOf(bytes, this.#at))) continue;
      this.#isOpen = true;
      this.reader.open(bytes, this.#at, { verify: false });
      return true;
    }
    return false;
  }

  #damaged(cause: ClusterError): void {
    const { bytes, topic, partition, from, onDamage } = this.#fields;
    const first = Math.max(from, this.#first) as Offset;
    const resumeAt = (lastOffsetOf(bytes, this.#at) + 1) as Offset;
    const message = `${topic}-${partition}: the records from offset ${first} to ${resumeAt - 1} cannot be read: ${cause.message}`;
    onDamage(new DamagedRecordsError(cause.code, message, { topic, partition, from: first, resumeAt, cause }));
  }
}
