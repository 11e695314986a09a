// What one segmented log knows: the data that its operations share (append.ts, roll.ts, read.ts, cut.ts, sync.ts, …), and the questions
// that several of them ask of it. It changes nothing by itself.

import type { Offset, TopicConfig } from "@varve/model";
import type { DiskFile } from "@varve/runtime";
import type { SegmentContext } from "./context.ts";
import { DamageList } from "./damage.ts";
import { EpochCache } from "./epochs.ts";
import type { LogPosition } from "./position.ts";
import { ProducerTable } from "./producers.ts";
import { ReadHints } from "./read-hints.ts";
import type { ActiveSegment, ClosedSegment } from "./segment.ts";
import { LogTail } from "./tail.ts";

/** What the next sync must cover. */
export interface Unsynced {
  /** Bytes of content since the last sync was taken. */
  contentBytes: number;
  /** The active segment's file has changed. */
  active: boolean;
  /** Files of closed segments, still open for their last sync. */
  sealed: DiskFile[];
  /** Paths of the side files that a closed segment leaves for good: its indexes, and the snapshot at its end. */
  sideFiles: string[];
  epochs: boolean;
  /** Names were made, replaced or removed. */
  folder: boolean;
}

/** The bytes that stand behind a trusted place when a log is opened, before anyone has said what they are. */
export interface Residue {
  /** Length of the active segment's file. */
  readonly activeFileBytes: number;
  /** Segments behind the active one, lowest first. */
  readonly segments: readonly { readonly base: Offset; readonly bytes: number }[];
  /** An append that failed left it, in this very life: nobody will want it. */
  readonly isOurs: boolean;
}

/** What every segment has. */
export type SegmentView = Pick<ClosedSegment, "base" | "path" | "bytes" | "end">;

/** One of the two ends of a log: old segments go at its start while it grows at its end. */
export type LogSide = "start" | "end";

export class LogState {
  readonly context: SegmentContext;
  readonly folder: string;
  config: TopicConfig;
  logStart: Offset;
  /** Lowest first. */
  closed: ClosedSegment[] = [];
  active: ActiveSegment;
  /** The active segment's, open for writing. */
  file: DiskFile;
  closedBytes = 0;
  readonly epochs: EpochCache = new EpochCache();
  readonly producers: ProducerTable;
  readonly tail: LogTail;
  readonly damage: DamageList = new DamageList();
  readonly hints: ReadHints = new ReadHints();
  /** Offsets of the producer snapshots in the folder, rising. */
  snapshots: number[] = [];
  /** Raised when offsets stop to mean what they meant, or files go: a read that began before looks again. */
  generation = 0;
  unsynced: Unsynced = nothingUnsynced();
  residue: Residue | undefined;
  /** Its files are closed, and going. */
  isClosed = false;
  /** The ends of the log at which an operation changes where it ends or begins, or the files there; never two at one end. */
  readonly changing: Set<LogSide> = new Set();
  /** The side files were last flushed when the active segment had this length. */
  checkpointBytes = 0;
  /** The flush of side files that is under way. */
  checkpointing: Promise<void> | undefined;
  /** The latest sync; resolves when it and all before it are done, however they ended. */
  syncing: Promise<void> = Promise.resolve();
  /** Positions that syncs under way will answer with; a cut lowers them. */
  readonly promised: Set<{ position: LogPosition }> = new Set<{ position: LogPosition }>();
  /** Indexes that are being rebuilt, by their segment's base. */
  readonly rebuilding: Map<Offset, Promise<{ readonly offsets: Uint8Array; readonly times: Uint8Array }>> = new Map();
  /**
   * Offsets of which the epochs are known only from a checkpoint without a checksum; undefined when there are none, or once they were
   * held against the batches. See epoch-audit.ts.
   */
  doubtfulEpochs: { readonly from: Offset; readonly to: Offset } | undefined;
  scrubFrom: Offset;

  constructor(context: SegmentContext, folder: string, config: TopicConfig, logStart: Offset, active: ActiveSegment, file: DiskFile) {
    this.context = context;
    this.folder = folder;
    this.config = config;
    this.logStart = logStart;
    this.active = active;
    this.file = file;
    this.scrubFrom = logStart;
    this.producers = new ProducerTable(context.ports.compression);
    this.tail = new LogTail(context.tail);
  }

  get position(): LogPosition {
    return { offset: this.active.end, segmentBase: this.active.base, bytes: this.active.bytes };
  }

  get isDirty(): boolean {
    const { unsynced } = this;
    return unsynced.active || unsynced.folder || unsynced.epochs || unsynced.sealed.length > 0 || unsynced.sideFiles.length > 0;
  }

  /** All segments, lowest first. */
  get segments(): readonly SegmentView[] {
    return [...this.closed, this.active];
  }

  /** The segment that holds `offset`, or would; undefined below the first. */
  segmentOf(offset: number): SegmentView | undefined {
    if (offset >= this.active.base) return this.active;
    let low = 0;
    let past = this.closed.length;
    while (low < past) {
      const middle = (low + past) >> 1;
      if (this.closed[middle]!.base <= offset) low = middle + 1;
      else past = middle;
    }
    return this.closed[low - 1];
  }
}

export function nothingUnsynced(): Unsynced {
  return { contentBytes: 0, active: false, sealed: [], sideFiles: [], epochs: false, folder: false };
}
