// Which whole segments may go, by age and by size, and their deletion. Never the active one, nor the newest that holds records: the append
// that a roll made room for may never have come. Between the two steps the caller makes the new log start durable: journal.md 8.

import type { Offset } from "@varve/model";
import { deleteSegment } from "./cut.ts";
import { rebuildsDone } from "./rebuild-indexes.ts";
import type { ClosedSegment } from "./segment.ts";
import { dropSnapshots } from "./side-files.ts";
import type { LogState } from "./state.ts";
import { syncLog } from "./sync.ts";
import { maxTimestampOfClosed } from "./time-bounds.ts";

/** See `SegmentedLog.retentionStart`. Source: kafka-protocol.md 3.8. */
export async function retentionStart(state: LogState, nowMs: number, highWatermark: Offset): Promise<Offset | undefined> {
  const { config, generation } = state;
  if (!config["cleanup.policy"].includes("delete")) return undefined;
  const retentionBytes = config["retention.bytes"];
  let bytesLeft = state.closedBytes + state.active.bytes;
  let start = state.logStart;
  const candidates = state.active.bytes === 0 ? state.closed.slice(0, -1) : [...state.closed];
  for (const segment of candidates) {
    if (segment.end > highWatermark) break;
    bytesLeft -= segment.bytes;
    if (segment.end <= state.logStart) continue;
    const isTooMuch = retentionBytes >= 0 && bytesLeft >= retentionBytes;
    if (!isTooMuch && !(await isTooOld(state, segment, nowMs))) break;
    start = segment.end;
  }
  return state.generation === generation && start > state.logStart ? start : undefined;
}

/** See `SegmentedLog.hasExpired`. */
export function hasExpired({ closed, logStart }: LogState): boolean {
  return closed[0] !== undefined && closed[0].end <= logStart;
}

/** See `SegmentedLog.deleteBelowStart`. */
export async function deleteBelowStart(state: LogState): Promise<number> {
  // One that a roll ends meanwhile has a snapshot at its end that is not synced.
  const doomedEnd = state.closed.findLast(({ end }) => end <= state.logStart)?.end;
  if (doomedEnd === undefined) return 0;
  // What goes is told of by the snapshot at its end alone.
  await syncLog(state);
  let deleted = 0;
  for (;;) {
    const segment = state.closed[0];
    if (segment === undefined || segment.end > doomedEnd) break;
    state.closed.shift();
    state.closedBytes -= segment.bytes;
    state.generation += 1;
    state.unsynced.folder = true;
    // From here on nobody begins one that would write files of it.
    await rebuildsDone(state);
    const unsynced = state.unsynced.sealed.find(({ path }) => path === segment.path);
    if (unsynced !== undefined) {
      state.unsynced.sealed = state.unsynced.sealed.filter((file) => file !== unsynced);
      await unsynced.close();
    }
    try {
      await deleteSegment(state, segment.base);
    } catch (error) {
      // Its batches go last: whole or not at all, and the next call tries again.
      state.closed.unshift(segment);
      state.closedBytes += segment.bytes;
      throw error;
    }
    deleted += 1;
  }
  if (deleted > 0) await dropSnapshots(state, (offset) => offset < state.segments[0]!.base);
  return deleted;
}

async function isTooOld(state: LogState, segment: ClosedSegment, nowMs: number): Promise<boolean> {
  const retentionMs = state.config["retention.ms"];
  if (retentionMs < 0) return false;
  return nowMs - (await newestMs(state, segment)) > retentionMs;
}

/** The largest time in the segment; when it bears none, the time of its last write. */
async function newestMs(state: LogState, segment: ClosedSegment): Promise<number> {
  const timestampMs = await maxTimestampOfClosed(state, segment);
  return timestampMs >= 0 ? timestampMs : state.context.ports.disk.modifiedMs(segment.path);
}
