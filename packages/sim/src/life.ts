// One life of one process: from its start until it is killed or loses its power. Everything that reaches its code passes here,
// so that a dead process hears nothing, a stalled one hears it later, and an exception is laid at the right door.

import { type Planned, quiet, type Scheduler } from "./scheduler.ts";

/** The process ends and the machine stays up; or the machine loses its power, and with it all that was not synced. */
export type Death = "process" | "power";

/** Who is told of what a life does. */
export interface LifeEvents {
  /** Its code is about to run: what happens until the next event is its doing. */
  entered(life: Life): void;
  /** Its code threw where nobody catches: with Node, the process would end. */
  failed(life: Life, error: unknown): void;
}

/** One life. Dead once, dead for ever. */
export class Life {
  /** The node's name. */
  readonly node: string;
  /** 1 for the node's first life. */
  readonly number: number;
  readonly scheduler: Scheduler;
  readonly #events: LifeEvents;
  readonly #held: (() => void)[] = [];
  #alive = true;
  #stalledUntilMs = 0;
  #waking: Planned | undefined;

  constructor(node: string, number: number, scheduler: Scheduler, events: LifeEvents) {
    this.node = node;
    this.number = number;
    this.scheduler = scheduler;
    this.#events = events;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get stalled(): boolean {
    return this.#waking !== undefined;
  }

  end(): void {
    this.#alive = false;
    this.#held.length = 0;
    this.#waking?.cancel();
    this.#waking = undefined;
  }

  /** The event loop stands still: what arrives is held, and handed over in its order when `durationMs` have passed. Longer of two stalls wins. */
  stall(durationMs: number): void {
    const untilMs = this.scheduler.nowMs + durationMs;
    if (!this.#alive || untilMs <= this.#stalledUntilMs) return;
    this.#stalledUntilMs = untilMs;
    this.#waking?.cancel();
    this.#waking = this.scheduler.afterInOrder(durationMs, () => {
      this.#waking = undefined;
      for (const run of this.#held) this.scheduler.afterInOrder(0, () => this.deliver(run));
      this.#held.length = 0;
      return quiet;
    });
  }

  /** Runs code of this process as part of the present event: now, or after the stall, or never when it is dead. */
  deliver(run: () => void): typeof quiet | undefined {
    if (!this.#alive) return quiet;
    if (this.stalled) {
      this.#held.push(run);
      return quiet;
    }
    this.#events.entered(this);
    try {
      run();
    } catch (error) {
      this.#events.failed(this, error);
    }
    return undefined;
  }
}

/** What a call on a dead process's port returns: it never settles. */
export function never<Value>(): Promise<Value> {
  return new Promise(() => {});
}
