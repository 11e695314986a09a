// Which rounds sync their segments instead of the journal: those with few partitions and many bytes, for which writing everything twice
// costs more than a sync for each partition. Constants were measured with bench rows of large and of small appends.

import type { RoundBuffer } from "./round-buffer.ts";

/** What one more sync costs, as bytes that the disk could write in that time; measured: 0.14 ms a file against 1 GB/s, and a file that grows. */
export const directBytesPerPartitionMin = 1_048_576;

/** @param roundBytesMax what the journal can take in one round; a larger round has no other way. */
export function isDirectRound(buffer: RoundBuffer, roundBytesMax: number): boolean {
  if (buffer.hasControl || buffer.batchBytes === 0) return false;
  if (buffer.length > roundBytesMax) return true;
  return !buffer.marksAreDue && buffer.batchBytes >= directBytesPerPartitionMin * buffer.members.length;
}
