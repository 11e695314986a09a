// What a disk does wrong, and how long it takes: probabilities and means, drawn per seed or set by a test.

import type { Random } from "../random.ts";

/** Probabilities are per operation, times are milliseconds of the world. */
export interface DiskFaults {
  /** A sync fails. What that of a file covered counts as written and is lost with the power; that of a folder stops the file system. */
  readonly syncFails: number;
  /** A read fails with `io`. */
  readonly readFails: number;
  /** Opening, listing or syncing a folder, or opening a file, is refused: the process has no file left to open. Nothing is changed. */
  readonly tooManyFiles: number;
  /**
   * Making, renaming, removing or cutting is refused for want of room, whatever `capacityBytes` says, and changes nothing; a write that
   * lengthens its file takes some of what it was given.
   */
  readonly noSpace: number;
  /** A file's sync finds no room for what was written: it fails as one that `syncFails`, and says so. */
  readonly syncWantsRoom: number;
  /** An operation takes `stallMs` on average instead of its usual time. */
  readonly stalls: number;
  readonly stallMs: number;
  /** Means of the usual times. */
  readonly readMs: number;
  readonly writeMs: number;
  readonly syncMs: number;
  /** Opening, renaming, removing, listing. */
  readonly nameMs: number;
}

/** A disk that does nothing wrong. */
export const soundDisk: DiskFaults = {
  syncFails: 0,
  readFails: 0,
  tooManyFiles: 0,
  noSpace: 0,
  syncWantsRoom: 0,
  stalls: 0,
  stallMs: 0,
  readMs: 0.1,
  writeMs: 0.1,
  syncMs: 1,
  nameMs: 0.1,
};

/**
 * A slow disk with stalls; its failures (sync, read) stay off, since a broker must not survive a failed sync and whoever wants
 * one says so. Source of the ranges: correctness.md 4.8.
 */
export function drawDiskFaults(random: Random): DiskFaults {
  return {
    ...soundDisk,
    stalls: random.pick([0, 0, 0.001, 0.01]),
    stallMs: random.pick([20, 200, 1_000]),
    readMs: random.pick([0.05, 0.5, 5]),
    writeMs: random.pick([0.05, 0.5, 5]),
    syncMs: random.pick([0.2, 1, 5, 30]),
    nameMs: random.pick([0.05, 0.5, 5]),
  };
}
