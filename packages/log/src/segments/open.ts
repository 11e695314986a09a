// Makes an empty log, or takes up one that is there: decides which segment holds the trusted end, and derives what is known below it from
// the newest snapshot and the batches behind that. Nothing behind the trusted end is looked at: see adopt.ts and cut.ts.

import type { Offset, TopicConfig } from "@varve/model";
import { baseOffsetOf, lastOffsetOf } from "@varve/record";
import type { SegmentContext } from "./context.ts";
import { collectEpochs, sameEpochs } from "./epoch-audit.ts";
import { openOrCreate } from "./files.ts";
import { scanWithGaps } from "./gaps.ts";
import { type FoundSegment, type Inventory, takeInventory } from "./inventory.ts";
import { segmentPath } from "./names.ts";
import type { Trusted } from "./position.ts";
import type { ProducerSnapshot } from "./producer-snapshot.ts";
import { newestSnapshot, restoreProducers, type TakenSnapshot } from "./restore-producers.ts";
import type { ScanEnd } from "./scan.ts";
import { ActiveSegment, bytesSinceIndexEntryMax, type ClosedSegment } from "./segment.ts";
import { dropSnapshots } from "./side-files.ts";
import { LogState, type SegmentView } from "./state.ts";

/** See `createSegmentedLog`. */
export async function createLog(context: SegmentContext, folder: string, config: TopicConfig, logStart: Offset): Promise<LogState> {
  const active = new ActiveSegment(folder, logStart, context.ports.clock.wallMs());
  const file = await context.ports.disk.open(active.path, "create");
  const state = new LogState(context, folder, config, logStart, active, file);
  state.unsynced.folder = true;
  return state;
}

/** See `openSegmentedLog`. */
export async function openLog(
  context: SegmentContext,
  folder: string,
  config: TopicConfig,
  trusted: Trusted,
  logStart: Offset,
): Promise<LogState> {
  const inventory = await takeInventory(context, folder);
  const home = chooseHome(inventory, trusted, logStart);
  const nowMs = context.ports.clock.wallMs();
  const file = await openOrCreate(context.ports.disk, segmentPath(folder, home.base, "log"));
  const state = new LogState(context, folder, config, logStart, new ActiveSegment(folder, home.base, nowMs), file);
  state.snapshots = [...inventory.snapshots];
  // The end of a file, and names, may be as the life before left them in the page cache: from now on they are relied on.
  state.unsynced.active = trusted.kind !== "all";
  state.unsynced.folder = trusted.kind !== "all" || home.isMissing;
  setClosed(
    state,
    inventory.segments.filter(({ base }) => base < home.base),
    home.base,
  );
  await deriveHome(state, trusted, home.found?.bytes ?? 0);
  setResidue(state, inventory);
  // What a life before said of batches behind the trusted end must not be believed of those that will stand there.
  await dropSnapshots(state, (offset) => offset > state.active.end);
  if (trusted.kind === "all" && state.residue !== undefined) {
    context.ports.logger.error("bytes behind the end of a log that was closed in order are cut off", { folder, ...state.position });
    await state.file.truncate(state.active.bytes);
    state.residue = undefined;
    state.unsynced.active = true;
  }
  await takeEpochs(state, inventory);
  return state;
}

/** The segment that holds the trusted end. */
interface Home {
  readonly base: Offset;
  readonly found: FoundSegment | undefined;
  readonly isMissing: boolean;
}

function chooseHome({ segments }: Inventory, trusted: Trusted, logStart: Offset): Home {
  if (trusted.kind === "position") {
    const { offset, segmentBase, bytes } = trusted.position;
    const found = segments.find(({ base }) => base === segmentBase);
    if (found !== undefined || bytes === 0) return { base: segmentBase, found, isMissing: found === undefined };
    // What it held is gone: below the log start by retention, else lost. The log goes on behind it; who reads there finds the gap.
    return { base: offset, found: segments.find(({ base }) => base === offset), isMissing: true };
  }
  // A segment that begins at the offset may have been made after the truncation, and have come to the disk before it: nothing of it is
  // trusted, and the end is looked for in the one before, which may still be longer than it must be.
  const found =
    trusted.kind === "all"
      ? segments.at(-1)
      : (segments.findLast(({ base }) => base < trusted.offset) ?? segments.find(({ base }) => base === trusted.offset));
  const base = found?.base ?? (trusted.kind === "all" ? logStart : trusted.offset);
  return { base, found, isMissing: found === undefined };
}

function setClosed(state: LogState, found: readonly FoundSegment[], end: Offset): void {
  state.closed = found.map(({ base, bytes }, at): ClosedSegment => {
    const path = segmentPath(state.folder, base, "log");
    return { base, path, bytes, end: found[at + 1]?.base ?? end, maxTimestampMs: undefined };
  });
  state.closedBytes = found.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Brings the active segment, and the producers, to the trusted end. */
async function deriveHome(state: LogState, trusted: Trusted, fileBytes: number): Promise<void> {
  const { base } = state.active;
  const offsetMax = trusted.kind === "all" ? Number.MAX_SAFE_INTEGER : trusted.kind === "offset" ? trusted.offset : trusted.position.offset;
  const bytesMax = trusted.kind === "position" && trusted.position.segmentBase === base ? trusted.position.bytes : fileBytes;
  const snapshot = await newestSnapshot(state, offsetMax);
  const isOfHome = (found: ProducerSnapshot) => found.restart?.segmentBase === base;
  const restart = isOfHome(snapshot) ? snapshot : await newestSnapshot(state, offsetMax, isOfHome);
  state.active = restartAt(state, restart, Math.min(bytesMax, fileBytes));
  await restoreProducers(state, snapshot, state.closed, base);
  const { active } = state;
  const { logger } = state.context.ports;
  if (trusted.kind === "position" && trusted.position.segmentBase !== base && offsetMax > state.logStart) {
    logger.error("a segment of a log is missing", { folder: state.folder, base: trusted.position.segmentBase, to: offsetMax });
  }
  const done = await scanHome(state, snapshot, offsetMax, Math.min(bytesMax, fileBytes));
  noteOpened(state);
  const mustEnd = endThatMustBe(trusted, snapshot, done, active);
  if (active.end >= mustEnd && bytesMax <= fileBytes) return;
  // Below the log start nothing is missed: deletions there need not all have come to the disk.
  if (mustEnd > state.logStart) {
    logger.error("a log has lost records that were on the disk", {
      file: active.path,
      from: active.end,
      to: mustEnd,
      problem: done.problem,
    });
  }
  // Who wrote in the gap is not known; a producer who is unknown goes on, one who is remembered from before it would be out of order.
  if (snapshot.offset < mustEnd) state.producers.clear();
  if (bytesMax <= fileBytes && trusted.kind !== "offset") goOnBehindDamage(active, bytesMax, mustEnd as Offset);
  else await goOnBehindLoss(state, mustEnd as Offset, fileBytes);
}

/** The mark's, or that of the snapshot which a close leaves; a truncation's, unless a batch lies across it. */
function endThatMustBe(trusted: Trusted, snapshot: TakenSnapshot, done: ScanEnd, active: ActiveSegment): number {
  if (trusted.kind === "all") return snapshot.offset;
  if (trusted.kind === "position") return trusted.position.offset;
  return done.kind === "stopped" ? active.end : trusted.offset;
}

/** The segment as the snapshot knows it, when it does; else from its first byte on. */
function restartAt(state: LogState, snapshot: TakenSnapshot, bytesMax: number): ActiveSegment {
  const { base } = state.active;
  const { restart, offset } = snapshot;
  const nowMs = state.context.ports.clock.wallMs();
  if (restart === undefined || restart.segmentBase !== base || restart.bytes > bytesMax)
    return new ActiveSegment(state.folder, base, nowMs);
  state.checkpointBytes = restart.bytes;
  return new ActiveSegment(state.folder, base, nowMs, { ...restart, offset });
}

async function scanHome(state: LogState, snapshot: TakenSnapshot, offsetMax: number, bytesMax: number): Promise<ScanEnd> {
  const { active, producers } = state;
  const nowMs = state.context.ports.clock.monotonicMs();
  const view: SegmentView = { base: active.base, path: active.path, bytes: bytesMax, end: offsetMax as Offset };
  return scanWithGaps(state, view, { bytes: active.bytes, offset: active.end }, bytesMax, (bytes, at, sizeBytes, position) => {
    if (lastOffsetOf(bytes, at) >= offsetMax) return "stop-before";
    if (baseOffsetOf(bytes, at) >= snapshot.offset) producers.note(bytes, at, nowMs);
    active.bytes = position;
    active.note(bytes, at, sizeBytes, state.config["index.interval.bytes"]);
    return "go-on";
  });
}

function noteOpened({ active, context }: LogState): void {
  if (active.firstTimestampMs >= 0) active.openedMs = Math.min(context.ports.clock.wallMs(), active.firstTimestampMs);
}

/** Bytes are there that cannot be read: the log goes on behind them, at once with an index entry, so that readers find the way. */
function goOnBehindDamage(active: ActiveSegment, bytes: number, offset: Offset): void {
  active.bytes = bytes;
  active.end = offset;
  active.bytesSinceIndexEntry = bytesSinceIndexEntryMax;
}

/** The segment has lost its end: it is closed as it is, and the log goes on in a new one. Readers find the gap between the two. */
async function goOnBehindLoss(state: LogState, offset: Offset, fileBytes: number): Promise<void> {
  const { active, context } = state;
  if (offset === active.base) return;
  await state.file.close();
  state.closed.push({ base: active.base, path: active.path, bytes: fileBytes, end: offset, maxTimestampMs: undefined });
  state.closedBytes += fileBytes;
  state.active = new ActiveSegment(state.folder, offset, context.ports.clock.wallMs());
  state.file = await openOrCreate(context.ports.disk, state.active.path);
  state.checkpointBytes = 0;
  state.unsynced.folder = true;
}

function setResidue(state: LogState, { segments }: Inventory): void {
  const behind = segments.filter(({ base }) => base > state.active.base);
  const activeFileBytes = state.file.size;
  state.residue =
    behind.length > 0 || activeFileBytes > state.active.bytes ? { activeFileBytes, segments: behind, isOurs: false } : undefined;
}

/**
 * Epochs come from the newest snapshot that tells of them, under its checksum; behind that from the checkpoint, which a sync writes before
 * it answers; and when that is worthless, from the batches. Those behind the trusted end come with the batches, as they are taken.
 */
async function takeEpochs(state: LogState, { epochs: checkpoint }: Inventory): Promise<void> {
  const { end } = state.active;
  const snapshot = await newestSnapshot(state, end, ({ restart }) => restart !== undefined);
  const sure = snapshot.restart?.epochs ?? [];
  const sureEnd = snapshot.restart === undefined ? state.segments[0]!.base : snapshot.offset;
  const unsure = checkpoint?.filter(({ startOffset }) => startOffset >= sureEnd || snapshot.restart === undefined);
  if (unsure !== undefined) {
    state.epochs.replace([...sure, ...unsure]);
    if (sureEnd < end) state.doubtfulEpochs = { from: sureEnd, to: end };
  } else if (end > sureEnd) {
    state.context.ports.logger.warn("leader epochs are taken from the segments: their checkpoint is missing or worthless", {
      folder: state.folder,
    });
    state.epochs.replace([...sure, ...(await collectEpochs(state, sureEnd, end))]);
  } else {
    state.epochs.replace(sure);
  }
  state.epochs.cutEnd(end);
  state.epochs.raiseStart(state.logStart);
  state.unsynced.epochs = !sameEpochs(checkpoint ?? [], state.epochs.entries);
}
