// The consumer as users see it: partitions that are read from somewhere to somewhere, as batches or records, with pause and seek. How they
// are read is reading.ts's.

import { ClusterError, type Offset } from "@varve/model";
import type { ClientContext } from "../client-context.ts";
import { abandonable } from "../deadline.ts";
import type { TopicPartition } from "../leader-calls.ts";
import type { ConsumedBatch } from "./consumed-batch.ts";
import type { Assignment, ConsumerOptions } from "./consumer-options.ts";
import type { ConsumerRecord } from "./consumer-record.ts";
import type { Place } from "./locator.ts";
import type { PartitionPosition } from "./position.ts";
import { Reading } from "./reading.ts";
import { BatchStream, RecordStream } from "./record-stream.ts";

export class Consumer implements AsyncIterable<ConsumerRecord>, AsyncDisposable {
  readonly #reading: Reading;

  /** Made by `varve.consume`. @throws {ClusterError} INVALID_CONFIG. */
  constructor(
    context: ClientContext,
    what: string | readonly string[] | readonly Assignment[],
    options: ConsumerOptions,
    onClosed: (consumer: Consumer) => void,
  ) {
    this.#reading = new Reading(context, typeof what === "string" ? [what] : what, options, () => onClosed(this));
  }

  /** Resolves when every partition knows where it begins: with "latest", records that are written from then on are read. */
  ready(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return abandonable(this.#reading.started, options.signal);
  }

  /** Record by record. Leaving the loop closes the consumer. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumerRecord, undefined> {
    return new RecordStream(this.#reading);
  }

  /** Batch by batch, as they were fetched: the fast way. Leaving the loop closes the consumer. */
  batches(): AsyncIterableIterator<ConsumedBatch, undefined> {
    return new BatchStream(this.#reading);
  }

  /** The next batch, for a loop of one's own; undefined at the end. The one before is done with. @throws what the consumer fails with. */
  take(): Promise<ConsumedBatch | undefined> {
    return this.#reading.take();
  }

  /** The partitions that are read. */
  get assignment(): readonly TopicPartition[] {
    return this.#reading.positions.map(({ topic, partition }) => ({ topic, partition }));
  }

  /** @param partition its number is enough when one topic is read. @returns the first record that is not done with. */
  position(partition: number | TopicPartition): Offset {
    return this.#position(partition).next;
  }

  /** How many records are committed and not done with, as of the last answer; undefined before there was one. */
  lag(partition: number | TopicPartition): number | undefined {
    const { highWatermark, next } = this.#position(partition);
    return highWatermark === undefined ? undefined : Math.max(0, highWatermark - next);
  }

  /** Hands out nothing more of the partition beyond the present batch; all partitions when none is named. */
  pause(...partitions: readonly (number | TopicPartition)[]): void {
    for (const position of this.#named(partitions)) this.#reading.pause(position);
  }

  resume(...partitions: readonly (number | TopicPartition)[]): void {
    for (const position of this.#named(partitions)) this.#reading.resume(position);
  }

  /** Hands out the partition's records from `place` on. Resolves when it is known where that is; an offset is at once. */
  async seek(partition: number | TopicPartition, place: Place | number): Promise<void> {
    await this.#reading.seek(this.#position(partition), typeof place === "number" ? { offset: place } : place);
  }

  /** Ends the loops over it and what waits. */
  close(): void {
    this.#reading.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #named(partitions: readonly (number | TopicPartition)[]): readonly PartitionPosition[] {
    return partitions.length === 0 ? this.#reading.positions : partitions.map((partition) => this.#position(partition));
  }

  #position(partition: number | TopicPartition): PartitionPosition {
    const isThis = (position: PartitionPosition) =>
      typeof partition === "number"
        ? position.partition === partition
        : position.partition === partition.partition && position.topic === partition.topic;
    const found = this.#reading.positions.filter(isThis);
    if (found.length === 1) return found[0]!;
    const what = typeof partition === "number" ? `partition ${partition}` : `partition ${partition.topic}-${partition.partition}`;
    const why = found.length === 0 ? "is not read here" : "is one of several topics: name the topic too";
    throw new ClusterError("INVALID_REQUEST", `${what} ${why}`);
  }
}
