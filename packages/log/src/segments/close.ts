// The two ends of a log: closed, so that it opens again without a scan, or deleted.

import { DiskError } from "@varve/runtime";
import { cutLog, quiesce } from "./cut.ts";
import { unlinkIfThere } from "./files.ts";
import { segmentPath } from "./names.ts";
import { writeCheckpoint } from "./side-files.ts";
import type { LogState } from "./state.ts";
import { syncLog } from "./sync.ts";

/** See `SegmentedLog.close`. */
export async function closeLog(state: LogState): Promise<void> {
  await quiesce(state);
  if (state.residue?.isOurs === true) await cutLog(state, state.active.end);
  const { active, context } = state;
  if (state.residue === undefined && active.bytes > 0) {
    // As Kafka leaves it: the last entry of every time index is the segment's largest time.
    active.indexMaxTimestamp();
    await writeCheckpoint(state);
    state.unsynced.folder = true;
  }
  await syncLog(state);
  for (const path of pathsOf(state)) await context.files.forget(path);
  state.tail.clear();
  dropIndexes(state);
  await state.file.close();
}

/** See `SegmentedLog.drop`. */
export async function dropLog(state: LogState): Promise<void> {
  await quiesce(state);
  const { disk } = state.context.ports;
  state.tail.clear();
  dropIndexes(state);
  for (const path of pathsOf(state)) await state.context.files.forget(path);
  if (!state.isClosed) {
    state.isClosed = true;
    for (const file of [state.file, ...state.unsynced.sealed]) await file.close();
    state.unsynced.sealed = [];
  }
  try {
    for (const name of await disk.list(state.folder)) await unlinkIfThere(disk, `${state.folder}/${name}`);
    await disk.removeFolder(state.folder);
  } catch (error) {
    // An earlier try came so far.
    if (!(error instanceof DiskError && error.kind === "not-found")) throw error;
  }
}

function pathsOf(state: LogState): readonly string[] {
  return state.segments.map(({ path }) => path);
}

function dropIndexes(state: LogState): void {
  for (const { base } of state.segments) {
    state.context.indexes.drop(segmentPath(state.folder, base, "index"));
    state.context.indexes.drop(segmentPath(state.folder, base, "timeindex"));
  }
}
