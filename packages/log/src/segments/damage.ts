// What was found damaged in a log: ranges of offsets that are offline. Kept so that a range is read once, not at every fetch; bounded,
// since one that is forgotten is found again by the next read.

import type { CorruptionError, Offset } from "@varve/model";

/** Ranges that one log remembers. */
export const damagedRangesMax = 64;

export interface DamagedRange {
  readonly from: Offset;
  /** The first offset behind it that can be read again. */
  readonly resumeAt: Offset;
  readonly error: CorruptionError;
}

export class DamageList {
  /** In the order in which they were found. */
  #ranges: DamagedRange[] = [];

  get ranges(): readonly DamagedRange[] {
    return this.#ranges;
  }

  at(offset: number): DamagedRange | undefined {
    return this.#ranges.find((range) => range.from <= offset && offset < range.resumeAt);
  }

  /** @returns whether it was news. */
  add(range: DamagedRange): boolean {
    if (this.#ranges.some((known) => known.from === range.from && known.resumeAt === range.resumeAt)) return false;
    this.#ranges.push(range);
    if (this.#ranges.length > damagedRangesMax) this.#ranges.shift();
    return true;
  }

  /** The log lies within [start, end) from now on. */
  keepWithin(start: number, end: number): void {
    this.#ranges = this.#ranges.filter((range) => range.resumeAt > start && range.resumeAt <= end);
  }
}
