// The memory that unanswered requests of all produce streams may hold, and each stream's fair share of it.
// A share says how much credit its stream may have, so that streams which keep to their credit stay within the pool; who does not is refused.

/** How far past the pool even streams within their share may go: a message may take a credit below zero by its whole length. */
const overdraftFactor = 2;

export interface MemoryPoolLimits {
  readonly poolBytesMax: number;
  /** Most that one stream gets, however idle the others are. */
  readonly windowBytesMax: number;
  /** What every stream has, however many there are. */
  readonly windowBytesMin: number;
}

export class MemoryPool {
  readonly limits: MemoryPoolLimits;
  #heldBytes = 0;
  #activeShares = 0;

  constructor(limits: MemoryPoolLimits) {
    this.limits = limits;
  }

  /** What unanswered requests hold now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Credit that one stream may have now, what it holds included. */
  get windowBytes(): number {
    const { poolBytesMax, windowBytesMax, windowBytesMin } = this.limits;
    const fair = Math.floor(poolBytesMax / Math.max(1, this.#activeShares));
    return Math.max(windowBytesMin, Math.min(windowBytesMax, fair));
  }

  join(): MemoryShare {
    return new MemoryShare(this, {
      hold: (bytes) => {
        this.#heldBytes += bytes;
      },
      count: (change) => {
        this.#activeShares += change;
      },
    });
  }
}

/** One stream's part of a pool. It counts among those that share from its first message until it has been idle for long. */
export class MemoryShare {
  readonly #pool: MemoryPool;
  readonly #account: { hold(bytes: number): void; count(change: 1 | -1): void };
  #heldBytes = 0;
  #isActive = false;

  constructor(pool: MemoryPool, account: { hold(bytes: number): void; count(change: 1 | -1): void }) {
    this.#pool = pool;
    this.#account = account;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Credit that the stream may have now, what it holds included. */
  get windowBytes(): number {
    return this.#pool.windowBytes;
  }

  /** @returns false when the pool is full and the stream beyond its share: then nothing was taken, and the request is to be refused. */
  take(bytes: number): boolean {
    this.#setActive(true);
    const { poolBytesMax } = this.#pool.limits;
    const held = this.#pool.heldBytes + bytes;
    if (held > poolBytesMax && this.#heldBytes + bytes > this.windowBytes) return false;
    if (held > poolBytesMax * overdraftFactor) return false;
    this.#heldBytes += bytes;
    this.#account.hold(bytes);
    return true;
  }

  /** Gives back what `take` took. */
  give(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#account.hold(-bytes);
  }

  /** The stream is idle or gone: its share goes to the others. What it still holds is given back as its requests end. */
  rest(): void {
    this.#setActive(false);
  }

  #setActive(isActive: boolean): void {
    if (this.#isActive === isActive) return;
    this.#isActive = isActive;
    this.#account.count(isActive ? 1 : -1);
  }
}
