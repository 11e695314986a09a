// Asks a segment's indexes: memory first, then the loaded file, then the file. One that is missing, too short or contradicts itself is
// rebuilt from its segment. What an entry says of a batch is for the caller to hold against the batch.

import { batchHeaderBytes } from "@varve/record";
import { readSideFile } from "./files.ts";
import { segmentPath } from "./names.ts";
import { rebuildIndex } from "./rebuild-indexes.ts";
import { batchBytesMax } from "./scan.ts";
import { countConsistent, floorEntry, type IndexFormat, offsetFormat, readInt32, readInt64, timeFormat } from "./sparse-index.ts";
import type { LogState, SegmentView } from "./state.ts";

const noEntries = new Uint8Array(0);

/** A batch that the offset index names: where it stands, and its last offset. */
export interface IndexedBatch {
  readonly bytes: number;
  readonly lastOffset: number;
}

/** A time and the last offset of the batch that bears it. */
export interface TimeEntry {
  readonly timestampMs: number;
  readonly lastOffset: number;
}

/** @returns the last indexed batch of the segment whose last offset is at most `offset`; undefined when there is none. */
export function indexedAtOrBelow(
  state: LogState,
  segment: SegmentView,
  offset: number,
): IndexedBatch | undefined | Promise<IndexedBatch | undefined> {
  const relative = offset - segment.base;
  if (segment === state.active) {
    const { pending, flushed } = state.active.offsets;
    const entry = floorEntry(offsetFormat, pending, pending.length / offsetFormat.entryBytes, relative);
    if (entry >= 0) return batchOf(segment, pending, entry);
    if (flushed === 0) return undefined;
  }
  return loadIndex(state, segment, offsetFormat).then((loaded) => {
    const entry = floorEntry(offsetFormat, loaded, loaded.length / offsetFormat.entryBytes, relative);
    return entry < 0 ? undefined : batchOf(segment, loaded, entry);
  });
}

/** @returns the first indexed batch of the segment that stands behind byte `bytes`; undefined when there is none. */
export async function indexedBehind(state: LogState, segment: SegmentView, bytes: number): Promise<IndexedBatch | undefined> {
  const loaded = await loadIndex(state, segment, offsetFormat);
  const parts = segment === state.active ? [loaded, state.active.offsets.pending] : [loaded];
  for (const part of parts) {
    const count = part.length / offsetFormat.entryBytes;
    let low = 0;
    let past = count;
    while (low < past) {
      const middle = (low + past) >> 1;
      if (readInt32(part, middle * offsetFormat.entryBytes + 4) > bytes) past = middle;
      else low = middle + 1;
    }
    if (low < count) return batchOf(segment, part, low);
  }
  return undefined;
}

/** @returns the last entry of the segment's time index of at most `timestampMs`: before its batch, all times are smaller. */
export async function timeEntryAtOrBelow(state: LogState, segment: SegmentView, timestampMs: number): Promise<TimeEntry | undefined> {
  if (segment === state.active) {
    const { pending } = state.active.times;
    const entry = floorEntry(timeFormat, pending, pending.length / timeFormat.entryBytes, timestampMs);
    if (entry >= 0) return timeEntryOf(segment, pending, entry);
  }
  const loaded = await loadIndex(state, segment, timeFormat);
  return timeEntryOf(segment, loaded, floorEntry(timeFormat, loaded, loaded.length / timeFormat.entryBytes, timestampMs));
}

/** @returns the last entry of a closed segment's time index, which bears its largest time; undefined when no batch has one. */
export async function lastTimeEntry(state: LogState, segment: SegmentView): Promise<TimeEntry | undefined> {
  const loaded = await loadIndex(state, segment, timeFormat);
  return timeEntryOf(segment, loaded, loaded.length / timeFormat.entryBytes - 1);
}

function timeEntryOf(segment: SegmentView, entries: Uint8Array, entry: number): TimeEntry | undefined {
  if (entry < 0) return undefined;
  const at = entry * timeFormat.entryBytes;
  return { timestampMs: readInt64(entries, at), lastOffset: segment.base + readInt32(entries, at + 8) };
}

function batchOf(segment: SegmentView, entries: Uint8Array, entry: number): IndexedBatch {
  const at = entry * offsetFormat.entryBytes;
  return { bytes: readInt32(entries, at + 4), lastOffset: segment.base + readInt32(entries, at) };
}

/** The entries of an index file that count: a closed segment's all, of the active one's those that were flushed. Not to be changed. */
export async function loadIndex(state: LogState, segment: SegmentView, format: IndexFormat): Promise<Uint8Array> {
  const { indexes, ports } = state.context;
  const path = segmentPath(state.folder, segment.base, format.suffix);
  const cached = indexes.get(path);
  if (cached !== undefined) return cached;
  const { generation } = state;
  const flushed = flushedEntries(state, segment, format);
  if (flushed === 0) return noEntries;
  // No file has more entries than its segment has batches, whatever its length says.
  const bytesMax = (Math.floor(segment.bytes / batchHeaderBytes) + 1) * format.entryBytes;
  const bytes = await readSideFile(ports.disk, path, bytesMax);
  const believed = bytes === undefined ? undefined : believedPart(state, segment, format, bytes, flushed);
  if (believed === undefined) return rebuildIndex(state, segment, format, `${path} is missing, unreadable or contradicts its segment`);
  // What was read before a flush, a roll or a cut is good for this look-up and for no later one.
  if (state.generation === generation && flushedEntries(state, segment, format) === flushed) indexes.put(path, believed);
  return believed;
}

/** Of the active segment; undefined for a closed one. */
function flushedEntries(state: LogState, segment: SegmentView, format: IndexFormat): number | undefined {
  if (segment !== state.active) return undefined;
  return format === offsetFormat ? state.active.offsets.flushed : state.active.times.flushed;
}

function believedPart(
  state: LogState,
  segment: SegmentView,
  format: IndexFormat,
  bytes: Uint8Array,
  flushed: number | undefined,
): Uint8Array | undefined {
  const bounds = { offsets: segment.end - segment.base, bytes: segment.bytes };
  const consistentBytes = countConsistent(format, bytes, bounds) * format.entryBytes;
  if (flushed !== undefined) {
    const flushedBytes = flushed * format.entryBytes;
    return consistentBytes < flushedBytes ? undefined : bytes.subarray(0, flushedBytes);
  }
  if (consistentBytes !== bytes.length) return undefined;
  return format === offsetFormat && isTooShort(state, segment, bytes) ? undefined : bytes;
}

/** The last entry leaves more of the segment to be searched than any interval of ours would. */
function isTooShort(state: LogState, segment: SegmentView, bytes: Uint8Array): boolean {
  const lastPosition = bytes.length === 0 ? 0 : readInt32(bytes, bytes.length - 4);
  return segment.bytes - lastPosition > batchBytesMax + state.config["index.interval.bytes"];
}
