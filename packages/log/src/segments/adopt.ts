// Takes up what stands behind a trusted end: batch after batch as long as they are whole, in order, and of epochs that do not fall. All that
// is kept is written again, because a page that a failed sync left clean would otherwise never reach the disk (journal.md 6.5).

import { leaderEpochOf } from "@varve/record";
import { cutLog, quiesce } from "./cut.ts";
import { openOrCreate } from "./files.ts";
import type { AdoptedTail } from "./position.ts";
import { type ScanEnd, scanBatches } from "./scan.ts";
import { ActiveSegment, baseOf } from "./segment.ts";
import { sealIndexes, writeBaseSnapshot } from "./side-files.ts";
import type { LogState, Residue } from "./state.ts";

/** See `SegmentedLog.adoptTail`. */
export async function adoptTail(state: LogState): Promise<AdoptedTail> {
  await quiesce(state);
  const { residue, active } = state;
  if (residue === undefined) return { end: active.end, keptBytes: 0, cutBytes: 0, cutBecause: undefined };
  const totalBytes = residue.activeFileBytes - active.bytes + residue.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  let keptBytes = 0;
  let cutBecause: string | undefined;
  let left: Residue = residue;
  for (;;) {
    const begun = state.active.bytes;
    const done = await takeSegment(state, left.activeFileBytes);
    keptBytes += state.active.bytes - begun;
    const next = left.segments[0];
    if (done.kind === "bad") cutBecause = `${state.active.path} at byte ${done.bytes}: ${done.problem}`;
    else if (next !== undefined && next.base !== state.active.end)
      cutBecause = `the next segment begins at ${next.base}, not at ${state.active.end}`;
    if (cutBecause !== undefined || next === undefined) break;
    await goToNext(state);
    left = { activeFileBytes: next.bytes, segments: left.segments.slice(1) };
    // Whatever happens from here on, what was not taken is still there to be cut.
    state.residue = left;
  }
  // A log start inside the first batch that was not trusted leaves nothing when that batch is bad.
  const end = await cutLog(state, state.active.end);
  state.unsynced.active = true;
  state.unsynced.folder = true;
  return { end, keptBytes, cutBytes: totalBytes - keptBytes, cutBecause };
}

/** Counts in what is whole in the active segment's file. */
function takeSegment(state: LogState, fileBytes: number): Promise<ScanEnd> {
  const { active, epochs, producers, context } = state;
  const nowMs = context.ports.clock.wallMs();
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
  await sealIndexes(state);
  await writeBaseSnapshot(state);
  const { active } = state;
  state.unsynced.sealed.push(state.file);
  state.closed.push(active.closed());
  state.closedBytes += active.bytes;
  state.active = new ActiveSegment(state.folder, active.end, state.context.ports.clock.wallMs());
  state.file = await openOrCreate(state.context.ports.disk, state.active.path);
  state.checkpointBytes = 0;
}
