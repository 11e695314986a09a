// CRC-32C (Castagnoli) in JavaScript, eight bytes at a step, and the choice between it and the native one of the compression port.
// Source: RFC 3720, appendix B.4; the slicing-by-8 method of Kounavis and Berry (2005).

import type { Compression } from "@varve/model";

const polynomial = 0x82f63b78;

/** From this size on a native call pays for itself, the view of the bytes that it needs included. */
export const nativeCrcBytesMin = 256;

const tables = /* @__PURE__ */ buildTables();

/** Eight tables of 256 in one array: table k, entry i is the checksum of byte i followed by k zero bytes. */
function buildTables(): Int32Array {
  const built = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    built[byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let table = 1; table < 8; table++) {
      const shorter = built[(table - 1) * 256 + byte]!;
      built[table * 256 + byte] = (shorter >>> 8) ^ built[shorter & 0xff]!;
    }
  }
  return built;
}

/** @returns the checksum of `bytes[from, to)`, unsigned. */
export function crc32cInScript(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
  const t = tables;
  let crc = -1;
  let at = from;
  for (const stop = to - 7; at < stop; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      t[1792 + (crc & 0xff)]! ^
      t[1536 + ((crc >>> 8) & 0xff)]! ^
      t[1280 + ((crc >>> 16) & 0xff)]! ^
      t[1024 + (crc >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < to; at++) crc = t[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** @returns the checksum of `bytes[from, to)`, unsigned, by whichever way is the faster for its size. */
export function crc32c(bytes: Uint8Array, from: number, to: number, compression: Compression): number {
  return to - from < nativeCrcBytesMin ? crc32cInScript(bytes, from, to) : compression.crc32c(bytes.subarray(from, to));
}
