// Positions in a partition, as branded numbers: an offset is not a count, and a count is not an offset.

declare const offsetBrand: unique symbol;

/** Position of a record in its partition: an integer in [0, 2^53 - 1]. Prints and serialises as a plain number. */
export type Offset = number & { readonly [offsetBrand]: true };

/** @throws {RangeError} when `value` is not a safe integer ≥ 0. */
export function toOffset(value: number): Offset {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`an offset is an integer from 0 to 2^53 - 1, not ${value}`);
  return value as Offset;
}

export const offsetZero: Offset = 0 as Offset;
