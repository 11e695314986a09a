// How a suite meets an implementation: a rig makes a fresh one, runs a script over it, whose awaits it drives (real time drives
// itself, virtual time must be stepped), and cleans up, also when the script fails.

import { type Clock, sleep } from "../clock.ts";

/** Runs `script` over a fresh port. @returns when the script is through; rejects with what it throws. */
export type Rig<Port> = (script: (port: Port, clock: Clock) => Promise<void>) => Promise<void>;

/** How long `eventually` waits. It ends a wait that nothing would end; no statement about speed. */
const eventuallyMsMax = 30_000;
const pollMs = 2;
/** How long `quietly` waits for what must not come. */
const quietMs = 40;

/** Resolves as soon as `holds` does. @throws when it does not within 30 s of the clock. */
export async function eventually(clock: Clock, what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = clock.monotonicMs() + eventuallyMsMax;
  while (!holds()) {
    if (clock.monotonicMs() > deadlineMs) throw new Error(`did not come within ${eventuallyMsMax} ms: ${what}`);
    await sleep(clock, pollMs);
  }
}

/** Gives what must not happen the time to happen. */
export function quietly(clock: Clock): Promise<void> {
  return sleep(clock, quietMs);
}

/** Bytes that differ from position to position and from seed to seed. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, word = seed + 1; at < length; at++) {
    word = (Math.imul(word, 1_103_515_245) + 12_345) | 0;
    bytes[at] = word >>> 16;
  }
  return bytes;
}

/** As `toEqual`, which takes seconds on a megabyte. */
export function sameBytes(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && one.length === other.length && one.every((byte, at) => byte === other[at]);
}
