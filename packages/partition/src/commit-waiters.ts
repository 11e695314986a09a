// Who waits for the high watermark to pass an offset: the writes of `acks=all`, in the order of their appends.
// Offsets are asked for in rising order but for retries of older batches, so a queue does, with a scan for the few that come late.

import type { Failure, Offset } from "@varve/model";

/** Called once: without a failure when the high watermark has reached the offset. */
export type CommitCallback = (failure: Failure | undefined) => void;

interface Waiter {
  readonly end: Offset;
  readonly done: CommitCallback;
}

export class CommitWaiters {
  #waiters: Waiter[] = [];
  #first = 0;

  get count(): number {
    return this.#waiters.length - this.#first;
  }

  /** @param end the high watermark that `done` waits for. */
  add(end: Offset, done: CommitCallback): void {
    const waiters = this.#waiters;
    const last = waiters.length > this.#first ? waiters[waiters.length - 1] : undefined;
    const waiter = { end, done };
    if (last === undefined || last.end <= end) {
      waiters.push(waiter);
      return;
    }
    let at = waiters.length;
    while (at > this.#first && waiters[at - 1]!.end > end) at -= 1;
    waiters.splice(at, 0, waiter);
  }

  /** Calls, in order, all that wait for `highWatermark` or less. */
  release(highWatermark: Offset): void {
    const waiters = this.#waiters;
    while (this.#first < waiters.length && waiters[this.#first]!.end <= highWatermark) {
      const { done } = waiters[this.#first]!;
      this.#first += 1;
      done(undefined);
    }
    this.#compact();
  }

  /** Calls all that wait with `failure`. */
  fail(failure: Failure): void {
    const left = this.#waiters.slice(this.#first);
    this.#waiters = [];
    this.#first = 0;
    for (const { done } of left) done(failure);
  }

  #compact(): void {
    if (this.#first === this.#waiters.length) {
      this.#waiters.length = 0;
      this.#first = 0;
    } else if (this.#first > 1024) {
      this.#waiters.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
