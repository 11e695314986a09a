// The seed's chance: sfc32, split into streams by name, so that one more draw in one place shifts nothing elsewhere.

const warmUpRounds = 12;

/** A stream of chance. Equal seed and name give equal draws. */
export class Random {
  readonly #root: number;
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed an integer; all of its 53 bits count. */
  constructor(seed: number, name = "") {
    this.#root = seed;
    this.#name = name;
    this.#a = hashText(name) | 0;
    this.#b = seed | 0;
    this.#c = Math.floor(seed / 0x1_0000_0000) | 0;
    for (let round = 0; round < warmUpRounds; round++) this.u32();
  }

  /** A stream of its own, which does not depend on what was drawn here before. */
  stream(name: string): Random {
    return new Random(this.#root, `${this.#name}/${name}`);
  }

  /** Uniform over [0, 2^32). Source: PractRand, sfc32. */
  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform over [0, 1), in steps of 2^-32. */
  fraction(): number {
    return this.u32() / 0x1_0000_0000;
  }

  /** Uniform over the integers of [0, limit); `limit` is 1 to 2^32. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** Uniform over the integers of [least, most]. */
  integer(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True with probability `probability`. Draws nothing at 0 and at 1, so that a fault that is off shifts no other. */
  chance(probability: number): boolean {
    if (probability <= 0) return false;
    return probability >= 1 || this.fraction() < probability;
  }

  /** Exponential with this mean, cut off at 20 times the mean. */
  exponential(mean: number): number {
    return mean <= 0 ? 0 : Math.min(20, -Math.log(1 - this.fraction())) * mean;
  }

  /** One of `values`, which is not empty. */
  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value;
  }

  /** Shuffles in place (Fisher and Yates) and returns its argument. */
  shuffle<Value>(values: Value[]): Value[] {
    for (let last = values.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      const held = values[last] as Value;
      values[last] = values[other] as Value;
      values[other] = held;
    }
    return values;
  }
}

/** 32 bits of a text. Source: FNV-1a over UTF-16 code units. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
