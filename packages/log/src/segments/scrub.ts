// Reads the log from its start to its end, again and again, so that damage is found before somebody needs what is damaged. How fast is the
// caller's business.

import type { Offset } from "@varve/model";
import { readFromDisk } from "./read.ts";
import type { LogState } from "./state.ts";

/** What one step of the scrub saw. */
export interface ScrubStep {
  readonly readBytes: number;
  /** Ranges found damaged in this step, or known before; they are offline, and logged. */
  readonly damagedRanges: number;
  /** The step came to the log's end; the next one begins at its start. */
  readonly roundDone: boolean;
}

/** See `SegmentedLog.scrubStep`. */
export async function scrubStep(state: LogState, bytesMax: number): Promise<ScrubStep> {
  const from = Math.max(state.scrubFrom, state.logStart) as Offset;
  const { end } = state.active;
  if (from >= end) {
    state.scrubFrom = state.logStart;
    return { readBytes: 0, damagedRanges: 0, roundDone: true };
  }
  const { generation } = state;
  const result = await readFromDisk(state, from, bytesMax, end);
  if (state.generation !== generation || result.kind === "out-of-range") return { readBytes: 0, damagedRanges: 0, roundDone: false };
  const next = result.kind === "damaged" ? result.resumeAt : result.nextOffset;
  const roundDone = next >= end;
  state.scrubFrom = roundDone ? state.logStart : next;
  return { readBytes: result.kind === "damaged" ? 0 : result.byteLength, damagedRanges: result.kind === "damaged" ? 1 : 0, roundDone };
}
