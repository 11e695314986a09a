// Which partition a keyed record belongs to: murmur2 as Kafka's clients compute it, so that a key lands alike whoever sends it.
// Records without a key are the producer's own affair.

const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;

/** @returns the hash as an int32. Source: MurmurHash2 by Austin Appleby, with Kafka's seed. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = seed ^ length;
  let at = 0;
  for (const stop = length - 3; at < stop; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, multiplier);
    word ^= word >>> 24;
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier);
  }
  const left = length - at;
  if (left === 3) hash ^= bytes[at + 2]! << 16;
  if (left >= 2) hash ^= bytes[at + 1]! << 8;
  if (left >= 1) hash = Math.imul(hash ^ bytes[at]!, multiplier);
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}

/** @param partitionCount at least 1. @returns the partition of a record with this key, 0 to partitionCount - 1. */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitionCount;
}
