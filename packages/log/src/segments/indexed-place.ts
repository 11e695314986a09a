// Where to begin a walk over a segment's batches: at the batch that its index names, once that batch has borne it out, else at the first.

import type { Offset } from "@varve/model";
import { DiskError } from "@varve/runtime";
import { wholeAt } from "./gaps.ts";
import { unlessUnreadable } from "./holes.ts";
import { indexedAtOrBelow } from "./index-lookup.ts";
import type { LogState, SegmentView } from "./state.ts";

export interface BatchPlace {
  readonly bytes: number;
  readonly offset: Offset;
}

/** @returns the place of a batch that begins at or below `offset`, and as near to it as the index leads. */
export async function indexedPlace(state: LogState, segment: SegmentView, offset: number): Promise<BatchPlace> {
  const indexed = await indexedAtOrBelow(state, segment, offset);
  const batch =
    indexed === undefined ? undefined : await unlessUnreadable(wholeAt(state, segment, indexed.bytes, segment.base, indexed.lastOffset));
  return batch === undefined || batch instanceof DiskError
    ? { bytes: 0, offset: segment.base }
    : { bytes: batch.bytes, offset: batch.baseOffset as Offset };
}
