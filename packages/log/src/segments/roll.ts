// Ends the active segment and begins the next, and says when that is due.

import { createOrEmpty } from "./files.ts";
import { ActiveSegment } from "./segment.ts";
import { sealIndexes, writeBaseSnapshot } from "./side-files.ts";
import { offsetFormat, relativeOffsetMax, timeFormat } from "./sparse-index.ts";
import type { LogState } from "./state.ts";

/** Entries that the end of a segment may still add to its time index: one with an offset entry, and the last. */
const timeEntriesReserved = 2;

/** See `SegmentedLog.mustRoll`. */
export function mustRoll(state: LogState, batchBytes: number, nowMs: number): boolean {
  const { active, config } = state;
  if (active.bytes === 0) return false;
  const indexBytesMax = config["segment.index.bytes"];
  return (
    active.bytes + batchBytes > config["segment.bytes"] ||
    nowMs - active.openedMs > config["segment.ms"] ||
    (active.offsets.count + 1) * offsetFormat.entryBytes > indexBytesMax ||
    (active.times.count + timeEntriesReserved) * timeFormat.entryBytes > indexBytesMax ||
    active.end - active.base > relativeOffsetMax
  );
}

/** See `SegmentedLog.roll`. */
export async function roll(state: LogState): Promise<void> {
  if (state.active.bytes === 0) return;
  await state.checkpointing?.catch(() => {});
  await sealIndexes(state);
  await writeBaseSnapshot(state);
  const next = new ActiveSegment(state.folder, state.active.end, state.context.ports.clock.wallMs());
  const file = await createOrEmpty(state.context.ports.disk, next.path);
  state.closed.push(state.active.closed());
  state.closedBytes += state.active.bytes;
  state.unsynced.sealed.push(state.file);
  state.unsynced.active = false;
  state.unsynced.folder = true;
  state.active = next;
  state.file = file;
  state.checkpointBytes = 0;
}
