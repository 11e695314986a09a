// The id that a producer's batches bear: asked of the cluster when it is first needed, and again until the cluster has given it.

import type { ProducerIdentity } from "@varve/api";
import { ClusterError } from "@varve/model";
import { type Clock, sleep } from "@varve/runtime";
import type { Backoff } from "../backoff.ts";
import type { Brokers } from "../brokers.ts";

export interface ProducerIdOwner {
  known(): void;
  /** The cluster will not give one. */
  refused(error: ClusterError): void;
}

export class ProducerId {
  readonly #clock: Clock;
  readonly #brokers: Brokers;
  readonly #backoff: Backoff;
  readonly #owner: ProducerIdOwner;
  readonly #signal: AbortSignal;
  #identity: ProducerIdentity | undefined;
  #isAsking = false;

  /** @param signal ends the asking. */
  constructor(clock: Clock, brokers: Brokers, backoff: Backoff, signal: AbortSignal, owner: ProducerIdOwner) {
    this.#clock = clock;
    this.#brokers = brokers;
    this.#backoff = backoff;
    this.#owner = owner;
    this.#signal = signal;
  }

  get identity(): ProducerIdentity | undefined {
    return this.#identity;
  }

  ask(): void {
    if (this.#isAsking || this.#identity !== undefined) return;
    this.#isAsking = true;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    for (let failures = 1; !this.#signal.aborted; failures += 1) {
      try {
        this.#identity = await this.#brokers.lookUp(
          "asking for a producer id",
          ({ admin }, signal) => admin.initProducerId(signal),
          this.#signal,
        );
        this.#owner.known();
        return;
      } catch (error) {
        if (this.#signal.aborted || this.#brokers.signal.aborted) return;
        if (!(error instanceof ClusterError)) throw error;
        if (!error.retriable && error.code !== "BROKER_NOT_AVAILABLE") {
          this.#owner.refused(error);
          return;
        }
        await sleep(this.#clock, this.#backoff.delayMs(failures), this.#signal).catch(() => {});
      }
    }
  }
}
