// One segment: the batches from a base offset up to the next roll. The active one grows and knows its indexes' ends; a closed one is a
// name and a few numbers. Neither decides when to roll, cut or delete: see roll.ts, cut.ts, retention.ts. Layout: docs/formats/segment.md.

import type { Offset } from "@varve/model";
import { baseOffsetOf, lastOffsetOf, maxTimestampOf } from "@varve/record";
import type { EpochStart } from "./epochs.ts";
import { segmentPath } from "./names.ts";
import type { RestartPoint } from "./producer-snapshot.ts";
import { GrowingIndex, offsetFormat, relativeOffsetMax, timeFormat } from "./sparse-index.ts";

/** Above every `index.interval.bytes` but the largest; an int32, as snapshots keep it. */
export const bytesSinceIndexEntryMax = 2_147_483_647;
/** No time, and no offset that bears one. */
const none = -1;

/** A segment that takes no more batches. */
export interface ClosedSegment {
  readonly base: Offset;
  readonly path: string;
  readonly bytes: number;
  /** The next segment's base; its own last batch ends there unless something is lost. */
  readonly end: Offset;
  /** Largest time in it, -1 when it bears none; undefined until somebody has asked. */
  maxTimestampMs: number | undefined;
}

/** The segment that the next batch goes to: what its batches add up to. Its file is its owner's. */
export class ActiveSegment {
  readonly base: Offset;
  readonly path: string;
  /** Length of what counts; the file may be longer after a failed append. */
  bytes = 0;
  /** Offset behind the last batch: the log's end. */
  end: Offset;
  /** When its first batch came, as far as that is known: what `segment.ms` counts from. */
  openedMs: number;
  /** Largest time of the first batch; -1 when it bears none or there is none. */
  firstTimestampMs: number = none;
  maxTimestampMs: number = none;
  maxTimestampOffset: number = none;
  /** Time of the last entry of the time index. */
  indexedTimestampMs: number = none;
  bytesSinceIndexEntry = 0;
  readonly offsets: GrowingIndex;
  readonly times: GrowingIndex;

  /** @param restart what its first bytes are known to hold, up to `offset`; undefined for nothing. */
  constructor(folder: string, base: Offset, openedMs: number, restart?: Omit<RestartPoint, "epochs"> & { readonly offset: Offset }) {
    this.base = base;
    this.path = segmentPath(folder, base, "log");
    this.openedMs = openedMs;
    this.end = restart?.offset ?? base;
    // What the index files hold beyond the restart point is of a life before, or of nobody.
    this.offsets = new GrowingIndex(offsetFormat, segmentPath(folder, base, "index"), restart?.offsetEntries ?? 0, true);
    this.times = new GrowingIndex(timeFormat, segmentPath(folder, base, "timeindex"), restart?.timeEntries ?? 0, true);
    if (restart === undefined) return;
    this.bytes = restart.bytes;
    this.firstTimestampMs = restart.firstTimestampMs;
    this.maxTimestampMs = restart.maxTimestampMs;
    this.maxTimestampOffset = restart.maxTimestampOffset;
    this.indexedTimestampMs = restart.indexedTimestampMs;
    this.bytesSinceIndexEntry = restart.bytesSinceIndexEntry;
  }

  /** The batch at `at` stands at the end now: it counts, and is indexed when it is due. Source: Kafka's LogSegment.append. */
  note(bytes: Uint8Array, at: number, sizeBytes: number, indexIntervalBytes: number): void {
    const lastOffset = lastOffsetOf(bytes, at);
    const timestampMs = maxTimestampOf(bytes, at);
    if (this.bytes === 0) this.firstTimestampMs = timestampMs;
    if (timestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = timestampMs;
      this.maxTimestampOffset = lastOffset;
    }
    // An offset too far from the base for an entry is the segment's last: the next append rolls.
    if (this.bytesSinceIndexEntry > indexIntervalBytes && lastOffset - this.base <= relativeOffsetMax) {
      this.offsets.addOffset(lastOffset - this.base, this.bytes);
      this.indexMaxTimestamp();
      this.bytesSinceIndexEntry = 0;
    }
    this.bytesSinceIndexEntry += sizeBytes;
    this.bytes += sizeBytes;
    this.end = (lastOffset + 1) as Offset;
  }

  /** Adds the largest time so far to the time index, unless it stands there. */
  indexMaxTimestamp(): void {
    if (this.maxTimestampMs <= this.indexedTimestampMs) return;
    this.times.addTime(this.maxTimestampMs, Math.min(this.maxTimestampOffset - this.base, relativeOffsetMax));
    this.indexedTimestampMs = this.maxTimestampMs;
  }

  /** What a snapshot at the present end says of this segment, once its indexes are flushed. */
  restartPoint(epochs: readonly EpochStart[]): RestartPoint {
    return {
      segmentBase: this.base,
      bytes: this.bytes,
      firstTimestampMs: this.firstTimestampMs,
      maxTimestampMs: this.maxTimestampMs,
      maxTimestampOffset: this.maxTimestampOffset,
      indexedTimestampMs: this.indexedTimestampMs,
      bytesSinceIndexEntry: Math.min(this.bytesSinceIndexEntry, bytesSinceIndexEntryMax),
      offsetEntries: this.offsets.count,
      timeEntries: this.times.count,
      epochs,
    };
  }

  closed(): ClosedSegment {
    return { base: this.base, path: this.path, bytes: this.bytes, end: this.end, maxTimestampMs: this.maxTimestampMs };
  }
}

/** The base offset of the batch at `at`, which was checked. */
export function baseOf(bytes: Uint8Array, at: number): Offset {
  return baseOffsetOf(bytes, at) as Offset;
}
