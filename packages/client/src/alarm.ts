// One timer for many deadlines: it rings at the earliest of those it was given; who owns it then looks which are due.

import type { Clock, Timer } from "@varve/runtime";

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: Timer | undefined;
  #atMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at this monotonic time at the latest. */
  at(timeMs: number): void {
    if (timeMs >= this.#atMs) return;
    this.#timer?.cancel();
    this.#atMs = timeMs;
    this.#timer = this.#clock.setTimer(Math.max(0, timeMs - this.#clock.monotonicMs()), () => {
      this.cancel();
      this.#ring();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }
}
