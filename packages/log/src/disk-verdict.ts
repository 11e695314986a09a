// Which failures of the disk may pass. All others mean that what is on the disk is unknown, and nothing more is promised of it.

import { DiskError } from "@varve/runtime";

/**
 * Nothing was written that counts, and the same may succeed later: the disk is full, the process has no file left to open, or a place
 * could not be read.
 */
export function mayPass(error: unknown): error is DiskError {
  return error instanceof DiskError && (error.kind === "no-space" || error.kind === "too-many-files" || error.kind === "unreadable");
}
