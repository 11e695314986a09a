// Reading where the disk has places that it cannot read: up to the first of them, so that what lies before and behind stays readable. What
// a place that cannot be read means for the log is for read.ts and resync.ts to say.

import { DiskError } from "@varve/runtime";
import type { OpenFiles } from "./open-files.ts";

/** Disks and page caches lose no less than this at once. */
const blockBytes = 4096;

export interface ReadUpToHole {
  readonly bytes: number;
  /** Why it ends there; undefined when it is the end of what was asked for, or of the file. */
  readonly hole: DiskError | undefined;
}

export const nothingRead: ReadUpToHole = { bytes: 0, hole: undefined };

/** As `OpenFiles.read`, but ends before the first block that cannot be read. */
export async function readUpToHole(files: OpenFiles, path: string, into: Uint8Array, position: number): Promise<ReadUpToHole> {
  const whole = await unlessUnreadable(files.read(path, into, position));
  if (!(whole instanceof DiskError)) return { bytes: whole, hole: undefined };
  let done = 0;
  while (done < into.length) {
    const wanted = Math.min(into.length - done, blockBytes - ((position + done) % blockBytes));
    const read = await unlessUnreadable(files.read(path, into.subarray(done, done + wanted), position + done));
    if (read instanceof DiskError) return { bytes: done, hole: read };
    done += read;
    if (read < wanted) break;
  }
  return { bytes: done, hole: undefined };
}

/** @returns what the read gives, or the error that says that the disk could not read there. */
export async function unlessUnreadable<Value>(read: Promise<Value>): Promise<Value | DiskError> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof DiskError && error.kind === "unreadable") return error;
    throw error;
  }
}
