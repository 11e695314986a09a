// Virtual time: a heap of events, run one after the other. Nothing in the simulation happens but as an event of it.
// It knows neither nodes nor faults: see life.ts and world.ts.

import type { Random } from "./random.ts";
import { Trace } from "./trace.ts";

/** Gives the platform's microtasks their turn: resolves when none is left. With Node: `() => new Promise((done) => setImmediate(done))`. */
export type Turn = () => Promise<void>;

/** What an event returns when it has run nobody's code but the simulator's and settled no promise: no microtask can be waiting. */
export const quiet = "quiet";

/** What an event does. Whatever it returns but `quiet` means that microtasks get their turn. */
export type Run = () => unknown;

/** An event that has not run yet. */
export interface Planned {
  readonly timeMs: number;
  /** After it the event never runs. Idempotent. */
  cancel(): void;
}

class Event implements Planned {
  readonly timeMs: number;
  readonly tie: number;
  readonly sequence: number;
  run: Run | undefined;

  constructor(timeMs: number, tie: number, sequence: number, run: Run) {
    this.timeMs = timeMs;
    this.tie = tie;
    this.sequence = sequence;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }
}

/** Virtual time and what is planned in it. */
export class Scheduler {
  readonly trace: Trace = new Trace();
  readonly #turn: Turn;
  readonly #ties: Random;
  readonly #heap: Event[] = [];
  #sequence = 0;
  #nowMs = 0;
  #stepped = 0;

  constructor(random: Random, turn: Turn) {
    this.#ties = random.stream("ties");
    this.#turn = turn;
  }

  /** Milliseconds since the beginning, with fractions. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have run. */
  get steps(): number {
    return this.#stepped;
  }

  /** Events of one time run in an order that the seed draws. */
  after(delayMs: number, run: Run): Planned {
    return this.#plan(this.#nowMs + Math.max(0, delayMs), this.#ties.u32() + 1, run);
  }

  /** As `after`; events that were planned by this call for one time run in the order of the calls, before others. */
  afterInOrder(delayMs: number, run: Run): Planned {
    return this.#plan(this.#nowMs + Math.max(0, delayMs), 0, run);
  }

  /**
   * Runs the next event and lets everything that it set off come to rest.
   * @returns whether there was one; as a promise only when there is something to wait for: most events set nothing off.
   */
  step(): boolean | Promise<boolean> {
    if (!this.runNext()) return false;
    return this.#atRest ? true : this.#turn().then(isTrue);
  }

  /** Lets what runs outside of events (a test's own calls) come to rest. */
  async settle(): Promise<void> {
    await this.#turn();
  }

  /** Time of the next event; undefined when nothing is planned. */
  get nextMs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.timeMs;
  }

  /** Moves the time on to `timeMs` when no event is planned before it. */
  idleUntil(timeMs: number): void {
    const next = this.nextMs;
    if (timeMs > this.#nowMs && (next === undefined || next >= timeMs)) this.#nowMs = timeMs;
  }

  #atRest = false;

  /** Runs the next event without a turn for microtasks. @returns false when nothing is planned. */
  runNext(): boolean {
    this.#dropCancelled();
    const event = this.#heap[0];
    if (event === undefined) return false;
    this.#removeFirst();
    this.#nowMs = event.timeMs;
    this.#stepped++;
    const run = event.run as Run;
    event.run = undefined;
    this.#atRest = false;
    this.#atRest = run() === quiet;
    return true;
  }

  #plan(timeMs: number, tie: number, run: Run): Event {
    const event = new Event(timeMs, tie, this.#sequence++, run);
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Event;
      if (!before(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
    return event;
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && (this.#heap[0] as Event).run === undefined) this.#removeFirst();
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!before(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

function isTrue(): boolean {
  return true;
}

function before(one: Event, other: Event): boolean {
  if (one.timeMs !== other.timeMs) return one.timeMs < other.timeMs;
  if (one.tie !== other.tie) return one.tie < other.tie;
  return one.sequence < other.sequence;
}
