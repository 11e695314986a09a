// Big-endian integers in bytes, by shifts: a DataView for each batch would cost more than the fields it reads.

/** 2^32, the weight of an int64's upper half. */
const high = 4_294_967_296;

export function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0;
}

/** @returns an int64; outside ±(2^53 - 1) it is rounded and no safe integer, for which callers test. */
export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * high + readUint32(bytes, at + 4);
}

export function writeInt16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 8;
  into[at + 1] = value;
}

/** @param value int32 or uint32. */
export function writeInt32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

/** @param value a safe integer. */
export function writeInt64(into: Uint8Array, at: number, value: number): void {
  writeInt32(into, at, Math.floor(value / high));
  writeInt32(into, at + 4, value >>> 0);
}
