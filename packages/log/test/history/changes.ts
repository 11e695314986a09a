// The changes of logs that are under way: begun by a step, answered some time later, or refused. The model follows when one is answered.

import { ClusterError } from "@varve/model";
import { type Clock, sleep } from "@varve/runtime";
import { mayPass } from "../../src/disk-verdict.ts";
import type { PartitionModel, Pending } from "./model.ts";

/** Between two tries of a change that was refused. */
const retryMs = 7;
/** What becomes of refused changes, in turn. */
const outcomes = ["again", "again", "left", "life-ends"] as const;

export interface ChangesOptions {
  readonly clock: Clock;
  /** Nothing that is heard now counts: the process is dead, or its disk has failed. */
  readonly isOver: () => boolean;
  /** Whether a change may be refused without a cause that says why. */
  readonly mayBeRefused: () => boolean;
  /** The life ends, so that the next one finds out what became of a refused change. */
  readonly endLife: () => void;
  /** Of refused changes, over all lives. */
  readonly nextRefusal: () => number;
}

/** What a change answers with: what it does to the model. */
export type Change = () => Promise<() => void>;

export class Changes {
  readonly #options: ChangesOptions;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(options: ChangesOptions) {
    this.#options = options;
  }

  /** Begins a change that ends when it ends. */
  begin(model: PartitionModel, pending: Pending, change: Change): void {
    model.pending = pending;
    const settled = this.#untilMade(model, change).catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#running.add(settled);
    void settled.then(() => this.#running.delete(settled));
  }

  get areRunning(): boolean {
    return this.#running.size > 0;
  }

  /** Resolves when all that are under way now have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** @throws what a change has thrown that it may not throw. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * A change that was refused may have been made or not, as far as anyone can tell. It is asked for again until it is made; or it is left,
   * to be looked at when nothing refuses any more; or this life ends.
   */
  async #untilMade(model: PartitionModel, change: Change): Promise<void> {
    const { clock, isOver, mayBeRefused, nextRefusal, endLife } = this.#options;
    for (;;) {
      try {
        const answered = await change();
        if (isOver()) return;
        model.pending = undefined;
        return answered();
      } catch (error) {
        if (isOver()) return;
        if (!(error instanceof ClusterError) || error.code !== "KAFKA_STORAGE_ERROR") throw error;
        if (!mayBeRefused() && !mayPass(error.cause)) throw error;
      }
      const outcome = outcomes[nextRefusal() % outcomes.length]!;
      if (outcome === "life-ends") endLife();
      if (outcome !== "again") return;
      await sleep(clock, retryMs);
    }
  }
}
