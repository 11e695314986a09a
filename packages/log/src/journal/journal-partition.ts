// One partition's account with the journal: which of its frames stand where, how far it is durable, synced and marked.
// It moves numbers and nothing else: committer.ts and flusher.ts say when.

import { invariant, type Offset, type PartitionId } from "@varve/model";
import type { LogPosition } from "../segments/position.ts";
import { type Mark, partitionBytes } from "./frame.ts";
import type { RoundBuffer } from "./round-buffer.ts";

/** What the journal needs of a partition's log. */
export interface JournaledSegments {
  /** Of the log's end. */
  readonly position: LogPosition;
  /** Syncs what was written before the call. @throws {DiskError} io. */
  sync(): Promise<LogPosition>;
  /** `durableEnd` has risen, here and in all other partitions of its round. */
  durableMoved(): void;
}

/**
 * Invariant (J1): `marked ≤ synced ≤ durable ≤ position`, by offset and by lsn, unless an ending is under way. For a log without frames
 * `durable` may trail behind `synced` until the mark behind its last truncation is durable.
 */
export class JournalPartition {
  readonly id: PartitionId;
  /** Of the id, for frame headers. */
  readonly bytes: Uint8Array;
  readonly segments: JournaledSegments;
  /** Its appends go into frames; else they are synced in the background only. */
  isJournaled: boolean;

  /** Newest frame that says what the log holds: append, truncate or reset. */
  liveLsn: number;
  /** Newest of these that the segments show: behind `liveLsn` while a truncation or a reset waits for its frame. */
  appliedLsn: number;
  /** A power cut loses nothing below it. */
  durable: Mark;
  /** Below it the segments are synced. */
  synced: Mark;
  /** The last `synced` that recovery will find. */
  marked: Mark;
  /** Where the log begins, as durable frames say, and the last of them. */
  start: { readonly offset: Offset; readonly lsn: number };
  /** Bytes that no frame holds and no sync covers. */
  unframedBytes = 0;

  /** The round that collects and has a frame of this partition. */
  buffer: RoundBuffer | undefined;
  /** `liveLsn` before its first frame there. */
  liveLsnBeforeBuffer = 0;
  /** What `durable` becomes when the round that was taken is synced. */
  taken: Mark | undefined;
  /** How often the log was truncated or reset. */
  endings = 0;
  isEnding = false;
  /** lsn of its `drop` frame, and how far that has come: put, durable, its folder gone for good. */
  drop: { readonly lsn: number; readonly state: "put" | "durable" | "gone" } | undefined;

  /** @param mark the log's end, which is durable, synced and marked. */
  constructor(
    id: PartitionId,
    segments: JournaledSegments,
    isJournaled: boolean,
    mark: Mark,
    start: { readonly offset: Offset; readonly lsn: number },
  ) {
    this.id = id;
    this.bytes = partitionBytes(id);
    this.segments = segments;
    this.isJournaled = isJournaled;
    this.liveLsn = mark.covers;
    this.appliedLsn = mark.covers;
    this.durable = mark;
    this.synced = mark;
    this.marked = mark;
    this.start = start;
  }

  get durableEnd(): Offset {
    return this.durable.position.offset;
  }

  /** Whether its frames up to `lsn` mean nothing to recovery, once a checkpoint holds `synced`. */
  isVoid(lsn: number): boolean {
    if (this.drop !== undefined && lsn >= this.drop.lsn) return this.drop.state === "gone";
    return this.synced.covers >= lsn || (this.drop !== undefined && this.drop.state !== "put");
  }

  /** Whether a sync now would make its frames up to `lsn` void. */
  canCover(lsn: number): boolean {
    if (this.isJournaled) return this.durable.covers >= lsn;
    return !this.isEnding && this.appliedLsn >= lsn;
  }

  /** Its newest frame that a file of the ring must be kept for. */
  get newestLsn(): number {
    return this.drop?.lsn ?? this.liveLsn;
  }

  /** The log as its segments show it now. */
  present(): Mark {
    return { position: this.segments.position, covers: this.appliedLsn };
  }

  /** An append frame was put. */
  appended(lsn: number): void {
    this.liveLsn = lsn;
    this.appliedLsn = lsn;
  }

  /** The frames that `buffer` holds of it were dropped: a direct round needs none. */
  unappended(): void {
    this.liveLsn = this.liveLsnBeforeBuffer;
    this.appliedLsn = this.liveLsnBeforeBuffer;
  }

  /** The frame of a truncation or reset was put; the segments follow once it is durable. */
  endingBegins(lsn: number): void {
    this.liveLsn = lsn;
    this.isEnding = true;
  }

  /** The segments were cut or emptied. */
  endingApplied(): void {
    this.appliedLsn = this.liveLsn;
    this.isEnding = false;
    this.endings++;
    const present = this.present();
    if (this.isJournaled || present.position.offset < this.durableEnd) this.durable = present;
    // What was synced may have been cut; the last durable mark stands, because the ending's frame stands behind it.
    this.synced = this.marked;
  }

  /**
   * Its round was taken. While an ending waits in that round, the log's end is about to fall, and of a log that puts no appends into
   * frames the round says nothing: neither is promised anything.
   */
  take(): void {
    this.buffer = undefined;
    this.taken = this.isEnding || !this.isJournaled ? undefined : this.present();
  }

  /** Its round is synced. */
  complete(): void {
    if (this.drop?.state === "put" && this.buffer === undefined) this.drop = { lsn: this.drop.lsn, state: "durable" };
    if (this.taken === undefined) return;
    invariant(this.taken.position.offset >= this.durableEnd, `durable end falls from ${this.durableEnd} to ${this.taken.position.offset}`);
    this.durable = this.taken;
    this.taken = undefined;
  }

  /** The segments are synced up to `mark`, which for a journaled partition is not above `durable`. */
  syncedUpTo(mark: Mark): void {
    if (isNewer(mark, this.synced)) this.synced = mark;
    // Of a log without frames recovery adopts what it finds; but a live truncation would have it cut that off again.
    if (this.liveLsn <= this.marked.covers) this.#durableWithoutFrames(mark);
  }

  /** Recovery will find `mark`. */
  markedUpTo(mark: Mark): void {
    if (isNewer(mark, this.marked)) this.marked = mark;
    this.syncedUpTo(mark);
  }

  #durableWithoutFrames(mark: Mark): void {
    if (this.isJournaled || !isNewer(mark, this.durable)) return;
    this.durable = mark;
    this.segments.durableMoved();
  }
}

/** Whether `mark` was taken later than `other`: an ending raises the lsn, and between two endings the offset only rises. */
export function isNewer(mark: Mark, other: Mark): boolean {
  return mark.covers > other.covers || (mark.covers === other.covers && mark.position.offset > other.position.offset);
}
