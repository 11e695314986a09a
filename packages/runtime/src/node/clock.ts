// Time from the platform: Date for timestamps, the monotonic clock for durations, the event loop's timers.

import type { Clock, Timer } from "../clock.ts";

/** Longest delay that one platform timer takes (its milliseconds are an int32); a longer one is made of several. */
const timerMsMax = 2_147_483_647;

class NodeTimer implements Timer {
  readonly #dueMs: number;
  readonly #callback: () => void;
  #handle: NodeJS.Timeout | undefined;

  constructor(delayMs: number, callback: () => void) {
    this.#dueMs = performance.now() + delayMs;
    this.#callback = callback;
    this.#arm(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }

  #arm(delayMs: number): void {
    this.#handle = setTimeout(() => this.#fire(), Math.min(Math.ceil(delayMs), timerMsMax));
  }

  #fire(): void {
    // The loop counts in whole milliseconds and may come a fraction early; the contract says "at least".
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) {
      this.#arm(leftMs);
      return;
    }
    this.#handle = undefined;
    this.#callback();
  }
}

export const nodeClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, callback) => new NodeTimer(delayMs, callback),
  defer: (callback) => void setImmediate(callback),
};
