// Finds answers that are missing for too long, with one timer for all requests of a stream.

import type { Clock, Timer } from "@varve/runtime";

export class AnswerWatch {
  readonly #clock: Clock;
  readonly #earliestMs: () => number | undefined;
  readonly #late: () => void;
  #timer: Timer | undefined;
  #timerMs = Number.POSITIVE_INFINITY;

  /**
   * @param earliestMs when the first of the answers that are waited for is late; undefined while none is waited for.
   * @param late called once that moment has passed; it may be called again.
   */
  constructor(clock: Clock, earliestMs: () => number | undefined, late: () => void) {
    this.#clock = clock;
    this.#earliestMs = earliestMs;
    this.#late = late;
  }

  /** An answer is waited for until `deadlineMs` (monotonic). */
  until(deadlineMs: number): void {
    if (deadlineMs < this.#timerMs) this.#arm(deadlineMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerMs = Number.POSITIVE_INFINITY;
  }

  #arm(deadlineMs: number): void {
    this.#timer?.cancel();
    this.#timerMs = deadlineMs;
    this.#timer = this.#clock.setTimer(Math.max(0, deadlineMs - this.#clock.monotonicMs()), () => {
      this.stop();
      const earliestMs = this.#earliestMs();
      if (earliestMs === undefined) return;
      if (earliestMs <= this.#clock.monotonicMs()) this.#late();
      else this.#arm(earliestMs);
    });
  }
}
