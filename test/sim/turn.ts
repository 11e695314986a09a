// Turns for microtasks, many to one round of the platform's loop: between two immediates of one round Node lets all microtasks and
// rejections have their turn, as it does between two rounds, and asks the operating system for nothing.

/** Immediates that are planned at once: so many turns cost one round of the loop. */
const turnsPerRound = 64;

const waiting: (() => void)[] = [];
let planned = 0;

/** Resolves when no microtask is left. See `Turn`. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (planned > 0) return;
    planned = turnsPerRound;
    for (let count = 0; count < turnsPerRound; count++) setImmediate(next);
  });
}

function next(): void {
  planned--;
  waiting.shift()?.();
}
