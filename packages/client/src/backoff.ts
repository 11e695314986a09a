// How long to wait before a retry: doubling, bounded, and spread by chance, so that many clients do not come back at once.

import type { Entropy } from "@varve/runtime";

const jitter = 0.2;
/** Doublings that are counted; beyond them every bound is reached. */
const doublingsMax = 20;

export class Backoff {
  readonly #entropy: Entropy;
  readonly #firstMs: number;
  readonly #maxMs: number;

  constructor(entropy: Entropy, firstMs: number, maxMs: number) {
    this.#entropy = entropy;
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
  }

  /** @param failures in a row, at least 1. @returns milliseconds. */
  delayMs(failures: number): number {
    const base = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(failures - 1, doublingsMax));
    const spread = this.#entropy.u32() / 2 ** 32;
    return base * (1 - jitter + 2 * jitter * spread);
  }
}
