// xxHash, 32 bits: the checksum inside LZ4 frames. Source: the xxHash specification by Yann Collet, section "XXH32".

const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;
/** Four lanes of four bytes. */
const stripeBytes = 16;

/** @returns the hash of `bytes` with the seed 0, unsigned. */
export function xxh32(bytes: Uint8Array): number {
  let at = 0;
  let hash = prime5;
  if (bytes.length >= stripeBytes) {
    let lane1 = prime1 + prime2;
    let lane2 = prime2;
    let lane3 = 0;
    let lane4 = -prime1;
    for (; at <= bytes.length - stripeBytes; at += stripeBytes) {
      lane1 = round(lane1, word(bytes, at));
      lane2 = round(lane2, word(bytes, at + 4));
      lane3 = round(lane3, word(bytes, at + 8));
      lane4 = round(lane4, word(bytes, at + 12));
    }
    hash = rotate(lane1, 1) + rotate(lane2, 7) + rotate(lane3, 12) + rotate(lane4, 18);
  }
  hash = (hash + bytes.length) | 0;
  for (; at <= bytes.length - 4; at += 4) hash = Math.imul(rotate(hash + Math.imul(word(bytes, at), prime3), 17), prime4);
  for (; at < bytes.length; at++) hash = Math.imul(rotate(hash + Math.imul(bytes[at]!, prime5), 11), prime1);
  hash = Math.imul(hash ^ (hash >>> 15), prime2);
  hash = Math.imul(hash ^ (hash >>> 13), prime3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function round(lane: number, input: number): number {
  return Math.imul(rotate(lane + Math.imul(input, prime2), 13), prime1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
