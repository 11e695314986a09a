// Writes what can be derived from the batches, so that it need not be: index ends and producer snapshots. Nothing that was acknowledged
// depends on them: a snapshot carries a checksum, and an index counts only as far as a snapshot says. They bound what a restart reads.

import type { Offset } from "@varve/model";
import { mayPass } from "../disk-verdict.ts";
import { replaceFile, unlinkIfThere } from "./files.ts";
import { segmentPath } from "./names.ts";
import { encodeProducerSnapshot } from "./producer-snapshot.ts";
import type { LogState } from "./state.ts";

/** Snapshots that are kept besides those at the bases of segments and the newest: one that the last mark has surely passed. */
const olderSnapshotsKept = 1;

/** @returns the writing of the side files for the present end, when enough has been appended since the last time; never two at once. */
export function checkpointWhenDue(state: LogState): Promise<void> | undefined {
  if (state.changing.size > 0 || state.checkpointing !== undefined) return undefined;
  if (state.active.bytes - state.checkpointBytes < state.context.checkpointIntervalBytes) return undefined;
  const { logger } = state.context.ports;
  const done = writeCheckpoint(state).catch((error: unknown) => {
    if (!mayPass(error)) throw error;
    logger.warn("no room for the side files of a log; a restart will read more", { folder: state.folder, error });
  });
  state.checkpointing = done.finally(() => {
    state.checkpointing = undefined;
  });
  // Whoever waits for `checkpointing` waits for its end, not for its success.
  state.checkpointing.catch(() => {});
  return done;
}

/** Writes them for the end as it is when this is called; appends may go on meanwhile. */
export async function writeCheckpoint(state: LogState): Promise<void> {
  const { active, context, producers } = state;
  const { disk, compression } = context.ports;
  const offset = active.end;
  const [offsetEntries, timeEntries] = [active.offsets.count, active.times.count];
  const snapshot = encodeProducerSnapshot(producers.all(), active.restartPoint(state.epochs.entries), compression);
  state.checkpointBytes = active.bytes;
  // The snapshot vouches for the index entries, so they are on the disk before it.
  for (const [index, entries] of [
    [active.offsets, offsetEntries],
    [active.times, timeEntries],
  ] as const) {
    if ((await index.flush(disk, context.indexes, entries, true)) === "created") state.unsynced.folder = true;
  }
  await writeSnapshot(state, offset, snapshot);
}

/** Ends the active segment's indexes; they are to be synced with it. */
export async function sealIndexes(state: LogState): Promise<void> {
  const { active, context } = state;
  active.indexMaxTimestamp();
  for (const index of [active.offsets, active.times]) {
    await index.flush(context.ports.disk, context.indexes, index.count, false);
    state.unsynced.sideFiles.push(index.path);
  }
  state.unsynced.folder = true;
}

/** The snapshot for a segment that begins at the present end. */
export async function writeBaseSnapshot(state: LogState): Promise<void> {
  const { active, context, producers } = state;
  await writeSnapshot(state, active.end, encodeProducerSnapshot(producers.all(), undefined, context.ports.compression));
  // Once the segments below are deleted, nothing else tells of their producers.
  state.unsynced.sideFiles.push(segmentPath(state.folder, active.end, "snapshot"));
  state.unsynced.folder = true;
}

async function writeSnapshot(state: LogState, offset: Offset, bytes: Uint8Array): Promise<void> {
  const { disk } = state.context.ports;
  // A new one may be lost with the power, name or content: an older one does, too. One that is replaced may be all there is.
  await replaceFile(disk, segmentPath(state.folder, offset, "snapshot"), bytes, state.snapshots.includes(offset));
  if (!state.snapshots.includes(offset)) state.snapshots.push(offset);
  state.snapshots.sort((a, b) => a - b);
  const bases = new Set<number>(state.segments.map(({ base }) => base));
  bases.add(offset);
  const others = state.snapshots.filter((snapshot) => !bases.has(snapshot));
  await dropSnapshots(state, (snapshot) => others.slice(0, -olderSnapshotsKept).includes(snapshot));
}

/** Deletes snapshots. The caller sees to it that this becomes durable where one that came back would be wrong. */
export async function dropSnapshots(state: LogState, isDropped: (offset: number) => boolean): Promise<void> {
  for (const dropped of state.snapshots.filter(isDropped)) {
    await unlinkIfThere(state.context.ports.disk, segmentPath(state.folder, dropped, "snapshot"));
    state.snapshots = state.snapshots.filter((offset) => offset !== dropped);
  }
}
