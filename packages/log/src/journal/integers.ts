// Big-endian integers in a Uint8Array, without a view object. int64 as far as numbers are exact; beyond that they come back rounded.

const twoTo32 = 0x1_0000_0000;

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * twoTo32 + (readInt32(bytes, at + 4) >>> 0);
}

/** @param value an integer within ±(2^53 - 1). */
export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at, Math.floor(value / twoTo32));
  writeInt32(bytes, at + 4, value % twoTo32);
}
