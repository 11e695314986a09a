// The largest time of a closed segment, as its time index says and its batches bear out. No checksum guards that file, and what it says
// decides which records retention deletes and which a search passes by.

import type { Offset } from "@varve/model";
import { lastOffsetOf, maxTimestampOf } from "@varve/record";
import { lastTimeEntry, type TimeEntry } from "./index-lookup.ts";
import { readFromDisk } from "./read.ts";
import { rebuildIndex } from "./rebuild-indexes.ts";
import type { ClosedSegment } from "./segment.ts";
import { timeFormat } from "./sparse-index.ts";
import type { LogState, SegmentView } from "./state.ts";

/** -1 when it bears none. Asked once; then it is remembered. */
export async function maxTimestampOfClosed(state: LogState, segment: ClosedSegment): Promise<number> {
  if (segment.maxTimestampMs !== undefined) return segment.maxTimestampMs;
  let entry = await lastTimeEntry(state, segment);
  if (!(await isBorneOut(state, segment, entry))) {
    await rebuildIndex(state, segment, timeFormat, "its last entry is not borne out by a batch");
    entry = await lastTimeEntry(state, segment);
  }
  segment.maxTimestampMs ??= entry?.timestampMs ?? -1;
  return segment.maxTimestampMs;
}

/** Whether the batch that an entry names bears its time; without any entry, whether the first batch bears none. */
export async function isBorneOut(state: LogState, segment: SegmentView, entry: TimeEntry | undefined): Promise<boolean> {
  const result = await readFromDisk(state, (entry?.lastOffset ?? segment.base) as Offset, 1, segment.end);
  const batch = result.kind === "batches" ? result.chunks[0] : undefined;
  if (entry === undefined) return batch === undefined || maxTimestampOf(batch, 0) < 0;
  return batch !== undefined && lastOffsetOf(batch, 0) === entry.lastOffset && maxTimestampOf(batch, 0) === entry.timestampMs;
}
