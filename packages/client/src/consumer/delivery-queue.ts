// What was fetched and not asked for yet, in the order of its arrival, and who waits for more. Its bound is the fetcher's.

import type { ClusterError } from "@varve/model";
import type { ConsumedBatch } from "./consumed-batch.ts";
import type { HeldAnswer } from "./fetcher.ts";
import type { PartitionPosition } from "./position.ts";

/** A step of the consumer: batches, or why a partition does not go on. */
export type Delivery =
  | { readonly kind: "batch"; readonly position: PartitionPosition; readonly batch: ConsumedBatch; readonly held: HeldAnswer }
  | { readonly kind: "error"; readonly position: PartitionPosition; readonly error: ClusterError };

/** How it ended: nothing more will come, or nothing more can. */
export type Ending = { readonly kind: "done" } | { readonly kind: "failed"; readonly error: unknown };

interface Waiter {
  readonly resolve: (delivery: Delivery | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class DeliveryQueue {
  #deliveries: Delivery[] = [];
  #waiters: Waiter[] = [];
  #ending: Ending | undefined;

  get isEmpty(): boolean {
    return this.#deliveries.length === 0;
  }

  push(delivery: Delivery): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#deliveries.push(delivery);
    else waiter.resolve(delivery);
  }

  /** The next one; undefined when nothing more will come. @throws what it failed with, once all that came before was taken. */
  next(): Promise<Delivery | undefined> {
    const delivery = this.#deliveries.shift();
    if (delivery !== undefined) return Promise.resolve(delivery);
    if (this.#ending?.kind === "failed") return Promise.reject(this.#ending.error);
    if (this.#ending?.kind === "done") return Promise.resolve(undefined);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Takes out what is here of one partition; it is the caller's to free. */
  drop(position: PartitionPosition): readonly Delivery[] {
    const dropped = this.#deliveries.filter((delivery) => delivery.position === position);
    if (dropped.length > 0) this.#deliveries = this.#deliveries.filter((delivery) => delivery.position !== position);
    return dropped;
  }

  /** Tells those who wait that nothing more will come. */
  tellDone(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve(undefined);
  }

  /** The first ending counts. */
  end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    if (ending.kind === "done") {
      this.tellDone();
      return;
    }
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(ending.error);
  }

  /** Ends at once: what is here is not given out any more. It is the caller's to free. */
  abandon(ending: Ending): readonly Delivery[] {
    const dropped = this.#deliveries;
    this.#deliveries = [];
    this.end(ending);
    return dropped;
  }
}
