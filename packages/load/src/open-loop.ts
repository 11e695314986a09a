// When the operations of an open loop are due: at a fixed rate, whatever becomes of them. A latency that is counted from the moment an
// operation was due holds the wait that a slow server caused before it could be sent at all; one counted from its sending hides that.

export class OpenLoop {
  readonly #startMs: number;
  readonly #intervalMs: number;
  #taken = 0;

  /** @param startMs when the first operation is due. @param perSecond above zero. */
  constructor(startMs: number, perSecond: number) {
    this.#startMs = startMs;
    this.#intervalMs = 1_000 / perSecond;
  }

  /** When the next operation that nobody has taken is due. */
  get nextMs(): number {
    return this.#startMs + this.#taken * this.#intervalMs;
  }

  /** @returns when the operation was due that is taken with this call; undefined when none is due at `nowMs`. */
  take(nowMs: number): number | undefined {
    const dueMs = this.nextMs;
    if (dueMs > nowMs) return undefined;
    this.#taken += 1;
    return dueMs;
  }
}
