// Which rounds sync their segments instead of the journal: those with few partitions and many bytes, for which writing everything twice
// costs more than a sync for each partition.

import type { RoundBuffer } from "./round-buffer.ts";

/**
 * @param roundBytesMax what the journal can take in one round; a larger round has no other way.
 * @param bytesPerPartitionMin see `JournalTuning.directBytesPerPartitionMin`.
 */
export function isDirectRound(buffer: RoundBuffer, roundBytesMax: number, bytesPerPartitionMin: number): boolean {
  if (buffer.hasControl || buffer.batchBytes === 0) return false;
  if (buffer.length > roundBytesMax) return true;
  return !buffer.marksAreDue && buffer.batchBytes >= bytesPerPartitionMin * buffer.members.length;
}
