// Opening a data directory, in the order that keeps it safe: hold it, see whose it is, recover, make the old journal void, take the clean
// marker away, and only then let appends in. What each step does is in its own file.

import { type Compression, CorruptionError } from "@varve/model";
import type { Disk, DiskLock } from "@varve/runtime";
import { type RecoveryPoints, readLogStarts, readRecoveryPoints, recoveryPointFile } from "./checkpoint.ts";
import { type CleanMarker, readCleanMarker, removeCleanMarker } from "./clean-marker.ts";
import { drawIdentity, lockDirectory, readIdentity, writeIdentity } from "./data-directory.ts";
import type { LogStore, LogStoreOptions } from "./log.ts";
import { listPartitionFolders } from "./partition-folder.ts";
import { openClean, type Recovery, type RecoveryParts, recover } from "./recovery.ts";
import { createSegmentContext } from "./segments/context.ts";
import { JournaledLogStore, type LogPorts } from "./store.ts";

/** Of a directory that nobody has used. */
const noPoints: RecoveryPoints = { generation: { number: 0, salt: 0 }, floorLsn: 1, marks: new Map() };

/**
 * Opens a data directory: recovers what a crash left, and resolves when everything that the logs hold is on the disk.
 * @throws {DataDirectoryError} when the directory is somebody else's; {CorruptionError} when it is damaged; the signal's reason.
 */
export async function openLogStore(ports: LogPorts, options: LogStoreOptions, signal: AbortSignal): Promise<LogStore> {
  const lock = await lockDirectory(ports.disk);
  try {
    return await open(ports, options, lock, signal);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function open(ports: LogPorts, options: LogStoreOptions, lock: DiskLock, signal: AbortSignal): Promise<LogStore> {
  const { disk, compression, clock, logger, entropy } = ports;
  const beganMs = clock.monotonicMs();
  const known = await readIdentity(disk, options);
  const points = known === undefined ? noPoints : await readPoints(disk, compression);
  const marker = known === undefined ? undefined : await readCleanMarker(disk, compression);
  const startedClean = marker !== undefined && isOf(marker, points);
  const context = createSegmentContext(ports, options);
  const folders = await listPartitionFolders(disk);
  const starts = await readLogStarts(disk, compression);
  signal.throwIfAborted();
  const parts: RecoveryParts = { context, ports, logger, configOf: options.configOf, points, starts, ...folders };
  const recovery = known === undefined ? nothing : startedClean ? await openClean(parts, marker.lastLsn) : await recover(parts);
  signal.throwIfAborted();
  const identity = known ?? drawIdentity(entropy, options);
  const generation = { number: points.generation.number + 1, salt: entropy.u32() };
  const store = await JournaledLogStore.start({ ports, options, context, lock, identity, startedClean, generation, recovery, starts });
  await removeCleanMarker(disk);
  // Either makes the removal durable.
  if (known === undefined) await writeIdentity(disk, identity);
  else await disk.syncFolder("");
  await store.begin();
  logger.info("opened the logs", {
    logs: recovery.logs.length,
    clean: startedClean,
    milliseconds: Math.round(clock.monotonicMs() - beganMs),
  });
  return store;
}

const nothing: Recovery = { logs: [], nextLsn: 1 };

async function readPoints(disk: Disk, compression: Compression): Promise<RecoveryPoints> {
  const points = await readRecoveryPoints(disk, compression);
  if (points === undefined)
    throw new CorruptionError(
      recoveryPointFile,
      0,
      "the file is missing; put it back, nothing can be said about what was acknowledged without it",
    );
  return points;
}

/** Whether the marker speaks of what the checkpoint does: a start that was cut short may have begun the next life's checkpoint. */
function isOf(marker: CleanMarker, { generation }: RecoveryPoints): boolean {
  return marker.generation === generation.number || marker.generation + 1 === generation.number;
}
