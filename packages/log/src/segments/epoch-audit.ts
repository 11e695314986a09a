// Leader epochs as the batches themselves bear them: for a checkpoint that is missing or worthless, and for the question who is wrong when
// a batch and the checkpoint disagree. A batch's epoch lies outside its checksum, so this is the only guard that it has.

import type { Offset } from "@varve/model";
import { leaderEpochOf } from "@varve/record";
import type { EpochStart } from "./epochs.ts";
import { readBatchAt, scanWithGaps } from "./gaps.ts";
import { batchProblem } from "./scan.ts";
import { baseOf } from "./segment.ts";
import type { LogState, SegmentView } from "./state.ts";

/** Batches of one epoch in a row. */
interface EpochRun extends EpochStart {
  batches: number;
}

/** @returns what is wrong with the leader epoch of the batch at `at`, which is whole otherwise. */
export function epochProblem(state: LogState, bytes: Uint8Array, at: number): string | undefined {
  const baseOffset = baseOf(bytes, at);
  const known = state.epochs.at(baseOffset);
  const epoch = leaderEpochOf(bytes, at);
  if (known === undefined || known === epoch) return undefined;
  return `the batch at offset ${baseOffset} bears leader epoch ${epoch}; epoch ${known} wrote there`;
}

/** Holds the epochs against the segments, once while the log is open, and corrects them. @returns whether they were wrong. */
export async function auditEpochs(state: LogState): Promise<boolean> {
  if (state.epochsAudited) return false;
  state.epochsAudited = true;
  const { generation } = state;
  const { end } = state.active;
  const found = await collectEpochs(state, state.segments);
  if (state.generation !== generation) return false;
  const { entries } = state.epochs;
  // What was appended meanwhile is known better here than there.
  const corrected = [...found.filter(({ startOffset }) => startOffset < end), ...entries.filter(({ startOffset }) => startOffset >= end)];
  if (sameEpochs(corrected, entries)) return false;
  state.context.ports.logger.warn("the leader epochs were wrong and are corrected from the segments", { folder: state.folder });
  state.epochs.replace(corrected);
  state.unsynced.epochs = true;
  return true;
}

/**
 * @param segments lowest first, each counting up to its `bytes`.
 * @returns the epochs of their batches. A segment is read only when an epoch changed in it; a batch whose epoch falls out of its
 *   neighbours' order is passed over.
 */
export async function collectEpochs(state: LogState, segments: readonly SegmentView[]): Promise<readonly EpochStart[]> {
  const firsts: (EpochStart | undefined)[] = [];
  for (const segment of segments) firsts.push(await firstEpoch(state, segment));
  const runs: EpochRun[] = [];
  for (const [index, segment] of segments.entries()) {
    const first = firsts[index];
    if (first !== undefined && firsts[index + 1]?.epoch === first.epoch) {
      addRun(runs, first.epoch, first.startOffset);
      continue;
    }
    await scanWithGaps(state, segment, { bytes: 0, offset: segment.base }, segment.bytes, (bytes, at) => {
      addRun(runs, leaderEpochOf(bytes, at), baseOf(bytes, at));
      return "go-on";
    });
  }
  return runs.filter(({ epoch }) => epoch >= 0).map(({ epoch, startOffset }) => ({ epoch, startOffset }));
}

async function firstEpoch(state: LogState, segment: SegmentView): Promise<EpochStart | undefined> {
  const batch = await readBatchAt(state, segment, 0);
  if (batch === undefined || batchProblem(batch, 0, segment.base, state.context.ports.compression) !== undefined) return undefined;
  return { epoch: leaderEpochOf(batch, 0), startOffset: segment.base };
}

/** Keeps the runs rising: of two neighbours that fall, the one of fewer batches is damaged. */
function addRun(runs: EpochRun[], epoch: number, startOffset: Offset): void {
  const run: EpochRun = { epoch, startOffset, batches: 1 };
  for (;;) {
    const last = runs.at(-1);
    if (last === undefined || last.epoch < run.epoch) break;
    if (last.epoch === run.epoch) {
      last.batches += run.batches;
      return;
    }
    if (last.batches > run.batches) return;
    runs.pop();
  }
  runs.push(run);
}

function sameEpochs(one: readonly EpochStart[], other: readonly EpochStart[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ epoch, startOffset }, at) => other[at]!.epoch === epoch && other[at]!.startOffset === startOffset)
  );
}
