// Writes stamped batches behind the end, and counts them in: indexes, epochs, producers, memory. The hot path: no promise, and no
// allocation but what a new index page takes.

import { invariant } from "@varve/model";
import { baseOffsetOf, batchHeaderBytes, batchSize, lastOffsetOf, leaderEpochOf, producerIdOf } from "@varve/record";
import { syncWriteBytesMax } from "@varve/runtime";
import type { LogState } from "./state.ts";

/** See `SegmentedLog.appendStamped`. */
export function appendStamped(state: LogState, batches: Uint8Array): void {
  const { active } = state;
  invariant(state.residue === undefined, `${active.path}: bytes behind the end were neither adopted nor cut`);
  invariant(
    batches.length >= batchHeaderBytes && baseOffsetOf(batches, 0) === active.end,
    `${active.path}: an append does not continue at ${active.end}`,
  );
  const { unsynced } = state;
  unsynced.active = true;
  unsynced.contentBytes += batches.length;
  try {
    write(state, batches);
  } catch (error) {
    // Whatever was written stands behind the end, where nobody looks; the next append must not leave any of it behind itself.
    state.residue = { activeFileBytes: state.file.size, segments: [], isOurs: true };
    throw error;
  }
  noteAppended(state, batches);
}

function write({ file, active }: LogState, batches: Uint8Array): void {
  if (batches.length <= syncWriteBytesMax) return file.writeSync(batches, active.bytes);
  for (let at = 0; at < batches.length; at += syncWriteBytesMax) {
    file.writeSync(batches.subarray(at, at + syncWriteBytesMax), active.bytes + at);
  }
}

function noteAppended(state: LogState, batches: Uint8Array): void {
  const { active, tail } = state;
  const indexIntervalBytes = state.config["index.interval.bytes"];
  if (active.bytes === 0) active.openedMs = state.context.ports.clock.wallMs();
  for (let at = 0; at < batches.length; ) {
    const sizeBytes = batchSize(batches, at);
    const baseOffset = baseOffsetOf(batches, at);
    invariant(
      sizeBytes >= batchHeaderBytes && baseOffset === active.end,
      `${active.path}: a batch at ${baseOffset} was appended at ${active.end}`,
    );
    if (state.epochs.note(leaderEpochOf(batches, at), baseOffset)) state.unsynced.epochs = true;
    if (producerIdOf(batches, at) >= 0) state.producers.note(batches, at, state.context.ports.clock.monotonicMs());
    active.note(batches, at, sizeBytes, indexIntervalBytes);
    const isAll = sizeBytes === batches.length;
    const batch = isAll ? batches : batches.subarray(at, at + sizeBytes);
    tail.add(batch, baseOffset, lastOffsetOf(batches, at) + 1);
    at += sizeBytes;
  }
}
