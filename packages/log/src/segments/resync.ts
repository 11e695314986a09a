// Finds the way on behind damage: the next batch of a segment that is whole, by the bad one's own length or by the offset index.

import { DiskError, stepBudgetMs, turn } from "@varve/runtime";
import { behindByLength, type WholeBatch, wholeAt } from "./gaps.ts";
import { unlessUnreadable } from "./holes.ts";
import { indexedBehind } from "./index-lookup.ts";
import type { LogState, SegmentView } from "./state.ts";

/**
 * @param position where a batch that should begin at `offset` is bad.
 * @returns the first whole batch behind it; undefined when the segment has none that could be found.
 */
export async function findNextWhole(
  state: LogState,
  segment: SegmentView,
  position: number,
  offset: number,
): Promise<WholeBatch | undefined> {
  const next = orNone(await unlessUnreadable(behindByLength(state, segment, position, offset)));
  const { clock } = state.context.ports;
  let turnedMs = clock.monotonicMs();
  for (
    let indexed = await indexedBehind(state, segment, position);
    indexed !== undefined;
    indexed = await indexedBehind(state, segment, indexed.bytes)
  ) {
    // A length that points behind the next indexed batch is not to be believed.
    if (next !== undefined && next.bytes <= indexed.bytes) return next;
    const whole = orNone(await unlessUnreadable(wholeAt(state, segment, indexed.bytes, offset, indexed.lastOffset)));
    if (whole !== undefined) return whole;
    if (clock.monotonicMs() - turnedMs < stepBudgetMs) continue;
    await turn(clock);
    turnedMs = clock.monotonicMs();
  }
  return next;
}

/** A batch that cannot be read is none. */
function orNone(found: WholeBatch | undefined | DiskError): WholeBatch | undefined {
  return found instanceof DiskError ? undefined : found;
}
