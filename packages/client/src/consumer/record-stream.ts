// The two ways through a consumer: batch by batch, and record by record. What was handed out last is done with when the next is asked for,
// or when the loop is left.

import type { ConsumedBatch } from "./consumed-batch.ts";
import type { ConsumerRecord } from "./consumer-record.ts";

/** Where batches come from. */
export interface BatchSource {
  /** The next batch, undefined at the end. What was taken before is done with. @throws what the consumer fails with. */
  take(): Promise<ConsumedBatch | undefined>;
  /** False once its partition was sent elsewhere: then nothing more of it is wanted. */
  isWanted(batch: ConsumedBatch): boolean;
  /** Everything below `offset` of the batch that was taken last is done with. */
  passed(batch: ConsumedBatch, offset: number): void;
  /** The batch turned out to be damaged: its partition stops there. */
  stopped(batch: ConsumedBatch, error: unknown): void;
  close(): void;
}

export class BatchStream implements AsyncIterableIterator<ConsumedBatch> {
  readonly #source: BatchSource;

  constructor(source: BatchSource) {
    this.#source = source;
  }

  async next(): Promise<IteratorResult<ConsumedBatch, undefined>> {
    const batch = await this.#source.take();
    return batch === undefined ? { done: true, value: undefined } : { done: false, value: batch };
  }

  return(): Promise<IteratorResult<ConsumedBatch, undefined>> {
    this.#source.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

export class RecordStream implements AsyncIterableIterator<ConsumerRecord> {
  readonly #source: BatchSource;
  #batch: ConsumedBatch | undefined;
  #records: Iterator<ConsumerRecord> | undefined;
  #last: ConsumerRecord | undefined;

  constructor(source: BatchSource) {
    this.#source = source;
  }

  async next(): Promise<IteratorResult<ConsumerRecord, undefined>> {
    for (;;) {
      const record = this.#nextOfBatch();
      if (record !== undefined) return { done: false, value: record };
      this.#batch = await this.#source.take();
      this.#last = undefined;
      if (this.#batch === undefined) return { done: true, value: undefined };
      this.#records = this.#batch[Symbol.iterator]();
    }
  }

  return(): Promise<IteratorResult<ConsumerRecord, undefined>> {
    if (this.#batch !== undefined && this.#last !== undefined) this.#source.passed(this.#batch, this.#last.offset + 1);
    this.#source.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #nextOfBatch(): ConsumerRecord | undefined {
    const batch = this.#batch;
    if (batch === undefined || this.#records === undefined || !this.#source.isWanted(batch)) return undefined;
    if (this.#last !== undefined) this.#source.passed(batch, this.#last.offset + 1);
    try {
      const { done, value } = this.#records.next();
      if (done !== true) {
        this.#last = value;
        return value;
      }
    } catch (error) {
      this.#records = undefined;
      this.#source.stopped(batch, error);
      throw error;
    }
    this.#records = undefined;
    return undefined;
  }
}
