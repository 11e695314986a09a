// Sequence numbers of an idempotent producer: they count from 0 to 2^31 - 1 and then from 0 again.

const sequences = 2 ** 31;

/** @param sequence 0 to 2^31 - 1. @param by 0 to 2^31 - 1. @returns the sequence `by` records later. */
export function sequencePlus(sequence: number, by: number): number {
  return (sequence + by) % sequences;
}

/** @param sequence 0 to 2^31 - 1. @param by 0 to 2^31 - 1. @returns the sequence `by` records earlier. */
export function sequenceMinus(sequence: number, by: number): number {
  return (sequence - by + sequences) % sequences;
}
