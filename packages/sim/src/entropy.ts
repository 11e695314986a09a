// A process's chance, out of the seed. Each life has its own, so that a dead process that still draws shifts nothing.

import type { Entropy } from "@varve/runtime";
import type { Random } from "./random.ts";

/** The entropy port over a stream of the seed. */
export class SimEntropy implements Entropy {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  u32(): number {
    return this.#random.u32();
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.#random.u32() >>> 24;
    return bytes;
  }
}
