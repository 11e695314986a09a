// What is done to logs from time to time: old segments go, forgotten producers leave, what lies on the disk is read and checked. One log
// after the other, with turns for everybody else between them.

import { ClusterError } from "@varve/model";
import { type Clock, type Logger, stepBudgetMs, type Timer, turn } from "@varve/runtime";
import { mayPass } from "./disk-verdict.ts";
import type { JournaledLog } from "./journaled-log.ts";

/** How often the scrub reads a little. */
export const scrubStepMs = 1_000;
/** Between two readings of everything. */
export const scrubRestMs = 86_400_000;

export interface MaintenanceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logs: () => Iterable<JournaledLog>;
  readonly retentionCheckMs: number;
  readonly scrubBytesPerSecond: number;
  readonly onFailure: (error: unknown) => void;
}

export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #timers = new Set<Timer>();
  readonly #running = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#every(this.#options.retentionCheckMs, () => this.#retain());
    if (this.#options.scrubBytesPerSecond > 0) this.#after(scrubRestMs, () => this.#scrub([][Symbol.iterator](), undefined));
  }

  /** Resolves when nothing of it runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) timer.cancel();
    await Promise.all(this.#running);
  }

  async #retain(): Promise<void> {
    const { clock } = this.#options;
    const nowMs = clock.wallMs();
    let budgetEndsMs = clock.monotonicMs() + stepBudgetMs;
    for (const log of [...this.#options.logs()]) {
      if (this.#isClosed) return;
      if (log.offline !== undefined) continue;
      await unlessOffline(log.retain(nowMs));
      log.segments.expireProducers(clock.monotonicMs());
      if (clock.monotonicMs() < budgetEndsMs) continue;
      await turn(clock);
      budgetEndsMs = clock.monotonicMs() + stepBudgetMs;
    }
  }

  /** Reads a little of everything, one log after the other, then rests. */
  async #scrub(logs: Iterator<JournaledLog>, present: JournaledLog | undefined): Promise<void> {
    const log = present ?? (logs.next().value as JournaledLog | undefined);
    if (log === undefined) return this.#after(scrubRestMs, () => this.#scrub(this.#options.logs()[Symbol.iterator](), undefined));
    const isDone = log.offline !== undefined || (await this.#scrubStep(log));
    this.#after(scrubStepMs, () => this.#scrub(logs, isDone ? undefined : log));
  }

  /** @returns whether the log is through, or can't be read on. */
  async #scrubStep(log: JournaledLog): Promise<boolean> {
    try {
      return await log.scrub((this.#options.scrubBytesPerSecond * scrubStepMs) / 1000);
    } catch (error) {
      if (!mayPass(error)) throw error;
      this.#options.logger.warn("the scrub could not read a segment", { error });
      return true;
    }
  }

  #every(ms: number, work: () => Promise<void>): void {
    this.#after(ms, async () => {
      await work();
      this.#every(ms, work);
    });
  }

  #after(ms: number, work: () => Promise<void>): void {
    if (this.#isClosed) return;
    const timer = this.#options.clock.setTimer(ms, () => {
      this.#timers.delete(timer);
      const running: Promise<void> = work()
        .catch(this.#options.onFailure)
        .finally(() => this.#running.delete(running));
      this.#running.add(running);
    });
    this.#timers.add(timer);
  }
}

/** A log that goes offline or is dropped meanwhile, or that the disk refuses for now, is nobody's failure. */
async function unlessOffline(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof ClusterError) && !mayPass(error)) throw error;
  }
}
