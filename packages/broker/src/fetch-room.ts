// The memory in which fetches gather their answers. What is in memory is gathered in the turn of the loop in which it begins: so much in each
// turn, so that the thousands that wake at one append do not answer at once. What the disk must bring has a share of its own, so that nobody
// who reads the newest records waits for a disk.

import type { Clock, Timer } from "@varve/runtime";

/** What all fetches together may gather in one turn of the loop; a single one that asks for more gathers alone. */
export const gatheringBytesMax = 67_108_864;
/** What the answers may hold that are being read from the disk; a single one that asks for more is read alone. */
export const diskGatheringBytesMax = 33_554_432;

/** How long somebody waits for room. */
export interface Patience {
  /** By the monotonic clock. */
  readonly untilMs: number;
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly bytes: number;
  readonly enter: () => void;
}

/** Bytes that may be held at once, given first come, first served. Who waits is bounded by the requests in flight. */
class Share {
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #waiting = new Set<Waiter>();
  #takenBytes = 0;

  constructor(clock: Clock, bytesMax: number) {
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  /** Whether `take` would return true. */
  has(bytes: number): boolean {
    return this.#waiting.size === 0 && this.#fits(bytes);
  }

  /** @returns whether `bytes` were taken; a promise of it where others are before. */
  take(bytes: number, { untilMs, signal }: Patience): boolean | Promise<boolean> {
    if (this.has(bytes)) {
      this.#takenBytes += bytes;
      return true;
    }
    const waitMs = untilMs - this.#clock.monotonicMs();
    return waitMs > 0 && !signal.aborted && this.#wait(bytes, waitMs, signal);
  }

  giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
    this.#admit();
  }

  #wait(bytes: number, waitMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const settle = (isTaken: boolean) => {
        this.#waiting.delete(waiter);
        timer?.cancel();
        signal.removeEventListener("abort", giveUp);
        resolve(isTaken);
      };
      const giveUp = () => {
        settle(false);
        this.#admit();
      };
      const waiter: Waiter = { bytes, enter: () => settle(true) };
      this.#waiting.add(waiter);
      if (waitMs !== Number.POSITIVE_INFINITY) timer = this.#clock.setTimer(waitMs, giveUp);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(waiter.bytes)) return;
      this.#takenBytes += waiter.bytes;
      waiter.enter();
    }
  }

  #fits(bytes: number): boolean {
    return this.#takenBytes === 0 || this.#takenBytes + bytes <= this.#bytesMax;
  }
}

export class FetchRoom {
  readonly #clock: Clock;
  readonly #turns: Share;
  readonly #disk: Share;
  /** Given back when this turn of the loop has ended. */
  #turnBytes = 0;
  #diskBytes = 0;
  #isDeferred = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turns = new Share(clock, gatheringBytesMax);
    this.#disk = new Share(clock, diskGatheringBytesMax);
  }

  /**
   * Takes room for what is in memory, up to the end of the turn in which it is taken. Others before mean later turns, whatever the disk does:
   * that wait ends with `signal` only, for those whose time is up at the same moment are to have their records, too.
   * @returns whether it was taken.
   */
  enterTurn(bytes: number, signal: AbortSignal): boolean | Promise<boolean> {
    const taken = this.#turns.take(bytes, { untilMs: Number.POSITIVE_INFINITY, signal });
    if (taken === true) this.#leaveTurn(bytes);
    if (!(taken instanceof Promise)) return taken;
    return taken.then((isTaken) => {
      if (isTaken) this.#leaveTurn(bytes);
      return isTaken;
    });
  }

  /** Whether `takeDisk` would return true. */
  hasDisk(bytes: number): boolean {
    return this.#disk.has(bytes);
  }

  /** Takes room for an answer that the disk must bring. @returns whether it was taken, in its time. */
  takeDisk(bytes: number, patience: Patience): boolean | Promise<boolean> {
    return this.#disk.take(bytes, patience);
  }

  /** The answer is made: its room is free once this turn of the loop, in which it is handed over, has ended. */
  leaveDisk(bytes: number): void {
    this.#diskBytes += bytes;
    this.#defer();
  }

  #leaveTurn(bytes: number): void {
    this.#turnBytes += bytes;
    this.#defer();
  }

  #defer(): void {
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#clock.defer(this.#turnEnded);
  }

  readonly #turnEnded = (): void => {
    const turnBytes = this.#turnBytes;
    const diskBytes = this.#diskBytes;
    this.#turnBytes = 0;
    this.#diskBytes = 0;
    this.#isDeferred = false;
    this.#turns.giveBack(turnBytes);
    this.#disk.giveBack(diskBytes);
  };
}
