// Cuts a log off at an offset, or empties it. What it knows is cut first, in one turn, so that no read sees a half; then the files. Neither
// is synced here: which frame must be durable before, and what after, is the journal's business.

import { type Offset, toOffset } from "@varve/model";
import { baseOffsetOf, lastOffsetOf, maxTimestampOf } from "@varve/record";
import { DiskError, type DiskFile } from "@varve/runtime";
import { openOrCreate, unlinkIfThere } from "./files.ts";
import { readBatchAt, scanWithGaps } from "./gaps.ts";
import { unlessUnreadable } from "./holes.ts";
import { loadIndex } from "./index-lookup.ts";
import { indexedPlace } from "./indexed-place.ts";
import { segmentPath } from "./names.ts";
import { rebuildsDone } from "./rebuild-indexes.ts";
import { newestSnapshot, restoreProducers } from "./restore-producers.ts";
import { ActiveSegment } from "./segment.ts";
import { dropSnapshots } from "./side-files.ts";
import { floorEntry, offsetFormat, readInt32, readInt64, timeFormat } from "./sparse-index.ts";
import type { LogState, SegmentView } from "./state.ts";
import { syncsDone } from "./sync.ts";

/** Where a log would end: behind the last batch that lies wholly below an offset. */
interface CutPlace {
  readonly segment: SegmentView;
  readonly bytes: number;
  readonly offset: Offset;
}

/** See `SegmentedLog.cutEnd`. */
export async function cutEnd(state: LogState, end: Offset): Promise<Offset> {
  return toOffset(Math.max(state.logStart, (await findCutPlace(state, end))?.offset ?? 0));
}

/** See `SegmentedLog.cut`. */
export async function cutLog(state: LogState, end: Offset): Promise<Offset> {
  await quiesce(state);
  const place = await findCutPlace(state, end);
  if (place === undefined || place.offset < state.logStart) {
    await resetLog(state, state.logStart);
    return state.logStart;
  }
  if (place.offset < state.active.end) await cutTo(state, place);
  else await cutResidue(state);
  return place.offset;
}

/** See `SegmentedLog.reset`. */
export async function resetLog(state: LogState, start: Offset): Promise<void> {
  await quiesce(state);
  const { disk, clock } = state.context.ports;
  const active = new ActiveSegment(state.folder, start, clock.wallMs());
  // First the new one: a folder without any segment says nothing of where the log begins, and a log without an open file is none.
  const file = await openOrCreate(disk, active.path);
  const doomed = state.segments.filter(({ base }) => base !== start).map(({ base, bytes }) => ({ base, bytes }));
  const handles = [state.file, ...state.unsynced.sealed];
  state.closed = [];
  state.closedBytes = 0;
  state.active = active;
  state.file = file;
  state.logStart = start;
  state.producers.clear();
  if (state.epochs.clear()) state.unsynced.epochs = true;
  state.unsynced.sealed = [];
  condemn(state, doomed);
  forgetBehind(state, -1);
  for (const handle of handles) await handle.close();
  await cutFiles(state, () => true);
  markCut(state, 0);
}

/** Waits for what works on the files, so that they can change. */
export async function quiesce(state: LogState): Promise<void> {
  await syncsDone(state);
  await rebuildsDone(state);
}

/** Deletes a segment's files: what is worthless without its batches first. */
export async function deleteSegment(state: LogState, base: Offset): Promise<void> {
  const { files, indexes, ports } = state.context;
  for (const suffix of ["timeindex", "index", "txnindex", "log"] as const) {
    const path = segmentPath(state.folder, base, suffix);
    indexes.drop(path);
    await files.forget(path);
    await unlinkIfThere(ports.disk, path);
    // Who was on the way to it may have opened it between the two.
    await files.forget(path);
  }
}

/** A damaged stretch counts as one batch: nobody knows where the batches in it begin. @returns undefined when nothing would be left. */
async function findCutPlace(state: LogState, end: Offset): Promise<CutPlace | undefined> {
  const { active } = state;
  if (end >= active.end) return { segment: active, bytes: active.bytes, offset: active.end };
  const segment = state.segmentOf(end);
  if (segment === undefined) return undefined;
  if (end === segment.base) return { segment, bytes: 0, offset: segment.base };
  const from = await indexedPlace(state, segment, end - 1);
  let place: CutPlace = { segment, ...from };
  const { hole } = await scanWithGaps(state, segment, from, segment.bytes, (batch, at, sizeBytes, position) => {
    const baseOffset = baseOffsetOf(batch, at) as Offset;
    if (lastOffsetOf(batch, at) >= end) {
      if (baseOffset <= end) place = { segment, bytes: position, offset: baseOffset };
      return "stop-before";
    }
    place = { segment, bytes: position + sizeBytes, offset: (lastOffsetOf(batch, at) + 1) as Offset };
    return "go-on";
  });
  // What cannot be read now may be read later: nothing is cut because of it.
  if (hole !== undefined) throw hole;
  return place;
}

async function cutTo(state: LogState, place: CutPlace): Promise<void> {
  const { segment } = place;
  const doomed = state.segments.filter(({ base }) => base > segment.base).map(({ base, bytes }) => ({ base, bytes }));
  const kept = state.closed.filter(({ base }) => base < segment.base);
  const active = await reopenSegment(state, place);
  const snapshot = await newestSnapshot(state, place.offset);
  await restoreProducers(
    state,
    snapshot,
    [...kept, { base: segment.base, path: segment.path, bytes: place.bytes, end: place.offset }],
    place.offset,
  );
  const { file, idle } = await takeHandles(state, segment);

  state.closed = kept;
  state.closedBytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  state.active = active;
  state.file = file;
  if (state.epochs.cutEnd(place.offset)) state.unsynced.epochs = true;
  condemn(state, doomed);
  forgetBehind(state, place.offset);

  for (const handle of idle) await handle.close();
  await cutFiles(state, (offset) => offset > place.offset);
  markCut(state, place.bytes);
}

async function cutResidue(state: LogState): Promise<void> {
  if (state.residue === undefined) return;
  await cutFiles(state, (offset) => offset > state.active.end);
  markCut(state, state.active.bytes);
}

/** What the log has forgotten stands behind its end until it is cut: a cut that the disk refuses in its middle can be made again. */
function condemn(state: LogState, segments: readonly { readonly base: Offset; readonly bytes: number }[]): void {
  const known = state.residue?.segments.filter(({ base }) => base !== state.active.base) ?? [];
  state.residue = { activeFileBytes: state.file.size, segments: [...segments, ...known], isOurs: true };
}

/** Newest first, so that what stays is a log at every moment. */
async function cutFiles(state: LogState, isDropped: (offset: number) => boolean): Promise<void> {
  const doomed = state.residue?.segments.map(({ base }) => base) ?? [];
  for (const base of doomed.sort((a, b) => b - a)) await deleteSegment(state, base);
  await state.file.truncate(state.active.bytes);
  await dropSnapshots(state, isDropped);
  state.residue = undefined;
}

/** All that remembers offsets at and above `end` forgets them; with an `end` below 0, everything. */
function forgetBehind(state: LogState, end: number): void {
  state.tail.cut(end);
  state.damage.keepWithin(0, end);
  state.hints.clear();
  state.generation += 1;
  state.context.indexes.drop(state.active.offsets.path);
  state.context.indexes.drop(state.active.times.path);
  if (state.scrubFrom > end) state.scrubFrom = state.logStart;
  const { position } = state;
  for (const promise of state.promised) if (end < 0 || promise.position.offset > position.offset) promise.position = position;
}

function markCut(state: LogState, checkpointBytesMax: number): void {
  state.unsynced.active = true;
  state.unsynced.folder = true;
  state.checkpointBytes = Math.min(state.checkpointBytes, checkpointBytesMax);
}

/** The handle of the segment that becomes the active one, and those that are not needed any more. */
async function takeHandles(state: LogState, segment: SegmentView): Promise<{ file: DiskFile; idle: readonly DiskFile[] }> {
  const { unsynced } = state;
  if (segment === state.active) return { file: state.file, idle: [] };
  const own = unsynced.sealed.find(({ path }) => path === segment.path);
  const file = own ?? (await openOrCreate(state.context.ports.disk, segment.path));
  const staying = new Set(state.closed.filter(({ base }) => base < segment.base).map(({ path }) => path));
  const idle = [state.file, ...unsynced.sealed.filter(({ path }) => path !== segment.path && !staying.has(path))];
  unsynced.sealed = unsynced.sealed.filter(({ path }) => staying.has(path));
  return { file, idle };
}

/** What the first bytes of a segment add up to: from the last index entry in its file that stays, and the batches behind that. */
async function reopenSegment(state: LogState, { segment, bytes, offset }: CutPlace): Promise<ActiveSegment> {
  const nowMs = state.context.ports.clock.wallMs();
  const fresh = new ActiveSegment(state.folder, segment.base, nowMs);
  if (bytes === 0) return fresh;
  const first = await unlessUnreadable(readBatchAt(state, segment, 0));
  const active = (await atLastEntry(state, segment, bytes, offset, nowMs)) ?? fresh;
  const from = { bytes: active.bytes, offset: active.bytes === 0 ? segment.base : undefined };
  const { hole } = await scanWithGaps(state, segment, from, bytes, (batch, at, sizeBytes, position) => {
    active.bytes = position;
    active.note(batch, at, sizeBytes, state.config["index.interval.bytes"]);
    return "go-on";
  });
  if (hole !== undefined) throw hole;
  active.bytes = bytes;
  active.end = offset;
  if (first !== undefined && !(first instanceof DiskError)) active.firstTimestampMs = maxTimestampOf(first, 0);
  if (active.firstTimestampMs >= 0) active.openedMs = Math.min(nowMs, active.firstTimestampMs);
  return active;
}

/** The segment as it was when the last batch that the index names, and that stays, was about to be appended; its entry is there already. */
async function atLastEntry(
  state: LogState,
  segment: SegmentView,
  bytes: number,
  offset: Offset,
  nowMs: number,
): Promise<ActiveSegment | undefined> {
  const offsets = await loadIndex(state, segment, offsetFormat);
  const entry = floorEntry(offsetFormat, offsets, offsets.length / offsetFormat.entryBytes, offset - 1 - segment.base);
  const position = entry < 0 ? bytes : readInt32(offsets, entry * offsetFormat.entryBytes + 4);
  const batch = position >= bytes ? undefined : await readBatchAt(state, segment, position);
  if (batch === undefined || lastOffsetOf(batch, 0) !== segment.base + readInt32(offsets, entry * offsetFormat.entryBytes))
    return undefined;
  const times = await loadIndex(state, segment, timeFormat);
  let timeEntries = times.length / timeFormat.entryBytes;
  while (timeEntries > 0 && segment.base + readInt32(times, timeEntries * timeFormat.entryBytes - 4) >= offset) timeEntries -= 1;
  const lastTime = (timeEntries - 1) * timeFormat.entryBytes;
  const maxTimestampMs = timeEntries === 0 ? -1 : readInt64(times, lastTime);
  return new ActiveSegment(state.folder, segment.base, nowMs, {
    segmentBase: segment.base,
    offset: baseOffsetOf(batch, 0) as Offset,
    bytes: position,
    firstTimestampMs: -1,
    maxTimestampMs,
    maxTimestampOffset: timeEntries === 0 ? -1 : segment.base + readInt32(times, lastTime + 8),
    indexedTimestampMs: maxTimestampMs,
    bytesSinceIndexEntry: 0,
    offsetEntries: entry + 1,
    timeEntries,
  });
}
