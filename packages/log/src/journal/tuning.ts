// The constants of the journal in one table, so that a test can make everything happen early and often. None of them bears on what is
// promised: every value keeps J1 to J5.

export interface JournalTuning {
  /** Bytes of the ring's first file, which is made before the first append can be answered. */
  readonly firstFileBytesMax: number;
  /** The other files wait so long to be made, or until a round wants one: a start and its first requests have the disk to themselves. */
  readonly growthDelayMs: number;
  /** A round goes directly to the segments from so many bytes for each of its partitions. */
  readonly directBytesPerPartitionMin: number;
  /** Marks wait so long for a round to ride on. */
  readonly markDelayMsMax: number;
  /** What was written to a segment is synced after so long, when no other reason came before. */
  readonly unsyncedMsMax: number;
  /** And when so many bytes that no frame holds wait: more than that would have the kernel throttle the writer. */
  readonly unsyncedBytesMax: number;
  /** Files of the ring that may hold frames before the oldest is freed: what recovery reads and writes at most, but for stalls. */
  readonly usedFilesTarget: number;
  /** Segments that are synced in the background at the same time: the thread pool has other work too. */
  readonly syncsAtOnceMax: number;
}

export const defaultTuning: JournalTuning = {
  firstFileBytesMax: 1_048_576,
  growthDelayMs: 500,
  // Measured: one more sync of a growing file costs what writing about so much a second time does.
  directBytesPerPartitionMin: 1_048_576,
  markDelayMsMax: 100,
  unsyncedMsMax: 5_000,
  unsyncedBytesMax: 67_108_864,
  usedFilesTarget: 2,
  syncsAtOnceMax: 2,
};
