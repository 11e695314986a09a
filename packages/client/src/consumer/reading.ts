// Partitions being read: what was fetched is queued, what goes wrong is decided by the user's policies, and positions move as batches are
// done with. Fetching is fetcher.ts's, where to begin is locator.ts's, opening a batch is consumed-batch.ts's.

import type { FetchResult } from "@varve/api";
import { ClusterError, type Offset, toOffset } from "@varve/model";
import { Backoff } from "../backoff.ts";
import type { ClientContext } from "../client-context.ts";
import { DamagedRecordsError } from "../errors.ts";
import { consumerBounds, withDefaults } from "../options.ts";
import type { CheckedBatches } from "./answered.ts";
import { ConsumedBatch } from "./consumed-batch.ts";
import type { Assignment, ConsumerOptions } from "./consumer-options.ts";
import { type Delivery, DeliveryQueue, type Ending } from "./delivery-queue.ts";
import { Fetcher, type HeldAnswer } from "./fetcher.ts";
import { locate, type Place, persist } from "./locator.ts";
import { PartitionPosition } from "./position.ts";
import type { BatchSource } from "./record-stream.ts";

/** What was handed out last. */
interface Taken {
  readonly position: PartitionPosition;
  readonly batch: ConsumedBatch;
  readonly held: HeldAnswer;
  /** Its partition was sent elsewhere. */
  isStale: boolean;
}

export class Reading implements BatchSource {
  readonly positions: PartitionPosition[] = [];
  /** Settles when every partition knows where it begins. */
  readonly started: Promise<void>;
  readonly #context: ClientContext;
  readonly #options: ConsumerOptions;
  readonly #backoff: Backoff;
  readonly #fetcher: Fetcher;
  readonly #queue = new DeliveryQueue();
  readonly #ending = new AbortController();
  readonly #onClosed: () => void;
  readonly #abort = () => this.#end({ kind: "failed", error: this.#options.signal?.reason }, true);
  readonly #stopListening: () => void;
  /** Topics whose new partitions are read too. */
  #followed: readonly string[] = [];
  #taken: Taken | undefined;

  /** @throws {ClusterError} INVALID_CONFIG. */
  constructor(context: ClientContext, what: readonly string[] | readonly Assignment[], options: ConsumerOptions, onClosed: () => void) {
    this.#context = context;
    this.#options = options;
    this.#onClosed = onClosed;
    const settings = withDefaults(consumerBounds, options);
    this.#backoff = new Backoff(context.ports.entropy, context.retryBackoffMs, context.retryBackoffMsMax);
    this.#fetcher = new Fetcher(context, settings, this.#backoff, {
      positions: this.positions,
      fetched: (position, batches, held) => this.#fetched(position, batches, held),
      damaged: (position, message, resumeAt) => this.#damaged(position, message, resumeAt),
      outOfRange: (position, result) => this.#outOfRange(position, result),
      failed: (error) => this.#end({ kind: "failed", error }),
    });
    this.#stopListening = context.metadata.onLookUp((names) => this.#lookedUp(names));
    options.signal?.addEventListener("abort", this.#abort, { once: true });
    this.started = this.#start(what);
    // Whoever iterates is told.
    this.started.catch((error: unknown) => this.#end({ kind: "failed", error }));
    if (options.signal?.aborted) this.#abort();
  }

  pause(position: PartitionPosition): void {
    if (position.isPaused) return;
    position.isPaused = true;
    // What it has buffered would take the others' share of the window.
    this.#dropQueued(position);
    if (position.state !== "reading") return;
    const taken = this.#taken?.position === position && !this.#taken.isStale ? this.#taken : undefined;
    position.restartAt(taken?.batch.nextOffset ?? position.next);
  }

  resume(position: PartitionPosition): void {
    position.isPaused = false;
    this.#fetcher.kick();
  }

  async seek(position: PartitionPosition, place: Place): Promise<void> {
    this.#abandonTaken(position);
    this.#dropQueued(position);
    if (typeof place === "object" && "offset" in place) {
      position.startAt(toOffset(place.offset));
      this.#fetcher.kick();
    } else {
      await this.#relocate(position, place);
    }
  }

  close(): void {
    this.#end({ kind: "done" }, true);
  }

  async take(): Promise<ConsumedBatch | undefined> {
    this.#doneWithTaken();
    if (this.#isDone) this.close();
    const delivery = await this.#queue.next();
    if (delivery === undefined) {
      this.close();
      return undefined;
    }
    if (delivery.kind === "error") throw delivery.error;
    const { position, batch, held } = delivery;
    this.#taken = { position, batch, held, isStale: false };
    return batch;
  }

  isWanted(batch: ConsumedBatch): boolean {
    return this.#taken?.batch === batch && !this.#taken.isStale;
  }

  passed(batch: ConsumedBatch, offset: number): void {
    if (this.isWanted(batch)) this.#taken!.position.next = offset as Offset;
  }

  stopped(batch: ConsumedBatch, error: unknown): void {
    if (!this.isWanted(batch) || !(error instanceof DamagedRecordsError)) return;
    const { position } = this.#taken!;
    this.#abandonTaken(position);
    this.#dropQueued(position);
    position.startAt(error.from);
    position.state = "stopped";
  }

  async #start(what: readonly string[] | readonly Assignment[]): Promise<void> {
    const { from = "latest", partitions, until = "never" } = this.#options;
    const assignments: Assignment[] = [];
    const topics: string[] = [];
    for (const item of what) {
      if (typeof item !== "string") {
        assignments.push(item);
        continue;
      }
      const { signal } = this.#ending;
      const { partitions: known } = await persist(this.#context, this.#backoff, signal, () => this.#context.metadata.resolve(item, signal));
      if (partitions === undefined) topics.push(item);
      for (const partition of partitions ?? known.keys()) assignments.push({ topic: item, partition });
    }
    if (assignments.length === 0) throw new ClusterError("INVALID_REQUEST", "no partition is named that could be read");
    const positions = assignments.map(({ topic, partition }) => new PartitionPosition(topic, partition));
    const starts = assignments.map(({ topic, partition, from: own }) => ({ topic, partition, place: checked(own ?? from) }));
    const begins = await locate(this.#context, this.#backoff, starts, this.#ending.signal);
    if (until !== "never") {
      const ends = starts.map((item) => ({ ...item, place: until === "end" ? ("latest" as const) : checked(until) }));
      const located = await locate(this.#context, this.#backoff, ends, this.#ending.signal);
      located.forEach(({ offset }, at) => {
        positions[at]!.end = offset;
      });
    }
    begins.forEach(({ offset, topicId }, at) => {
      positions[at]!.topicId = topicId;
      positions[at]!.startAt(offset);
    });
    this.positions.push(...positions);
    if (until === "never") this.#followed = topics;
    this.#checkDone();
    this.#fetcher.kick();
  }

  #fetched(position: PartitionPosition, batches: CheckedBatches, held: HeldAnswer): void {
    const { topic, partition, fetchFrom, end, highWatermark, logStart } = position;
    const nextOffset = end === undefined ? batches.nextOffset : (Math.min(batches.nextOffset, end) as Offset);
    const batch = new ConsumedBatch({
      topic,
      partition,
      from: fetchFrom,
      nextOffset,
      highWatermark: highWatermark!,
      logStart: logStart!,
      bytes: batches.bytes,
      compression: this.#context.ports.compression,
      onDamage: (error) => {
        if (!this.#stepsOver(error)) throw error;
      },
    });
    position.bufferedBytes += batch.byteLength;
    this.#queue.push({ kind: "batch", position, batch, held });
    if (end !== undefined && batches.nextOffset >= end) {
      position.fetchFrom = batches.nextOffset;
      this.#checkDone();
    }
  }

  #damaged(position: PartitionPosition, message: string, resumeAt: Offset): void {
    const { topic, partition, fetchFrom: from } = position;
    const what = `${position.name}: the records from offset ${from} to ${resumeAt - 1} cannot be read: ${message}`;
    const error = new DamagedRecordsError("CORRUPT_MESSAGE", what, { topic, partition, from, resumeAt });
    if (!this.#stepsOver(error)) {
      this.#stop(position, error);
      return;
    }
    position.fetchFrom = resumeAt;
    position.suspectAt = undefined;
    this.#checkDone();
  }

  #stepsOver(error: DamagedRecordsError): boolean {
    const { onDamaged = "throw" } = this.#options;
    return (typeof onDamaged === "function" ? onDamaged(error) : onDamaged) === "skip";
  }

  #outOfRange(position: PartitionPosition, result: FetchResult & { kind: "failed" }): void {
    const { onOutOfRange = "throw" } = this.#options;
    if (onOutOfRange === "throw") {
      this.#stop(position, new ClusterError("OFFSET_OUT_OF_RANGE", result.failure.message));
      return;
    }
    const offset = onOutOfRange === "earliest" ? result.logStart : result.highWatermark;
    if (offset === undefined) {
      void this.#relocate(position, onOutOfRange).catch((error: unknown) => this.#end({ kind: "failed", error }));
      return;
    }
    position.fetchFrom = offset;
    this.#checkDone();
  }

  /** The partition does not go on by itself; whoever iterates learns why once he has had what came before. */
  #stop(position: PartitionPosition, error: ClusterError): void {
    position.state = "stopped";
    this.#queue.push({ kind: "error", position, error });
  }

  #lookedUp(names: readonly string[]): void {
    const { metadata } = this.#context;
    for (const name of names) {
      const topic = metadata.get(name);
      const read = this.positions.filter((position) => position.topic === name);
      if (read.length === 0) continue;
      if (topic?.kind === "missing" && metadata.isGone(topic)) {
        this.#end({ kind: "failed", error: new ClusterError(topic.failure.code, topic.failure.message) });
        return;
      }
      if (topic?.kind !== "known") continue;
      for (const position of read) if (position.topicId !== undefined && position.topicId !== topic.topicId) this.#recreated(position);
      if (this.#followed.includes(name)) this.#addPartitions(name, topic.partitions.length, read);
    }
    this.#fetcher.kick();
  }

  /** The topic of this name is another one now, and its offsets mean other records. */
  #recreated(position: PartitionPosition): void {
    const { onOutOfRange = "throw", until = "never" } = this.#options;
    this.#abandonTaken(position);
    this.#dropQueued(position);
    position.restartAt(position.next);
    position.topicId = undefined;
    if (onOutOfRange === "throw" || until !== "never") {
      this.#stop(
        position,
        new ClusterError("UNKNOWN_TOPIC_ID", `${position.name}: the topic was deleted and created again; seek to read the new one`),
      );
      return;
    }
    void this.#relocate(position, onOutOfRange).catch((error: unknown) => this.#end({ kind: "failed", error }));
  }

  /** Partitions that came later hold nothing that was written before. */
  #addPartitions(topic: string, count: number, read: readonly PartitionPosition[]): void {
    const known = new Set(read.map(({ partition }) => partition));
    for (let partition = 0; partition < count; partition += 1) {
      if (known.has(partition)) continue;
      const position = new PartitionPosition(topic, partition);
      this.positions.push(position);
      void this.#relocate(position, "earliest").catch((error: unknown) => this.#end({ kind: "failed", error }));
    }
  }

  async #relocate(position: PartitionPosition, place: Place): Promise<void> {
    position.state = "locating";
    position.restartAt(position.fetchFrom);
    const { generation, topic, partition } = position;
    const [located] = await locate(this.#context, this.#backoff, [{ topic, partition, place }], this.#ending.signal);
    if (position.generation !== generation) return;
    position.topicId = located!.topicId;
    position.startAt(located!.offset);
    this.#checkDone();
    this.#fetcher.kick();
  }

  #doneWithTaken(): void {
    const taken = this.#taken;
    if (taken === undefined) return;
    this.#taken = undefined;
    if (!taken.isStale) taken.position.next = taken.batch.nextOffset;
    this.#free(taken.position, taken.batch, taken.held);
    this.#fetcher.kick();
  }

  #abandonTaken(position: PartitionPosition): void {
    if (this.#taken?.position === position) this.#taken.isStale = true;
  }

  #dropQueued(position: PartitionPosition): void {
    for (const delivery of this.#queue.drop(position)) this.#freeDelivery(delivery);
  }

  #freeDelivery(delivery: Delivery): void {
    if (delivery.kind === "batch") this.#free(delivery.position, delivery.batch, delivery.held);
  }

  #free(position: PartitionPosition, batch: ConsumedBatch, held: HeldAnswer): void {
    position.bufferedBytes -= batch.byteLength;
    held.release();
  }

  /** Whether everything up to the end was fetched, and taken. */
  get #isDone(): boolean {
    return this.#queue.isEmpty && this.positions.length > 0 && this.positions.every(({ isAtEnd }) => isAtEnd);
  }

  #checkDone(): void {
    if (this.#isDone) this.#queue.tellDone();
  }

  /** @param isOver what is fetched is not wanted either. */
  #end(ending: Ending, isOver = false): void {
    if (this.#ending.signal.aborted) {
      if (isOver) this.#queue.abandon(ending);
      return;
    }
    this.#ending.abort(new ClusterError("INVALID_REQUEST", "the consumer is closed"));
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#stopListening();
    this.#fetcher.close();
    if (isOver) this.#queue.abandon(ending);
    else this.#queue.end(ending);
    this.#onClosed();
  }
}

function checked<P extends Place>(place: P): P {
  if (typeof place === "object" && "offset" in place) toOffset(place.offset);
  return place;
}
