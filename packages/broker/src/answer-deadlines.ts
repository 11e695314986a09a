// Ends requests that wait too long for their answer. One sweep for all of them: writes wait a millisecond as a rule and half a minute
// at most, so a timer for each would cost more than it is worth.

import type { Clock, Timer } from "@varve/runtime";

export interface Waiting {
  readonly deadlineMs: number;
  /** Called once when the deadline has passed and the request is still there. */
  expire(): void;
}

/** How late an answer's end may be found. */
export const sweepIntervalMs = 100;

export class AnswerDeadlines {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#waiting.size;
  }

  add(waiting: Waiting): void {
    this.#waiting.add(waiting);
    this.#timer ??= this.#clock.setTimer(sweepIntervalMs, () => this.#sweep());
  }

  remove(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  /** Ends all that wait. */
  close(): void {
    this.#timer?.cancel();
    for (const waiting of [...this.#waiting]) waiting.expire();
    this.#waiting.clear();
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const waiting of [...this.#waiting]) {
      if (waiting.deadlineMs > nowMs) continue;
      this.#waiting.delete(waiting);
      waiting.expire();
    }
    if (this.#waiting.size > 0) this.#timer = this.#clock.setTimer(sweepIntervalMs, () => this.#sweep());
  }
}
