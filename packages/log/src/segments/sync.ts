// Makes what was written durable, and says up to where. When to call it, and what that means to anybody, is the caller's business.

import { allUnlessFailed } from "../disk-verdict.ts";
import { encodeEpochs } from "./epochs.ts";
import { replaceFile, syncIfThere } from "./files.ts";
import { epochCheckpointName } from "./names.ts";
import type { LogPosition } from "./position.ts";
import { checkpointWhenDue } from "./side-files.ts";
import { type LogState, nothingUnsynced, type Unsynced } from "./state.ts";

/** See `SegmentedLog.sync`. */
export async function syncLog(state: LogState): Promise<LogPosition> {
  const promise = { position: state.position };
  state.promised.add(promise);
  const { unsynced, syncing } = state;
  state.unsynced = nothingUnsynced();
  const done = syncTaken(state, unsynced, syncing);
  state.syncing = done;
  try {
    await done;
  } finally {
    state.promised.delete(promise);
    // Who waited for a sync that failed hears of it; who begins one later finds what it left as dirty as it was.
    if (state.syncing === done) state.syncing = Promise.resolve();
  }
  return promise.position;
}

/** Everything here is taken before the first wait: what comes later is the next sync's. */
async function syncTaken(state: LogState, unsynced: Unsynced, before: Promise<void>): Promise<void> {
  const { disk } = state.context.ports;
  const epochs = unsynced.epochs ? encodeEpochs(state.epochs.entries) : undefined;
  const waits: Promise<void>[] = [
    ...unsynced.sealed.map((file) => file.sync()),
    ...unsynced.sideFiles.map((path) => syncIfThere(disk, path)),
  ];
  if (unsynced.active) waits.push(state.file.sync());
  if (epochs !== undefined) waits.push(replaceEpochs(state, epochs, before));
  const checkpoint = checkpointWhenDue(state);
  if (checkpoint !== undefined) waits.push(checkpoint);
  try {
    // A side file that finds no room must not hide that the disk has failed.
    await allUnlessFailed(waits);
    if (unsynced.folder || epochs !== undefined) await disk.syncFolder(state.folder);
  } catch (error) {
    giveBack(state, unsynced);
    throw error;
  }
  try {
    // What was dirty at the call and is not in `unsynced` is with a sync that began earlier.
    await before;
  } finally {
    for (const file of unsynced.sealed) await file.close();
  }
}

/** Behind the sync before it, which may be writing an older state of the same file. */
async function replaceEpochs({ folder, context }: LogState, epochs: Uint8Array, before: Promise<void>): Promise<void> {
  await before.catch(() => {});
  await replaceFile(context.ports.disk, `${folder}/${epochCheckpointName}`, epochs, true);
}

/** A sync that failed for want of room leaves everything as dirty as it was. */
function giveBack(state: LogState, taken: Unsynced): void {
  const { unsynced } = state;
  unsynced.contentBytes += taken.contentBytes;
  unsynced.active ||= taken.active;
  unsynced.sealed.unshift(...taken.sealed);
  unsynced.sideFiles.unshift(...taken.sideFiles);
  unsynced.epochs ||= taken.epochs;
  unsynced.folder ||= taken.folder;
}

/** Resolves when no sync, and no writing of side files, is under way, however they ended. */
export async function syncsDone(state: LogState): Promise<void> {
  await Promise.allSettled([state.syncing, state.checkpointing]);
}
