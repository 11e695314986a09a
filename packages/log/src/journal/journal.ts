// The journal of one data directory as its logs see it: put frames, learn when they are durable, mark what is synced. It ties the ring, the
// committer and the flusher together; what they do is in their files, and why it is right in docs/formats/journal.md.

import type { Compression, Offset, PartitionId } from "@varve/model";
import type { Clock, Disk, DiskError, Logger, Metrics, Timer } from "@varve/runtime";
import { Committer } from "./committer.ts";
import type { Control } from "./committer-options.ts";
import { Flusher } from "./flusher.ts";
import { type Generation, partitionBytes } from "./frame.ts";
import { journalMetrics } from "./journal-metrics.ts";
import { isNewer, type JournalPartition } from "./journal-partition.ts";
import { Ring } from "./ring.ts";
import type { JournalTuning } from "./tuning.ts";

export interface JournalPorts {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly compression: Compression;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface JournalOptions {
  readonly files: number;
  readonly fileBytes: number;
  readonly waitingBytesMax: number;
  readonly diskFreeBytesMin: number;
  readonly tuning: JournalTuning;
  readonly generation: Generation;
  /** No frame of this generation was written yet. */
  readonly nextLsn: number;
  /** Makes `synced` and `start` of all partitions durable, as they are when `floorLsn` is asked, and that all frames below that are void. */
  readonly saveCheckpoint: (floorLsn: () => number) => Promise<void>;
  /** The disk refuses what frees the journal, or a file of the ring; `retryFreeing` when it may take it. */
  readonly onRefused: (error: DiskError) => void;
  /** The disk failed a write or a sync. */
  readonly onFailure: (error: unknown) => void;
}

export class Journal {
  readonly #ring: Ring;
  readonly #committer: Committer;
  readonly #flusher: Flusher;
  readonly #clock: Clock;
  readonly #growthDelayMs: number;
  /** Before, the directory is not this life's yet. */
  #mayGrow = false;
  /** Until the growth begins for the first time. */
  #growthTimer: Timer | undefined;
  /** While it runs. */
  #growth: Promise<void> | undefined;
  readonly #onRefused: (error: DiskError) => void;
  readonly #onFailure: (error: unknown) => void;
  #isClosing = false;

  private constructor(ports: JournalPorts, options: JournalOptions, ring: Ring) {
    const { clock, compression } = ports;
    const { generation, nextLsn, waitingBytesMax, tuning, onFailure } = options;
    this.#ring = ring;
    this.#clock = clock;
    this.#growthDelayMs = tuning.growthDelayMs;
    this.#onRefused = options.onRefused;
    this.#onFailure = onFailure;
    this.#committer = new Committer({
      clock,
      compression,
      metrics: journalMetrics(ports.metrics, () => ring),
      ring,
      generation,
      nextLsn,
      waitingBytesMax,
      tuning,
      onRound: () => this.#flusher.check(),
      onStarved: () => {
        if (this.#growthTimer !== undefined) this.#growNow();
        this.#flusher.check();
      },
      onRefused: options.onRefused,
      onFailure,
    });
    this.#flusher = new Flusher({
      clock,
      ring,
      tuning,
      firstWaitingLsn: () => this.#committer.firstWaitingLsn,
      saveCheckpoint: options.saveCheckpoint,
      isStarved: () => this.#committer.isStarved,
      onSynced: (partition) => this.#committer.mark(partition),
      onFreed: () => this.#committer.resume(),
      onIdle: () => this.#committer.shrink(),
      onRefused: options.onRefused,
      onFailure,
    });
  }

  /** Every frame that stands in the ring is void. */
  static async open(ports: JournalPorts, options: JournalOptions): Promise<Journal> {
    return new Journal(ports, options, await Ring.open(ports, { ...options, ...options.tuning }));
  }

  /** Makes the ring's missing files in the background: a little later, or when a round wants one. */
  grow(): void {
    this.#mayGrow = true;
    this.#growthTimer = this.#clock.setTimer(this.#growthDelayMs, () => this.#growNow());
  }

  #growNow(): void {
    this.#growthTimer?.cancel();
    this.#growthTimer = undefined;
    if (!this.#mayGrow || this.#growth !== undefined || this.#isClosing) return;
    this.#growth = this.#ring
      .grow(
        () => this.#isClosing,
        () => this.#committer.resume(),
        this.#onRefused,
      )
      .catch(this.#onFailure)
      .finally(() => {
        this.#growth = undefined;
      });
  }

  /** lsn of the next frame. */
  get nextLsn(): number {
    return this.#committer.nextLsn;
  }

  room(batchBytes: number): true | Promise<void> {
    return this.#committer.room(batchBytes);
  }

  /** Takes note of batches that a segment has taken, and of a journaled partition puts their frame. `room` has just answered true. */
  append(partition: JournalPartition, segmentBase: Offset, batches: Uint8Array): void {
    if (partition.isJournaled) this.#committer.append(partition, segmentBase, batches);
    this.#flusher.touched(partition, batches.length);
  }

  /** Announces a partition that is about to be made. @returns the lsn of its `create` frame once that is durable: its incarnation. */
  create(id: PartitionId): Promise<number> {
    return this.#committer.create(partitionBytes(id));
  }

  /** Puts a frame that is no append. @returns its lsn once it is durable. @throws {ClusterError} KAFKA_STORAGE_ERROR when the disk fails before. */
  control(partition: JournalPartition, control: Control): Promise<number> {
    return this.#committer.control(partition, control);
  }

  /** The segments have followed a `truncate` or `reset`. */
  endingApplied(partition: JournalPartition): void {
    partition.endingApplied();
    this.#flusher.touched(partition, 0);
    this.#flusher.check();
  }

  /**
   * Syncs a partition and makes a mark durable that stands at or above its end at the call. Where no append comes meanwhile no frame of it
   * is live then. No ending may come meanwhile.
   */
  async mark(partition: JournalPartition): Promise<void> {
    const { offset } = partition.segments.position;
    while (partition.isJournaled && partition.durableEnd < offset) await this.#committer.barrier();
    await this.#flusher.sync(partition);
    const { synced } = partition;
    // A round that goes directly to the segments carries no mark.
    do await this.#committer.barrier();
    while (isNewer(synced, partition.marked));
  }

  /** A round waits for a file of the ring, or for room on the disk. */
  get isStuck(): boolean {
    return this.#committer.isStuck;
  }

  /** Syncs a partition's segments now; its mark follows. @throws {DiskError} */
  syncSegments(partition: JournalPartition): Promise<void> {
    return this.#flusher.sync(partition);
  }

  /** There may be room on the disk for a checkpoint again, and for files that are missing. */
  retryFreeing(): void {
    this.#growNow();
    this.#flusher.check();
  }

  /** The partition's folder is gone for good. */
  gone(partition: JournalPartition): void {
    partition.drop = { lsn: partition.newestLsn, state: "gone" };
    this.#flusher.forget(partition);
  }

  /** Whoever waits is refused, and nothing new is written; resolves when the round and the work in the background that run have ended. */
  async fail(): Promise<void> {
    this.#isClosing = true;
    this.#growthTimer?.cancel();
    await Promise.all([this.#committer.fail(), this.#flusher.stop(), this.#growth]);
  }

  /** Ends all work in the background: from here on nobody syncs a segment but its log. Nobody puts anything any more. */
  async quiesce(): Promise<void> {
    await this.#committer.barrier();
    this.#isClosing = true;
    this.#growthTimer?.cancel();
    await this.#flusher.stop();
    await this.#growth;
  }

  async close(): Promise<void> {
    this.#committer.close();
    await this.#ring.close();
  }
}
