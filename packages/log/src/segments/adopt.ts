// Takes up what stands behind a trusted end: batch after batch as long as they are whole, in order, and of epochs that do not fall. All
// that is kept is written again, because a page that a failed sync left clean would otherwise never reach the disk (journal.md 6.5).

import { leaderEpochOf } from "@varve/record";
import { cutLog, quiesce } from "./cut.ts";
import { openOrCreate } from "./files.ts";
import type { AdoptedTail } from "./position.ts";
import { type ScanEnd, scanBatches } from "./scan.ts";
import { ActiveSegment, baseOf } from "./segment.ts";
import { sealIndexes, writeBaseSnapshot } from "./side-files.ts";
import type { LogState } from "./state.ts";

/** See `SegmentedLog.adoptTail`. */
export async function adoptTail(state: LogState): Promise<AdoptedTail> {
  await quiesce(state);
  const foundBytes = bytesBehind(state);
  const begun = state.closedBytes + state.active.bytes;
  const cutBecause = foundBytes > 0 ? await takeAll(state) : undefined;
  const keptBytes = state.closedBytes + state.active.bytes - begun;
  // A log start that lies behind all that was whole leaves nothing.
  const end = await cutLog(state, state.active.end);
  if (state.epochs.raiseStart(state.logStart)) state.unsynced.epochs = true;
  state.unsynced.active = true;
  state.unsynced.folder = true;
  return { end, keptBytes, cutBytes: foundBytes - keptBytes, cutBecause };
}

function bytesBehind({ residue, active }: LogState): number {
  if (residue === undefined) return 0;
  return residue.activeFileBytes - active.bytes + residue.segments.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** @returns why something is left; undefined when nothing is. */
async function takeAll(state: LogState): Promise<string | undefined> {
  for (;;) {
    const { activeFileBytes, segments } = state.residue!;
    const done = await takeSegment(state, activeFileBytes);
    // What cannot be read now may be whole: only who has read it may say that it is to be cut.
    if (done.hole !== undefined) throw done.hole;
    if (done.kind === "bad") return `${state.active.path} at byte ${done.bytes}: ${done.problem}`;
    const next = segments[0];
    if (next === undefined) return undefined;
    if (next.base !== state.active.end) return `the next segment begins at ${next.base}, not at ${state.active.end}`;
    await goToNext(state);
    // Whatever happens from here on, what was not taken is still there to be cut.
    state.residue = { activeFileBytes: next.bytes, segments: segments.slice(1), isOurs: false };
  }
}

/** Counts in what is whole in the active segment's file. */
function takeSegment(state: LogState, fileBytes: number): Promise<ScanEnd> {
  const { active, epochs, producers, context } = state;
  const nowMs = context.ports.clock.monotonicMs();
  const from = { bytes: active.bytes, offset: active.end };
  return scanBatches(
    context,
    active.path,
    from,
    fileBytes,
    (bytes, at, sizeBytes) => {
      const epoch = leaderEpochOf(bytes, at);
      const latest = epochs.latest?.epoch ?? 0;
      if (epoch < latest) return { problem: `a batch of leader epoch ${epoch} stands behind one of epoch ${latest}` };
      if (epochs.note(epoch, baseOf(bytes, at))) state.unsynced.epochs = true;
      producers.note(bytes, at, nowMs);
      active.note(bytes, at, sizeBytes, state.config["index.interval.bytes"]);
      return "go-on";
    },
    (bytes, position) => state.file.write(bytes, position),
  );
}

async function goToNext(state: LogState): Promise<void> {
  const { active } = state;
  await sealIndexes(state);
  await writeBaseSnapshot(state);
  state.unsynced.sealed.push(state.file);
  state.closed.push(active.closed());
  state.closedBytes += active.bytes;
  state.active = new ActiveSegment(state.folder, active.end, state.context.ports.clock.wallMs());
  state.file = await openOrCreate(state.context.ports.disk, state.active.path);
  state.checkpointBytes = 0;
}
