// What a start makes of what it finds: after a clean shutdown the logs as they lie; after anything else the logs as the journal says. When
// it resolves, everything that the logs hold is on the disk; the caller then writes the checkpoint that makes the old journal void.
// Until that is durable, a crash finds the journal as it was, and recovery comes to the same end. Rules: docs/formats/journal.md, "Recovery".

import { CorruptionError, type Offset, type PartitionId, type TopicConfig } from "@varve/model";
import type { Disk, Logger } from "@varve/runtime";
import type { LogStartPoint, RecoveryPoints } from "./checkpoint.ts";
import { Fold, type Outcome } from "./journal/fold.ts";
import { journalFolder } from "./journal/ring.ts";
import { replayRuns, type Scan, type ScanPorts, scanJournal } from "./journal/scan.ts";
import { holdsRecords, removePartitionFolder } from "./partition-folder.ts";
import { RedoWriter } from "./redo.ts";
import type { SegmentContext } from "./segments/context.ts";
import { segmentPath } from "./segments/names.ts";
import type { Trusted } from "./segments/position.ts";
import { openSegmentedLog, type SegmentedLog } from "./segments/segmented-log.ts";

/** Logs that are opened or synced at the same time. */
export const recoveriesAtOnceMax = 8;

/** A partition folder that is complete. */
export interface FoundPartition {
  readonly id: PartitionId;
  readonly key: string;
  /** Its folder's name is its key. */
  readonly incarnation: number;
}

export interface RecoveredLog {
  readonly id: PartitionId;
  readonly segments: SegmentedLog;
}

export interface Recovery {
  readonly logs: readonly RecoveredLog[];
  /** No frame with this lsn or a later one was ever written. */
  readonly nextLsn: number;
}

export interface RecoveryParts {
  readonly context: SegmentContext;
  readonly ports: ScanPorts;
  readonly logger: Logger;
  readonly configOf: (id: PartitionId) => TopicConfig;
  readonly points: RecoveryPoints;
  readonly starts: ReadonlyMap<string, LogStartPoint>;
  readonly found: readonly FoundPartition[];
  /** Folders whose making or removal was cut short. */
  readonly incomplete: readonly string[];
}

/** After a clean shutdown: nothing is read but names and small files. */
export async function openClean(parts: RecoveryParts, lastLsn: number): Promise<Recovery> {
  refuseMissing(parts, new Set());
  await removeUnmade(parts, parts.incomplete);
  const logs = await eachOf(parts.found, async ({ id, key, incarnation }) => {
    const segments = await openSegmentedLog(parts.context, key, parts.configOf(id), { kind: "all" }, startOf(parts, key, incarnation));
    return { id, segments };
  });
  return { logs, nextLsn: nextLsnOf(parts, lastLsn) };
}

/** After a crash. @throws {CorruptionError} when the journal is damaged where it was synced, or a partition's folder is missing. */
export async function recover(parts: RecoveryParts): Promise<Recovery> {
  const { ports, points, found } = parts;
  const fold = new Fold(
    new Map(found.map(({ key, incarnation }) => [key, { incarnation, mark: points.marks.get(key), start: parts.starts.get(key) }])),
  );
  const scan = await scanJournal(ports, points.generation, points.floorLsn, (frame) => fold.add(frame));
  refuseMissing(parts, fold.dropped);
  for (const key of fold.missing) throw missing(key);
  await settleLastRound(ports.disk, scan);
  await removeDropped(parts, fold);
  const outcomes = fold.outcomes();
  const present = found.flatMap((partition) => {
    const outcome = outcomes.get(partition.key)!;
    return outcome.kind === "present" ? [{ ...partition, outcome }] : [];
  });
  const opened = new Map(
    (await eachOf(present, async ({ id, key, outcome }) => ({ id, key, outcome, segments: await openAt(parts, id, key, outcome) }))).map(
      (log) => [log.key, log],
    ),
  );
  const redo = new RedoWriter(opened, fold.redo());
  await replayRuns(ports, points.generation, scan, (frame) => redo.add(frame));
  redo.flush();
  await eachOf([...opened.values()], ({ segments, outcome }) => settle(ports.disk, segments, outcome));
  // As with the folders' own entries; and none of them may be lost when the checkpoint that names them is not.
  await ports.disk.syncFolder("");
  return { logs: [...opened.values()], nextLsn: nextLsnOf(parts, scan.newestLsn) };
}

/**
 * Writes the last round again and syncs it. It may be in the page cache only; and what recovery does on its word (cut, empty, delete)
 * must not outlive it.
 */
async function settleLastRound(disk: Disk, { lastRound }: Scan): Promise<void> {
  if (lastRound === undefined) return;
  const file = await disk.open(`${journalFolder}/${lastRound.name}`, "write");
  try {
    const bytes = new Uint8Array(lastRound.endBytes - lastRound.position);
    await file.read(bytes, lastRound.position);
    await file.write(bytes, lastRound.position);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function removeDropped(parts: RecoveryParts, fold: Fold): Promise<void> {
  const { disk } = parts.ports;
  const gone = [...fold.outcomes()].flatMap(([key, { kind }]) => (kind === "gone" ? [key] : []));
  const leftover = parts.incomplete.filter((key) => fold.dropped.has(key));
  await removeUnmade(
    parts,
    parts.incomplete.filter((key) => !fold.dropped.has(key)),
  );
  for (const key of [...gone, ...leftover]) {
    await removePartitionFolder(disk, key);
    parts.logger.info("removed what was left of a deleted partition", { partition: key });
  }
  if (gone.length + leftover.length > 0) await disk.syncFolder("");
}

/** Removes folders whose making was cut short: their topic may be gone. One that holds records is left for somebody to look at. */
async function removeUnmade({ ports: { disk }, logger }: RecoveryParts, folders: readonly string[]): Promise<void> {
  for (const key of folders) {
    if (await holdsRecords(disk, key)) continue;
    await removePartitionFolder(disk, key);
    logger.info("removed a partition's folder that was never complete", { partition: key });
  }
}

/** Opens a log where it is trusted, and makes what follows ready for the redo. */
async function openAt(parts: RecoveryParts, id: PartitionId, key: string, outcome: Outcome & { kind: "present" }): Promise<SegmentedLog> {
  const { trusted, resetAt, logStart, isBounded } = outcome;
  const segments = await openSegmentedLog(parts.context, key, parts.configOf(id), trusted, Math.min(logStart, offsetOf(trusted)) as Offset);
  if (resetAt !== undefined) await segments.reset(resetAt);
  else if (isBounded) await segments.cut(segments.logEnd);
  else {
    const { end, cutBytes, cutBecause } = await segments.adoptTail();
    if (cutBytes > 0) parts.logger.warn("cut a torn tail", { partition: key, offset: end, bytes: cutBytes, because: cutBecause });
  }
  return segments;
}

async function settle(disk: Disk, segments: SegmentedLog, { logStart }: Outcome & { kind: "present" }): Promise<void> {
  if (logStart > segments.logEnd) await segments.reset(logStart);
  else segments.raiseStart(logStart);
  await settleLength(disk, segments);
  await segments.sync();
  // Names that the life before gave and did not sync are still in the page cache only; now they are relied on.
  await disk.syncFolder(segments.folder);
}

/** A file that was found as long as it must be may still be longer on the disk: cut by the life before, and not synced. */
async function settleLength(disk: Disk, { folder, activeBase, activeBytes }: SegmentedLog): Promise<void> {
  const file = await disk.open(segmentPath(folder, activeBase, "log"), "write");
  try {
    await file.truncate(activeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

function offsetOf(trusted: Trusted): number {
  if (trusted.kind === "all") return Number.POSITIVE_INFINITY;
  return trusted.kind === "position" ? trusted.position.offset : trusted.offset;
}

function startOf({ starts }: RecoveryParts, key: string, incarnation: number): Offset {
  const start = starts.get(key);
  return start !== undefined && start.lsn >= incarnation ? start.offset : (0 as Offset);
}

/** Above all that was ever given out, as far as anything on the disk knows of it. */
function nextLsnOf({ points, starts, found }: RecoveryParts, newestLsn: number): number {
  let newest = Math.max(newestLsn, points.floorLsn - 1);
  for (const { covers } of points.marks.values()) newest = Math.max(newest, covers);
  for (const { lsn } of starts.values()) newest = Math.max(newest, lsn);
  for (const { incarnation } of found) newest = Math.max(newest, incarnation);
  return newest + 1;
}

/** Nothing is made anew because it is missing: its records may have been acknowledged. */
function refuseMissing({ points, found }: RecoveryParts, dropped: ReadonlySet<string>): void {
  const present = new Set(found.map(({ key }) => key));
  for (const key of points.marks.keys()) if (!present.has(key) && !dropped.has(key)) throw missing(key);
}

function missing(key: string): CorruptionError {
  return new CorruptionError(
    key,
    0,
    "this partition's folder is missing or incomplete; put it back, its records may have been acknowledged",
  );
}

/** At most `recoveriesAtOnceMax` at a time; results in order. */
async function eachOf<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<readonly Result[]> {
  const results: Result[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(recoveriesAtOnceMax, items.length) }, worker));
  return results;
}
