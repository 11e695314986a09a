// Errors of the platform's file calls in the port's words.

import { DiskError, type DiskErrorKind } from "../disk.ts";

const kinds: Readonly<Record<string, DiskErrorKind>> = {
  ENOENT: "not-found",
  ENOTDIR: "not-found",
  EEXIST: "exists",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  EMFILE: "too-many-files",
  ENFILE: "too-many-files",
  ENOTEMPTY: "not-empty",
};

/**
 * A sync that failed, for whatever reason: also ENOSPC, which some file systems find out only when they write back. The kernel takes the
 * pages for clean afterwards, so nobody may try again and believe it.
 */
export function syncError(error: unknown, path: string): DiskError {
  return new DiskError("io", path, `cannot sync: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
    wantsRoom: kindOf(error) === "no-space",
  });
}

/** A read that failed: a bad sector, as a rule. */
export function readError(error: unknown, path: string, position: number): DiskError {
  return new DiskError("unreadable", path, `cannot read at byte ${position}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}

/** @param action what was tried, as in "cannot <action>". @param path as the caller named it. */
export function diskError(error: unknown, path: string, action: string): DiskError {
  if (error instanceof DiskError) return error;
  return new DiskError(kindOf(error), path, `cannot ${action}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}

function kindOf(error: unknown): DiskErrorKind {
  return kinds[error instanceof Error && "code" in error ? String(error.code) : ""] ?? "io";
}
