// Searches the first batch of at least some time: by the segments' largest times, then by the time index, then batch by batch. Which record
// of the batch bears the time is for whoever opens batches.

import type { Offset } from "@varve/model";
import { batchSize, lastOffsetOf, maxTimestampOf } from "@varve/record";
import type { ReadResult } from "../log.ts";
import { timeEntryAtOrBelow } from "./index-lookup.ts";
import { readLog } from "./read.ts";
import { rebuildIndex } from "./rebuild-indexes.ts";
import type { ClosedSegment } from "./segment.ts";
import { timeFormat } from "./sparse-index.ts";
import type { LogState, SegmentView } from "./state.ts";
import { isBorneOut, maxTimestampOfClosed } from "./time-bounds.ts";

/** What the search reads at once. */
const searchBytes = 65_536;

/** See `PartitionLog.findByTime`. */
export async function findByTime(
  state: LogState,
  timestampMs: number,
  below: Offset,
  from: Offset = state.logStart,
): Promise<ReadResult | undefined> {
  const { generation } = state;
  const start = Math.max(from, state.logStart) as Offset;
  for (const segment of state.segments) {
    if (segment.end <= start) continue;
    if (segment.base >= below) return undefined;
    const maxTimestampMs =
      segment === state.active ? state.active.maxTimestampMs : await maxTimestampOfClosed(state, segment as ClosedSegment);
    if (state.generation !== generation) return findByTime(state, timestampMs, below, from);
    if (maxTimestampMs < timestampMs) continue;
    const found = await searchSegment(state, segment, timestampMs, below, start);
    if (state.generation !== generation) return findByTime(state, timestampMs, below, from);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function searchSegment(
  state: LogState,
  segment: SegmentView,
  timestampMs: number,
  below: Offset,
  start: Offset,
): Promise<ReadResult | undefined> {
  const { generation } = state;
  let entry = await timeEntryAtOrBelow(state, segment, timestampMs);
  if (entry !== undefined && !(await isBorneOut(state, segment, entry))) {
    await rebuildIndex(state, segment, timeFormat, "an entry is not borne out by a batch");
    entry = await timeEntryAtOrBelow(state, segment, timestampMs);
  }
  let offset = Math.max(start, state.logStart, entry?.lastOffset ?? segment.base) as Offset;
  while (offset < segment.end && offset < below) {
    if (state.generation !== generation) return undefined;
    const result = await readLog(state, offset, searchBytes, below);
    if (result.kind !== "batches") return result.kind === "damaged" ? result : undefined;
    const found = firstOfTime(result.chunks, timestampMs);
    if (found !== undefined) return found;
    if (result.nextOffset === offset) return undefined;
    offset = result.nextOffset;
  }
  return undefined;
}

function firstOfTime(chunks: readonly Uint8Array[], timestampMs: number): ReadResult | undefined {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += batchSize(chunk, at)) {
      if (maxTimestampOf(chunk, at) < timestampMs) continue;
      const batch = chunk.subarray(at, at + batchSize(chunk, at));
      return { kind: "batches", chunks: [batch], byteLength: batch.length, nextOffset: (lastOffsetOf(batch, 0) + 1) as Offset };
    }
  }
  return undefined;
}
