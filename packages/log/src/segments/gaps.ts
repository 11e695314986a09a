// Reading on behind a bad batch by the length that it claims: the cheap way on, tried before the index is asked (resync.ts). Nobody
// searches for something that looks like a batch: what clients store may look like one.

import { baseOffsetOf, batchHeaderBytes, batchSize, lastOffsetOf } from "@varve/record";
import { DiskError } from "@varve/runtime";
import { unlessUnreadable } from "./holes.ts";
import { type BatchVisitor, batchBytesMax, batchProblem, type ScanEnd, type ScanPlace, scanBatches } from "./scan.ts";
import type { LogState, SegmentView } from "./state.ts";

/** A place where a batch was found whole. */
export interface WholeBatch {
  readonly bytes: number;
  readonly baseOffset: number;
}

/** @returns the batch at `position` when its length can be true; not checked further. */
export async function readBatchAt(state: LogState, segment: SegmentView, position: number): Promise<Uint8Array | undefined> {
  const { files } = state.context;
  const left = segment.bytes - position;
  if (left < batchHeaderBytes) return undefined;
  const header = new Uint8Array(batchHeaderBytes);
  if ((await files.read(segment.path, header, position)) < batchHeaderBytes) return undefined;
  const sizeBytes = batchSize(header, 0);
  if (sizeBytes < batchHeaderBytes || sizeBytes > left || sizeBytes > batchBytesMax) return undefined;
  const batch = new Uint8Array(sizeBytes);
  return (await files.read(segment.path, batch, position)) < sizeBytes ? undefined : batch;
}

/** @returns the batch behind the bad one at `position`, found by the bad one's length; its base lies above `offset`. */
export async function behindByLength(
  state: LogState,
  segment: SegmentView,
  position: number,
  offset: number,
): Promise<WholeBatch | undefined> {
  const header = new Uint8Array(batchHeaderBytes);
  const read = await state.context.files.read(segment.path, header, position);
  const sizeBytes = read < batchHeaderBytes ? 0 : batchSize(header, 0);
  if (sizeBytes < batchHeaderBytes || sizeBytes > batchBytesMax) return undefined;
  return wholeAt(state, segment, position + sizeBytes, offset, undefined);
}

/** @returns the batch at `bytes` when it is whole, lies above `offset` and in its segment, and ends at `lastOffset` when that is given. */
export async function wholeAt(
  state: LogState,
  segment: SegmentView,
  bytes: number,
  offset: number,
  lastOffset: number | undefined,
): Promise<WholeBatch | undefined> {
  const batch = await readBatchAt(state, segment, bytes);
  if (batch === undefined || batchProblem(batch, 0, undefined, state.context.ports.compression) !== undefined) return undefined;
  const baseOffset = baseOffsetOf(batch, 0);
  if (baseOffset <= offset || lastOffsetOf(batch, 0) >= segment.end) return undefined;
  if (lastOffset !== undefined && lastOffsetOf(batch, 0) !== lastOffset) return undefined;
  return { bytes, baseOffset };
}

/** As `scanBatches`, but steps over bad batches as long as their own lengths lead to whole ones. */
export async function scanWithGaps(
  state: LogState,
  segment: SegmentView,
  from: ScanPlace,
  end: number,
  visit: BatchVisitor,
): Promise<ScanEnd> {
  let place = from;
  for (;;) {
    const done = await scanBatches(state.context, segment.path, place, end, visit);
    if (done.kind !== "bad") return done;
    const next = await unlessUnreadable(behindByLength(state, segment, done.bytes, done.offset ?? segment.base));
    if (next === undefined || next instanceof DiskError || next.bytes >= end) return done;
    place = { bytes: next.bytes, offset: next.baseOffset };
  }
}
