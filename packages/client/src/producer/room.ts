// Those who wait for room in the producer's buffer: calls of `send`, whose records are taken in the order of the calls, and of `ready`.

import type { ClusterError } from "@varve/model";
import { DeliveryError } from "../errors.ts";
import type { Settled } from "./pending-batch.ts";
import type { ProducerRecord } from "./producer-record.ts";

/** A record that is not taken yet. */
export interface WaitingSend {
  readonly topic: string;
  readonly record: ProducerRecord;
  readonly settled: Settled;
  readonly generation: number;
  readonly deadlineMs: number;
}

interface ReadyWaiter {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export class Room {
  readonly #sendsMax: number;
  readonly #sends = new Set<WaitingSend>();
  readonly #ready = new Set<ReadyWaiter>();

  constructor(sendsMax: number) {
    this.#sendsMax = sendsMax;
  }

  get hasSends(): boolean {
    return this.#sends.size > 0;
  }

  /** Whether anybody waits. */
  get isWanted(): boolean {
    return this.#sends.size > 0 || this.#ready.size > 0;
  }

  /** When the first send has waited for too long. */
  get deadlineMs(): number | undefined {
    for (const { deadlineMs } of this.#sends) return deadlineMs;
    return undefined;
  }

  /** @throws {DeliveryError} THROTTLING_QUOTA_EXCEEDED when as many wait as may. */
  waitToSend(send: WaitingSend): void {
    if (this.#sends.size >= this.#sendsMax) {
      const message = `topic ${send.topic}: the buffer is full, and ${this.#sendsMax} sends wait for room already: await some of them`;
      throw new DeliveryError("THROTTLING_QUOTA_EXCEEDED", message, { topic: send.topic, partition: undefined, outcome: "refused" });
    }
    this.#sends.add(send);
  }

  /** Nobody waits for the send any more. @returns false when its record was taken before. */
  withdraw(send: WaitingSend): boolean {
    return this.#sends.delete(send);
  }

  /** Resolves when there is room and no send waits. @throws the signal's reason. */
  waitUntilReady(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const leave = () => {
        this.#ready.delete(waiter);
        signal?.removeEventListener("abort", abort);
      };
      const abort = () => {
        leave();
        reject(signal?.reason);
      };
      const waiter: ReadyWaiter = {
        resolve: () => {
          leave();
          resolve();
        },
        reject: (reason) => {
          leave();
          reject(reason);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#ready.add(waiter);
    });
  }

  /** Memory has become free. @param take takes a send's record. */
  released(hasRoom: () => boolean, take: (send: WaitingSend) => void): void {
    for (const send of this.#sends) {
      if (!hasRoom()) return;
      this.#sends.delete(send);
      take(send);
    }
    if (hasRoom()) for (const waiter of [...this.#ready]) waiter.resolve();
  }

  /** @returns the sends that have waited for too long; they wait no more. */
  late(nowMs: number): readonly WaitingSend[] {
    const late: WaitingSend[] = [];
    for (const send of this.#sends) {
      if (send.deadlineMs > nowMs) break;
      this.#sends.delete(send);
      late.push(send);
    }
    return late;
  }

  /** Nobody waits any more: the sends are the caller's to fail. */
  close(error: ClusterError): readonly WaitingSend[] {
    const sends = [...this.#sends];
    this.#sends.clear();
    for (const waiter of [...this.#ready]) waiter.reject(error);
    return sends;
  }
}
