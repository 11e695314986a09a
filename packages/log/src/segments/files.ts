// What is done with small side files: read whole up to a bound, written whole beside the old one and then put in its place.

import { type Disk, DiskError, type DiskFile } from "@varve/runtime";
import { unlessUnreadable } from "./holes.ts";
import { temporarySuffix } from "./names.ts";

/** @returns the whole file; undefined when it is missing or larger than `bytesMax`, which no file that we wrote is. */
export async function readSmallFile(disk: Disk, path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  const file = await unlessMissing(disk.open(path, "read"));
  if (file === undefined) return undefined;
  try {
    if (file.size > bytesMax) return undefined;
    const bytes = new Uint8Array(file.size);
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

/** As `readSmallFile`, for what can be derived from the batches: a file that the disk cannot read is as good as none. */
export async function readSideFile(disk: Disk, path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  const bytes = await unlessUnreadable(readSmallFile(disk, path, bytesMax));
  return bytes instanceof DiskError ? undefined : bytes;
}

/**
 * Replaces a file by a whole new one, or makes it. With `sync` the new content is on the disk before it takes the name, so that a power
 * cut leaves the old or the new; without, it may leave rubbish, which its reader must be able to tell. The name itself is durable after a
 * sync of the folder.
 */
export async function replaceFile(disk: Disk, path: string, bytes: Uint8Array, sync: boolean): Promise<void> {
  const temporary = path + temporarySuffix;
  await unlinkIfThere(disk, temporary);
  const file = await disk.open(temporary, "create");
  try {
    if (bytes.length > 0) await file.write(bytes, 0);
    if (sync) await file.sync();
  } catch (error) {
    // A new file that nobody relies on yet: what its sync has lost is written again with the next.
    if (error instanceof DiskError && error.wantsRoom) throw new DiskError("no-space", path, error.message, { cause: error });
    throw error;
  } finally {
    await file.close();
  }
  await disk.rename(temporary, path);
}

/** @returns whether there was one. */
export async function unlinkIfThere(disk: Disk, path: string): Promise<boolean> {
  return (await unlessMissing(disk.unlink(path).then(() => true))) ?? false;
}

/** Syncs a file that may have gone since. */
export async function syncIfThere(disk: Disk, path: string): Promise<void> {
  const file = await unlessMissing(disk.open(path, "write"));
  if (file === undefined) return;
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function unlessMissing<Value>(call: Promise<Value>): Promise<Value | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof DiskError && error.kind === "not-found") return undefined;
    throw error;
  }
}

/** Opens a file for writing, made anew or emptied. */
export async function createOrEmpty(disk: Disk, path: string): Promise<DiskFile> {
  const file = await openOrCreate(disk, path);
  if (file.size > 0) await file.truncate(0);
  return file;
}

/** Opens a file for writing, whatever it holds, and makes it when it is missing. */
export async function openOrCreate(disk: Disk, path: string): Promise<DiskFile> {
  return (await unlessMissing(disk.open(path, "write"))) ?? disk.open(path, "create");
}
