// Unsigned 64-bit integers in fixed layouts, as numbers up to 2^53 - 1.

export function putU64(view: DataView, at: number, value: number): void {
  view.setBigUint64(at, BigInt(value));
}

/** @returns undefined when the value is over 2^53 - 1: nothing that was written here is. */
export function getU64(view: DataView, at: number): number | undefined {
  const value = Number(view.getBigUint64(at));
  return Number.isSafeInteger(value) ? value : undefined;
}
