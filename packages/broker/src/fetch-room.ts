// The memory in which fetches gather their answers. A long poll costs nothing while it waits, but thousands may wake at one append: they
// gather one after the other, each when those before it have handed their answers over, so that who sends them has counted their bytes.

import type { Clock } from "@varve/runtime";

/** What all fetches together may be gathering; a single one that asks for more gathers alone. */
export const gatheringBytesMax = 67_108_864;

export class FetchRoom {
  readonly #clock: Clock;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  #takenBytes = 0;
  /** Of answers handed over in this turn of the loop. */
  #leftBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes room for an answer of at most `bytes`: at once, then it returns nothing, or when those before have left. */
  take(bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#takenBytes += bytes;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push({ bytes, enter: resolve }));
  }

  /** The answer is made: its room is free once this turn of the loop, in which it is handed over, has ended. */
  leave(bytes: number): void {
    if (this.#leftBytes === 0 && bytes > 0) this.#clock.defer(this.#turnEnded);
    this.#leftBytes += bytes;
  }

  readonly #turnEnded = (): void => {
    this.#takenBytes -= this.#leftBytes;
    this.#leftBytes = 0;
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#takenBytes += next.bytes;
      next.enter();
    }
  };

  #fits(bytes: number): boolean {
    return this.#takenBytes === 0 || this.#takenBytes + bytes <= gatheringBytesMax;
  }
}
