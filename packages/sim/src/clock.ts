// A node's clock: wrong by an offset and a rate, moved by jumps, and read by a process that itself takes time.
// Correctness must not depend on any of it (correctness.md, promise E).

import type { Clock, Timer } from "@varve/runtime";
import type { Life } from "./life.ts";
import { type Planned, quiet, type Scheduler } from "./scheduler.ts";

/** 2026-01-01T00:00:00Z: when every simulation begins. */
export const simulationStartMs = 1_767_225_600_000;

/** A timer of 0 takes this long, as in Node. */
const timerDelayMsMin = 1;
/** What a turn of the loop takes. */
const deferDelayMs = 0.002;

/** The clock that is soldered to a machine: it runs on while processes come and go. */
export class MachineClock {
  readonly #scheduler: Scheduler;
  #rate = 1;
  #anchorMs = 0;
  #anchorLocalMs = 0;
  #wallOffsetMs = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Local milliseconds per millisecond of the world. */
  get rate(): number {
    return this.#rate;
  }

  /** How fast it runs from now on: 1.1 is ten per cent fast. */
  setRate(rate: number): void {
    this.#anchorLocalMs = this.localMs;
    this.#anchorMs = this.#scheduler.nowMs;
    this.#rate = rate;
  }

  /** Moves the wall clock by so much, either way. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Never falls, never jumps. */
  get localMs(): number {
    return this.#anchorLocalMs + (this.#scheduler.nowMs - this.#anchorMs) * this.#rate;
  }

  get wallMs(): number {
    return Math.floor(simulationStartMs + this.localMs + this.#wallOffsetMs);
  }
}

/** The clock port of one life. */
export class SimClock implements Clock {
  readonly #life: Life;
  readonly #machine: MachineClock;
  readonly #readCostMs: number;
  readonly #startMs: number;
  #lastMs = 0;

  /** @param readCostMs each reading of the monotonic clock takes this long, so that work that watches its budget sees it pass. */
  constructor(life: Life, machine: MachineClock, readCostMs: number) {
    this.#life = life;
    this.#machine = machine;
    this.#readCostMs = readCostMs;
    this.#startMs = machine.localMs;
  }

  wallMs(): number {
    return this.#machine.wallMs;
  }

  monotonicMs(): number {
    this.#lastMs = Math.max(this.#lastMs + this.#readCostMs, this.#machine.localMs - this.#startMs);
    return this.#lastMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const nowMs = Math.max(this.#lastMs, this.#machine.localMs - this.#startMs);
    return new SimTimer(this.#life, this.#machine, this.#startMs + nowMs + Math.max(timerDelayMsMin, delayMs), callback);
  }

  defer(callback: () => void): void {
    this.#life.scheduler.afterInOrder(deferDelayMs, () => this.#life.deliver(callback));
  }
}

/** Fires when the machine's clock, not the world's, has reached its deadline. */
class SimTimer implements Timer {
  readonly #life: Life;
  readonly #machine: MachineClock;
  readonly #deadlineLocalMs: number;
  readonly #callback: () => void;
  #planned: Planned | undefined;

  constructor(life: Life, machine: MachineClock, deadlineLocalMs: number, callback: () => void) {
    this.#life = life;
    this.#machine = machine;
    this.#deadlineLocalMs = deadlineLocalMs;
    this.#callback = callback;
    this.#planned = this.#plan();
  }

  cancel(): void {
    this.#planned?.cancel();
    this.#planned = undefined;
  }

  #plan(): Planned {
    const delayMs = (this.#deadlineLocalMs - this.#machine.localMs) / this.#machine.rate;
    return this.#life.scheduler.after(Math.max(deferDelayMs, delayMs), () => this.#due());
  }

  #due(): typeof quiet | undefined {
    if (!this.#life.alive) return quiet;
    if (this.#deadlineLocalMs - this.#machine.localMs > deferDelayMs) {
      // The clock was slowed down while the timer ran.
      this.#planned = this.#plan();
      return quiet;
    }
    // A stalled process may cancel it yet, before it is handed over.
    return this.#life.deliver(() => {
      if (this.#planned === undefined) return;
      const { scheduler, node } = this.#life;
      scheduler.trace.event(scheduler.nowMs, "clock.timer", node);
      this.#callback();
    });
  }
}
