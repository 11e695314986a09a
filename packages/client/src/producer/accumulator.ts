// Gathers records into the batches of their partitions, and counts what they hold. Records of a topic that is not known yet wait here until
// it has been looked up. When a batch leaves is the sender's decision.

import { ClusterError, type ErrorCode, type Failure, type TopicId, validateTopicName } from "@varve/model";
import { type HeaderField, type RecordField, recordBytesBound } from "@varve/record";
import type { Clock, Entropy } from "@varve/runtime";
import { DeliveryError } from "../errors.ts";
import type { MetadataCache, TopicMetadata } from "../metadata-cache.ts";
import { BatchQueue, type QueueOptions, type QueueOwner } from "./batch-queue.ts";
import { FlushTracker } from "./flush-tracker.ts";
import { partitionOfKey, StickyPartition } from "./partitioner.ts";
import type { PendingBatch, Settled } from "./pending-batch.ts";
import { checkFields, headerFields, type ProducerRecord } from "./producer-record.ts";

/** Topics that one producer may write to: it must remember its numbers in each of them. */
export const producerTopicsMax = 10_000;

export interface AccumulatorOptions {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly metadata: MetadataCache;
  readonly bufferBytes: number;
  readonly batchBytes: number;
  readonly deliveryTimeoutMs: number;
  readonly queue: QueueOptions;
}

export interface AccumulatorOwner {
  /** The queue has a batch that it did not have. */
  ready(queue: BatchQueue): void;
  /** Memory has become free. */
  released(): void;
  /** A record that nobody waits for has failed. */
  untold(error: DeliveryError, recordCount: number): void;
  /** The producer cannot go on. */
  failed(failure: Failure): void;
}

/** A record whose partition cannot be told yet. */
interface HeldRecord {
  readonly record: ProducerRecord;
  readonly headers: readonly HeaderField[] | undefined;
  readonly timestamp: number;
  readonly settled: Settled | undefined;
  readonly generation: number;
  readonly bytes: number;
  readonly deadlineMs: number;
}

interface Topic {
  readonly name: string;
  readonly queues: BatchQueue[];
  readonly sticky: StickyPartition;
  metadata: TopicMetadata | undefined;
  held: HeldRecord[];
}

/** Where a partition's batches go now. */
export interface Place {
  readonly log: TopicId;
  readonly leader: string;
  readonly leaderEpoch: number;
}

export class Accumulator implements QueueOwner {
  readonly flushes: FlushTracker = new FlushTracker();
  readonly #options: AccumulatorOptions;
  readonly #owner: AccumulatorOwner;
  readonly #topics = new Map<string, Topic>();
  readonly #stopListening: () => void;
  #usedBytes = 0;

  constructor(options: AccumulatorOptions, owner: AccumulatorOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#stopListening = options.metadata.onLookUp((names) => {
      for (const name of names) this.#lookedUp(name);
    });
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get hasRoom(): boolean {
    return this.#usedBytes < this.#options.bufferBytes;
  }

  /**
   * Takes a record, whatever the room. @param generation of the call that brought it.
   * @throws {ClusterError} INVALID_RECORD, INVALID_TOPIC_EXCEPTION, MESSAGE_TOO_LARGE, INVALID_TIMESTAMP, POLICY_VIOLATION: it was not
   *   taken.
   */
  add(topicName: string, record: ProducerRecord, settled: Settled | undefined, generation: number): void {
    const { key = null, value } = record;
    checkFields(key, value);
    const headers = record.headers === undefined ? undefined : headerFields(record.headers);
    const timestamp = record.timestamp ?? this.#options.clock.wallMs();
    const topic = this.#topics.get(topicName) ?? this.#newTopic(topicName);
    const partition = this.#partitionOf(topic, record.partition, key, value);
    if (partition === undefined) this.#hold(topic, record, headers, timestamp, settled, generation);
    else this.#append(topic, partition, timestamp, key, value, headers, settled, generation);
  }

  /** @returns undefined while nobody leads the partition, or nobody knows who. */
  placeOf(queue: BatchQueue): Place | undefined {
    const metadata = this.#topics.get(queue.topic)?.metadata;
    const partition = metadata?.partitions[queue.partition];
    if (metadata === undefined || partition?.leader === undefined) return undefined;
    return { log: metadata.topicId, leader: partition.leader, leaderEpoch: partition.leaderEpoch };
  }

  /** A flush has made due what is here. */
  wakeAll(): void {
    for (const queue of this.#queues()) if (queue.isActive) this.#owner.ready(queue);
  }

  /** Fails records that have waited for their topic for too long. @returns when the next of those that still wait will have. */
  expireHeld(nowMs: number): number | undefined {
    let nextMs: number | undefined;
    for (const topic of this.#topics.values()) {
      const late = topic.held.filter(({ deadlineMs }) => deadlineMs <= nowMs);
      if (late.length > 0) {
        const why = this.#options.metadata.lastError;
        const last = why instanceof ClusterError ? `; the last look-up ended with ${why.code}: ${why.message}` : "";
        topic.held = topic.held.filter(({ deadlineMs }) => deadlineMs > nowMs);
        this.#failHeld(
          topic,
          late,
          "REQUEST_TIMED_OUT",
          `topic ${topic.name} was not found in ${this.#options.deliveryTimeoutMs} ms${last}`,
        );
      }
      const first = topic.held[0];
      if (first !== undefined && (nextMs === undefined || first.deadlineMs < nextMs)) nextMs = first.deadlineMs;
    }
    return nextMs;
  }

  /** Fails everything that has no outcome. */
  failAll(code: ErrorCode, message: string): void {
    for (const queue of this.#queues()) queue.failAll(code, message);
    for (const topic of this.#topics.values()) this.#failHeld(topic, topic.held.splice(0), code, message);
  }

  close(): void {
    this.#stopListening();
  }

  charged(bytes: number): void {
    this.#usedBytes += bytes;
    if (bytes < 0) this.#owner.released();
  }

  settled(batch: PendingBatch, error: DeliveryError | undefined): void {
    this.#usedBytes -= batch.chargedBytes;
    batch.chargedBytes = 0;
    this.flushes.leave(batch.generation);
    if (error !== undefined && batch.untoldCount > 0) this.#owner.untold(error, batch.untoldCount);
    this.#owner.released();
  }

  failed(failure: Failure): void {
    this.#owner.failed(failure);
  }

  *#queues(): Generator<BatchQueue> {
    for (const { queues } of this.#topics.values()) for (const queue of queues) if (queue !== undefined) yield queue;
  }

  #newTopic(name: string): Topic {
    validateTopicName(name);
    const { entropy, batchBytes, metadata } = this.#options;
    if (this.#topics.size >= producerTopicsMax) {
      throw new ClusterError("POLICY_VIOLATION", `topic ${name}: one producer writes to ${producerTopicsMax} topics at most`);
    }
    const known = metadata.get(name);
    const topic: Topic = {
      name,
      queues: [],
      sticky: new StickyPartition(entropy, batchBytes),
      metadata: known?.kind === "known" ? known : undefined,
      held: [],
    };
    this.#topics.set(name, topic);
    return topic;
  }

  /** @returns undefined when the metadata cannot tell, or records before this one wait for it to do so. */
  #partitionOf(topic: Topic, asked: number | undefined, key: RecordField, value: RecordField): number | undefined {
    if (topic.metadata === undefined || topic.held.length > 0) return undefined;
    const { partitions } = topic.metadata;
    if (asked !== undefined) {
      if (!Number.isSafeInteger(asked) || asked < 0)
        throw new ClusterError("INVALID_REQUEST", `partition ${asked}: a partition is an integer ≥ 0`);
      return asked < partitions.length ? asked : undefined;
    }
    return key === null ? topic.sticky.choose(value === null ? 0 : value.length, partitions) : partitionOfKey(key, partitions.length);
  }

  #append(
    topic: Topic,
    partition: number,
    timestamp: number,
    key: RecordField,
    value: RecordField,
    headers: readonly HeaderField[] | undefined,
    settled: Settled | undefined,
    generation: number,
  ): void {
    let queue = topic.queues[partition];
    if (queue === undefined) {
      queue = new BatchQueue(topic.name, partition, this.#options.queue, this);
      topic.queues[partition] = queue;
    }
    if (queue.append(generation, timestamp, key, value, headers, settled)) {
      this.flushes.enter(generation);
      this.#owner.ready(queue);
      return;
    }
    const batch = queue.lastBatch!;
    if (generation < batch.generation) batch.generation = this.flushes.join(batch.generation, generation);
  }

  #hold(
    topic: Topic,
    record: ProducerRecord,
    headers: readonly HeaderField[] | undefined,
    timestamp: number,
    settled: Settled | undefined,
    generation: number,
  ): void {
    const bytes = recordBytesBound(record.key ?? null, record.value, headers);
    const deadlineMs = this.#options.clock.monotonicMs() + this.#options.deliveryTimeoutMs;
    topic.held.push({ record, headers, timestamp, settled, generation, bytes, deadlineMs });
    this.flushes.enter(generation);
    this.#usedBytes += bytes;
    if (topic.held.length === 1) void this.#options.metadata.refresh(topic.name);
  }

  #lookedUp(name: string): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    const { metadata } = this.#options;
    const found = metadata.get(name);
    const { lastError } = metadata;
    if (found?.kind === "known") {
      topic.metadata = found;
      this.#placeHeld(topic);
      this.#failWhatHasNoPartition(topic, found);
    } else if (found?.kind === "missing" && metadata.isGone(found)) {
      const { code, message } = found.failure;
      this.#failHeld(topic, topic.held.splice(0), code, message);
      for (const queue of topic.queues) queue?.failAll(code, message);
    } else if (lastError instanceof ClusterError && !lastError.retriable) {
      this.#failHeld(topic, topic.held.splice(0), lastError.code, lastError.message);
    }
    if (found?.kind === "missing") topic.metadata = undefined;
    if (topic.held.length > 0) void metadata.refresh(name);
    for (const queue of topic.queues) if (queue?.isActive) this.#owner.ready(queue);
  }

  #placeHeld(topic: Topic): void {
    const held = topic.held.splice(0);
    for (const { record, headers, timestamp, settled, generation, bytes } of held) {
      const { key = null, value } = record;
      this.#usedBytes -= bytes;
      try {
        const partition = this.#partitionOf(topic, record.partition, key, value);
        if (partition === undefined) throw noPartition(topic.name, record.partition);
        this.#append(topic, partition, timestamp, key, value, headers, settled, generation);
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        this.#tellFailed(topic.name, settled, error.code, error.message);
      } finally {
        this.flushes.leave(generation);
      }
    }
    if (held.length > 0) this.#owner.released();
  }

  /** The topic was created again with fewer partitions. */
  #failWhatHasNoPartition(topic: Topic, found: TopicMetadata): void {
    for (const queue of topic.queues.slice(found.partitions.length)) {
      const { code, message } = noPartition(topic.name, queue?.partition);
      queue?.failAll(code, message);
    }
  }

  #failHeld(topic: Topic, held: readonly HeldRecord[], code: ErrorCode, message: string): void {
    for (const { settled, generation, bytes } of held) {
      this.#usedBytes -= bytes;
      this.#tellFailed(topic.name, settled, code, message);
      this.flushes.leave(generation);
    }
    if (held.length > 0) this.#owner.released();
  }

  #tellFailed(topic: string, settled: Settled | undefined, code: ErrorCode, message: string): void {
    const error = new DeliveryError(code, message, { topic, partition: undefined, outcome: "refused" });
    if (settled === undefined) this.#owner.untold(error, 1);
    else settled(error, undefined);
  }
}

function noPartition(topic: string, partition: number | undefined): ClusterError {
  return new ClusterError("UNKNOWN_TOPIC_OR_PARTITION", `topic ${topic} has no partition ${partition}`);
}
