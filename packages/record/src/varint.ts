// Zig-zag varints, as records use them: small numbers of either sign in few bytes. Neither side allocates.
// int64 is a JavaScript number here; what lies outside ±(2^53 - 1) is never passed on as if it were exact.

/** Bytes that are being read: `at` moves, `end` (exclusive) bounds it. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
}

/** The bytes are no varint: cut off, or longer than its type allows. The caller knows where it was reading, and says so. */
export class VarintError extends Error {
  override readonly name = "VarintError";
}

const varintBytesMax = 5;
const varlongBytesMax = 10;

/** @returns bytes that `value`, an int32, takes: 1 to 5. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

/** @returns bytes that `value`, a safe integer, takes: 1 to 8. */
export function varlongSize(value: number): number {
  if (value === (value | 0)) return varintSize(value);
  // The zig-zag number is twice this and a sign bit; halving first keeps it exact.
  let rest = Math.floor((value < 0 ? -(value + 1) : value) / 64);
  let size = 1;
  while (rest > 0) {
    rest = Math.floor(rest / 128);
    size += 1;
  }
  return size;
}

/** Writes the int32 `value` at `at`. @returns the position behind it. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  while (zigzag > 0x7f) {
    into[at++] = (zigzag & 0x7f) | 0x80;
    zigzag >>>= 7;
  }
  into[at++] = zigzag;
  return at;
}

/** Writes the safe integer `value` at `at`. @returns the position behind it. */
export function writeVarlong(into: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return writeVarint(into, at, value);
  const negative = value < 0;
  const half = negative ? -(value + 1) : value;
  let rest = Math.floor(half / 64);
  into[at++] = ((half % 64) << 1) | (negative ? 1 : 0) | 0x80;
  while (rest > 0x7f) {
    into[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  into[at++] = rest;
  return at;
}

/** @returns an int32; bits past the 32nd are dropped, as Kafka drops them. @throws {VarintError} past 5 bytes, or at the end. */
export function readVarint(cursor: Cursor): number {
  const { bytes, end } = cursor;
  let at = cursor.at;
  let zigzag = 0;
  let shift = 0;
  for (;;) {
    if (at >= end) throw new VarintError(`a number begins at byte ${cursor.at} and runs past the end at ${end}`);
    const byte = bytes[at++]!;
    zigzag |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
    shift += 7;
    if (shift === 7 * varintBytesMax) throw new VarintError(`the number at byte ${cursor.at} has more than ${varintBytesMax} bytes`);
  }
  cursor.at = at;
  return (zigzag >>> 1) ^ -(zigzag & 1);
}

/**
 * @returns an int64. Outside ±(2^53 - 1) the result is rounded and no safe integer: callers test it with `Number.isSafeInteger`.
 * @throws {VarintError} past 10 bytes, or at the end.
 */
export function readVarlong(cursor: Cursor): number {
  const { bytes, end } = cursor;
  const start = cursor.at;
  let at = start;
  if (at >= end) throw new VarintError(`a number begins at byte ${start} and runs past the end at ${end}`);
  let byte = bytes[at++]!;
  const negative = (byte & 1) === 1;
  let half = (byte & 0x7f) >>> 1;
  let scale = 64;
  while (byte >= 0x80) {
    if (at - start === varlongBytesMax) throw new VarintError(`the number at byte ${start} has more than ${varlongBytesMax} bytes`);
    if (at >= end) throw new VarintError(`a number begins at byte ${start} and runs past the end at ${end}`);
    byte = bytes[at++]!;
    // The tenth byte holds the 64th bit and nothing else.
    half += (at - start === varlongBytesMax ? byte & 1 : byte & 0x7f) * scale;
    scale *= 128;
  }
  cursor.at = at;
  return negative ? -half - 1 : half;
}
