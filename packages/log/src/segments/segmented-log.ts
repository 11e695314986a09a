// One partition on one disk: segments, indexes, leader epochs, producers. It decides nothing about durability: what is synced when, and
// what may be believed after a crash, is its caller's business (journaled-log.ts, recovery.ts). Layout: docs/formats/segment.md.

import type { Offset, TopicConfig } from "@varve/model";
import type { EpochEnd, ReadResult } from "../log.ts";
import type { SegmentContext } from "./context.ts";
import type { DamagedRange } from "./damage.ts";
import { DiskSegmentedLog } from "./disk-segmented-log.ts";
import { createLog, openLog } from "./open.ts";
import type { AdoptedTail, LogPosition, Trusted } from "./position.ts";
import type { ProducerCheck } from "./producers.ts";
import type { ScrubStep } from "./scrub.ts";

export type { ProducerCheck } from "./producers.ts";
export type { ScrubStep } from "./scrub.ts";

/**
 * Calls that change the log (`appendStamped`, and all that return a promise but `read`, `findByTime`, `cutEnd`, `retentionStart`,
 * `scrubStep` and `sync`) never overlap each other: the caller sees to it. But `appendStamped` and `roll`, which change its end, may overlap
 * with `deleteBelowStart`, which changes its start. Reads and syncs may overlap with any but `close` and `drop`.
 */
export interface SegmentedLog {
  readonly folder: string;
  readonly logStart: Offset;
  readonly logEnd: Offset;
  /** Base of the segment that the next batch goes to, and that segment's length. */
  readonly activeBase: Offset;
  readonly activeBytes: number;
  /** Of `logEnd`. */
  readonly position: LogPosition;
  /** Bytes of all segments. */
  readonly byteLength: number;
  readonly latestEpoch: { readonly epoch: number; readonly startOffset: Offset } | undefined;
  /** Something was written, cut or deleted that no `sync` has covered yet. */
  readonly isDirty: boolean;
  /** Bytes of content among it. */
  readonly dirtyBytes: number;
  /** Segments that have ended and stay open until a `sync` has covered them. */
  readonly sealedFiles: number;
  /** Bytes stand behind the end that were neither adopted nor cut: no append before that. */
  readonly hasResidue: boolean;
  /** Segments lie wholly below `logStart`, and `deleteBelowStart` would delete them. */
  readonly hasExpired: boolean;
  /** Ranges of offsets that are known to be offline. */
  readonly damage: readonly DamagedRange[];

  /** Takes a changed configuration for all that comes. */
  configure(config: TopicConfig): void;

  /** Whether `roll` comes before an append of so many bytes: segment.bytes, segment.ms, an index full, an offset too far from the base. */
  mustRoll(batchBytes: number, nowMs: number): boolean;
  /** Closes the active segment and opens the next at `logEnd`. A no-op while the active one is empty. */
  roll(): Promise<void>;

  /**
   * Allocates nothing when the batch is new.
   * @param batch one batch whose header was checked; its base offset and epoch are not looked at. @param nowMs of the monotonic clock.
   */
  checkProducer(batch: Uint8Array, nowMs: number): ProducerCheck;

  /**
   * Writes one or more stamped batches at `logEnd` into the page cache; whole, with good checksums, offsets that continue at `logEnd` and
   * epochs that do not fall: that was checked. The bytes belong to the log from now on and never change again.
   * @throws {DiskError} no-space or io; then the log is as it was but for bytes behind its end: `cut(logEnd)` before the next append.
   */
  appendStamped(batches: Uint8Array): void;

  /** See `PartitionLog.read`. */
  read(from: Offset, bytesMax: number, below: Offset): ReadResult | Promise<ReadResult>;

  /** See `PartitionLog.isOnDiskOnly`. */
  isOnDiskOnly(from: Offset): boolean;
  /** See `PartitionLog.findByTime`. */
  findByTime(timestampMs: number, below: Offset, from?: Offset): Promise<ReadResult | undefined>;
  /** See `PartitionLog.endOfEpoch`. */
  endOfEpoch(epoch: number): EpochEnd | undefined;

  /** Where a cut at `end` would end the log: `end`, or the base of the batch that it falls into; at least `logStart`. */
  cutEnd(end: Offset): Promise<Offset>;
  /**
   * Cuts the log, its indexes, epochs, producers and tail off at `cutEnd(end)`, and with them all bytes behind: at `logEnd` it drops
   * what a failed append or an untrusted tail left there. Not synced. @returns the new end.
   */
  cut(end: Offset): Promise<Offset>;
  /** Empties the log; the next append comes at `start`. Not synced. A `cut` or `reset` that the disk refuses can be tried again. */
  reset(start: Offset): Promise<void>;
  /** Moves `logStart` (a no-op at or below it), and deletes nothing. @param start at most `logEnd`. */
  raiseStart(start: Offset): void;
  /**
   * Deletes the segments that at the call are closed and lie wholly below `logStart`, oldest first. The last mark stands at or above
   * `logStart` (journal.md 8), else a restart finds the producers' state of what went between the two missing. @returns how many.
   */
  deleteBelowStart(): Promise<number>;

  /** After `open` behind a trusted place: scans on from there, keeps what is whole, writes that again (journal.md 6.5), cuts the rest. */
  adoptTail(): Promise<AdoptedTail>;

  /**
   * Syncs all that is dirty when it is called: contents, the epoch checkpoint, the folder.
   * @returns the place below which all is synced: the end at the call, or a lower one when the log was cut meanwhile.
   * @throws {DiskError} io: see `DiskFile.sync`.
   */
  sync(): Promise<LogPosition>;

  /** The log start that retention wants: whole segments by age and size, never the active one, never above `highWatermark`. */
  retentionStart(nowMs: number, highWatermark: Offset): Promise<Offset | undefined>;
  /** Reads and checks up to about `bytesMax` on from where the last step stopped, for at most about `stepBudgetMs` a turn. */
  scrubStep(bytesMax: number): Promise<ScrubStep>;
  /** Forgets producers that have not written for `producerExpiryMs`. @param nowMs of the monotonic clock. @returns how many. */
  expireProducers(nowMs: number): number;

  /** Writes what a clean opening needs (index ends, producer snapshot), syncs everything and closes all files. */
  close(): Promise<void>;
  /** Closes all files and deletes them, and the folder; can be tried again when the disk refuses it. The caller syncs the folder above. */
  drop(): Promise<void>;
}

/** An empty log in a folder that exists and holds none: files made, not synced. @throws {DiskError} exists. */
export async function createSegmentedLog(
  context: SegmentContext,
  folder: string,
  config: TopicConfig,
  logStart: Offset,
): Promise<SegmentedLog> {
  return new DiskSegmentedLog(await createLog(context, folder, config, logStart));
}

/**
 * Opens what is there. Nothing below `trusted` is scanned but what lies behind the newest snapshot (side-files.ts); an index that is
 * missing, too short or contradicts itself is rebuilt when somebody needs it. Behind `trusted` nothing is assumed: the log ends there,
 * whatever bytes follow, until `adoptTail` takes them or `cut(logEnd)` drops them; one of the two comes before the first append, unless
 * `hasResidue` says that nothing follows. A log without any segment begins at `logStart`.
 * @throws {DiskError} not-found when the folder is missing.
 */
export async function openSegmentedLog(
  context: SegmentContext,
  folder: string,
  config: TopicConfig,
  trusted: Trusted,
  logStart: Offset,
): Promise<SegmentedLog> {
  return new DiskSegmentedLog(await openLog(context, folder, config, trusted, logStart));
}
