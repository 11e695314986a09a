// Brings the producer state to what it was at an offset: from the newest snapshot at or below it, and the batches from there on.

import type { Offset } from "@varve/model";
import { baseOffsetOf } from "@varve/record";
import { readSideFile } from "./files.ts";
import { scanWithGaps } from "./gaps.ts";
import { indexedPlace } from "./indexed-place.ts";
import { segmentPath } from "./names.ts";
import { decodeProducerSnapshot, type ProducerSnapshot, snapshotBytesMax } from "./producer-snapshot.ts";
import type { LogState, SegmentView } from "./state.ts";

/** A snapshot and the offset that it was taken at; below the first there is an empty one at the first segment's base. */
export interface TakenSnapshot extends ProducerSnapshot {
  readonly offset: Offset;
}

/** @returns the newest whole snapshot at or below `offset` that will do. */
export async function newestSnapshot(
  state: LogState,
  offset: number,
  willDo: (snapshot: ProducerSnapshot) => boolean = () => true,
): Promise<TakenSnapshot> {
  const { disk, compression, clock } = state.context.ports;
  const first = Math.min(state.segments[0]!.base, offset);
  // One from below the first segment knows nothing of the batches between: a producer who wrote there would be out of order.
  for (const taken of state.snapshots.filter((snapshot) => first <= snapshot && snapshot <= offset).reverse()) {
    const bytes = await readSideFile(disk, segmentPath(state.folder, taken, "snapshot"), snapshotBytesMax);
    const decoded = bytes === undefined ? undefined : decodeProducerSnapshot(bytes, compression, clock.monotonicMs());
    if (decoded !== undefined && willDo(decoded)) return { ...decoded, offset: taken as Offset };
  }
  return { producers: [], restart: undefined, offset: first as Offset };
}

/** @param snapshot of an offset at or below `end`. @param segments those that hold the batches between the two. */
export async function restoreProducers(
  state: LogState,
  snapshot: TakenSnapshot,
  segments: readonly SegmentView[],
  end: number,
): Promise<void> {
  state.producers.clear();
  for (const producer of snapshot.producers) state.producers.restore(producer);
  const nowMs = state.context.ports.clock.monotonicMs();
  for (const segment of segments) {
    if (segment.end <= snapshot.offset) continue;
    if (segment.base >= end) return;
    const from = await indexedPlace(state, segment, Math.max(segment.base, snapshot.offset));
    await scanWithGaps(state, segment, from, segment.bytes, (bytes, at) => {
      const baseOffset = baseOffsetOf(bytes, at);
      if (baseOffset >= end) return "stop-before";
      if (baseOffset >= snapshot.offset) state.producers.note(bytes, at, nowMs);
      return "go-on";
    });
  }
}
