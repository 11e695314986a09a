// Time as a port. Nothing here or above reads a clock of the platform.

export interface Timer {
  /** After it the callback never runs. Idempotent. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch, an integer. May jump either way; for timestamps only. */
  wallMs(): number;
  /** Milliseconds since some start, with fractions. Never falls; for durations and deadlines. */
  monotonicMs(): number;
  /** Runs `callback` once, after at least `delayMs`. A pending timer keeps the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /** Runs `callback` once I/O that is ready has been handled: the place between two steps of long work. */
  defer(callback: () => void): void;
}

/** Resolves after `delayMs`. @throws the signal's reason, at once when it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    const abort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** How long a step of long work may hold the loop before it lets requests through, in milliseconds. Source: design.md, "One loop". */
export const stepBudgetMs = 2;

/** Resolves when other work has had its turn. Long work awaits it whenever `stepBudgetMs` have passed since its last turn. */
export function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.defer(resolve));
}
