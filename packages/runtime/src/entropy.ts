// Chance as a port: ids, jitter, sampling.

export interface Entropy {
  /** Uniform over [0, 2^32). */
  u32(): number;
  /** `length` random bytes, fresh. */
  bytes(length: number): Uint8Array;
}
