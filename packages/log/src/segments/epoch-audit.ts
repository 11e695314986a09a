// Leader epochs as the batches themselves bear them: for a checkpoint that is missing or worthless, and for the question who is wrong when
// a batch and the checkpoint disagree. A batch's epoch lies outside its checksum, so this is the only guard that it has.

import type { Offset } from "@varve/model";
import { leaderEpochOf } from "@varve/record";
import { DiskError } from "@varve/runtime";
import type { EpochStart } from "./epochs.ts";
import { readBatchAt, scanWithGaps } from "./gaps.ts";
import { unlessUnreadable } from "./holes.ts";
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

/**
 * Holds the epochs that are in doubt against the batches, once. A single batch that says otherwise is damaged; several that do so are
 * right, and the checkpoint was wrong. @returns whether that was so.
 */
export async function auditEpochs(state: LogState): Promise<boolean> {
  const { doubtfulEpochs, generation } = state;
  if (doubtfulEpochs === undefined) return false;
  state.doubtfulEpochs = undefined;
  const { from, to } = doubtfulEpochs;
  let disagreeing = 0;
  const found = await collectEpochs(state, from, to, (offset, epoch) => {
    const known = state.epochs.at(offset);
    if (known !== undefined && known !== epoch) disagreeing += 1;
  });
  if (state.generation !== generation || disagreeing <= 1) return false;
  state.context.ports.logger.warn("leader epochs were wrong, and are corrected from the segments", { folder: state.folder, from, to });
  const outside = state.epochs.entries.filter(({ startOffset }) => startOffset < from || startOffset >= to);
  state.epochs.replace([
    ...outside.filter(({ startOffset }) => startOffset < from),
    ...found,
    ...outside.filter(({ startOffset }) => startOffset >= to),
  ]);
  state.unsynced.epochs = true;
  return true;
}

/**
 * The epochs of the batches in [from, to). Of segments between which no epoch changed only the first batch is read; a batch whose epoch
 * falls out of its neighbours' order is passed over.
 * @param told is told of each batch that is read.
 */
export async function collectEpochs(
  state: LogState,
  from: number,
  to: number,
  told: (offset: number, epoch: number) => void = () => {},
): Promise<readonly EpochStart[]> {
  const segments = state.segments.filter(({ base, end }) => end > from && base < to);
  const firsts: (EpochStart | undefined)[] = [];
  for (const segment of segments) firsts.push(await firstEpoch(state, segment));
  const runs: EpochRun[] = [];
  for (const [index, segment] of segments.entries()) {
    const first = firsts[index];
    if (first !== undefined && firsts[index + 1]?.epoch === first.epoch && mayBeOne(state, segment, first.epoch)) {
      addRun(runs, first.epoch, first.startOffset);
      continue;
    }
    await scanWithGaps(state, segment, { bytes: 0, offset: segment.base }, segment.bytes, (bytes, at) => {
      const offset = baseOf(bytes, at);
      if (offset >= to) return "stop-before";
      if (offset < from) return "go-on";
      told(offset, leaderEpochOf(bytes, at));
      addRun(runs, leaderEpochOf(bytes, at), offset);
      return "go-on";
    });
  }
  return runs.filter(({ epoch }) => epoch >= 0).map(({ epoch, startOffset }) => ({ epoch, startOffset }));
}

/** Whether nothing that is known speaks against one epoch throughout. */
function mayBeOne({ epochs }: LogState, segment: SegmentView, epoch: number): boolean {
  return [segment.base, segment.end - 1].every((offset) => (epochs.at(offset) ?? epoch) === epoch);
}

async function firstEpoch(state: LogState, segment: SegmentView): Promise<EpochStart | undefined> {
  const batch = await unlessUnreadable(readBatchAt(state, segment, 0));
  if (
    batch === undefined ||
    batch instanceof DiskError ||
    batchProblem(batch, 0, segment.base, state.context.ports.compression) !== undefined
  )
    return undefined;
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

export function sameEpochs(one: readonly EpochStart[], other: readonly EpochStart[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ epoch, startOffset }, at) => other[at]!.epoch === epoch && other[at]!.startOffset === startOffset)
  );
}
