// Makes both indexes of a segment anew from its batches. Side files hold nothing that the batches do not say, so whatever is wrong with
// them costs a scan and nothing else. Batches that cannot be read are left out.

import { mayPass } from "../disk-verdict.ts";
import { replaceFile } from "./files.ts";
import { scanWithGaps } from "./gaps.ts";
import { segmentPath } from "./names.ts";
import { ActiveSegment } from "./segment.ts";
import { type IndexFormat, offsetFormat, timeFormat } from "./sparse-index.ts";
import type { LogState, SegmentView } from "./state.ts";

interface Rebuilt {
  readonly offsets: Uint8Array;
  readonly times: Uint8Array;
}

/**
 * Asked twice at once, it works once.
 * @returns the entries of the index of that format; both are in the cache then, and for a closed segment in their files.
 */
export async function rebuildIndex(state: LogState, segment: SegmentView, format: IndexFormat, because: string): Promise<Uint8Array> {
  let running = state.rebuilding.get(segment.base);
  if (running === undefined) {
    running = rebuild(state, segment, because).finally(() => state.rebuilding.delete(segment.base));
    state.rebuilding.set(segment.base, running);
  }
  const rebuilt = await running;
  return format === offsetFormat ? rebuilt.offsets : rebuilt.times;
}

async function rebuild(state: LogState, segment: SegmentView, because: string): Promise<Rebuilt> {
  const { ports, indexes } = state.context;
  ports.logger.warn("an index is rebuilt from its segment", { segment: segment.path, because });
  const { generation } = state;
  const isActive = segment === state.active;
  // Of the active segment only what was flushed is wanted: what came later is in memory.
  const scratch = new ActiveSegment(state.folder, segment.base, 0);
  const bytes = isActive ? flushedBytes(state) : segment.bytes;
  await scanWithGaps(state, segment, { bytes: 0, offset: segment.base }, bytes, (batches, at, sizeBytes, position) => {
    // Behind a gap the batch does not stand where the last one ended.
    scratch.bytes = position;
    scratch.note(batches, at, sizeBytes, state.config["index.interval.bytes"]);
    return "go-on";
  });
  if (!isActive) scratch.indexMaxTimestamp();
  const rebuilt = { offsets: scratch.offsets.pending.slice(), times: scratch.times.pending.slice() };
  const isGone = () => !state.segments.some(({ base }) => base === segment.base);
  const isStale = () => state.generation !== generation || isActive !== (segment === state.active) || isGone();
  if (isStale()) return rebuilt;
  for (const [format, entries] of [
    [offsetFormat, rebuilt.offsets],
    [timeFormat, rebuilt.times],
  ] as const) {
    const path = segmentPath(state.folder, segment.base, format.suffix);
    if (!isActive) await keep(state, path, entries);
    indexes.put(path, entries);
  }
  if (isActive) return rebuilt;
  state.unsynced.folder = true;
  const closed = state.closed.find(({ base }) => base === segment.base);
  if (closed !== undefined) closed.maxTimestampMs = scratch.maxTimestampMs;
  return rebuilt;
}

/** Without room it is good for as long as it is remembered: whoever reads needs no room on the disk. */
async function keep({ context, folder }: LogState, path: string, entries: Uint8Array): Promise<void> {
  const { disk, logger } = context.ports;
  try {
    await replaceFile(disk, path, entries, true);
  } catch (error) {
    if (!mayPass(error)) throw error;
    logger.warn("an index that was rebuilt finds no room", { folder, path, error });
  }
}

/** Where the first batch stands that the active segment's index holds in memory; its end when it holds none. */
function flushedBytes(state: LogState): number {
  const { offsets, bytes } = state.active;
  if (offsets.pending.length === 0) return bytes;
  return new DataView(offsets.pending.buffer, offsets.pending.byteOffset).getInt32(4);
}

/** Lets rebuilds come to an end before the files below them change. */
export async function rebuildsDone(state: LogState): Promise<void> {
  await Promise.allSettled(state.rebuilding.values());
}
