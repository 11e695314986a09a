// The SDK's producer under load: a fixed number of records unanswered, each timed from its `send` to its receipt.

import type { Producer } from "@varve/client";
import type { LoadCounts } from "./measure-load.ts";

export interface SendLoadOptions {
  readonly topic: string;
  readonly value: Uint8Array;
  /** Records that are unanswered. */
  readonly depth: number;
}

export class SendLoad {
  readonly #producer: Producer;
  readonly #options: SendLoadOptions;
  readonly #counts: LoadCounts;
  #isRunning = false;

  constructor(producer: Producer, options: SendLoadOptions, counts: LoadCounts) {
    this.#producer = producer;
    this.#options = options;
    this.#counts = counts;
  }

  start(): void {
    this.#isRunning = true;
    for (let at = 0; at < this.#options.depth; at++) this.#send();
  }

  stop(): void {
    this.#isRunning = false;
  }

  #send(): void {
    const { topic, value } = this.#options;
    const sinceMs = performance.now();
    this.#producer.send(topic, { value }).then(
      () => {
        this.#counts.latencies.record((performance.now() - sinceMs) * 1_000);
        this.#counts.ops += 1;
        this.#counts.records += 1;
        this.#counts.bytes += value.length;
        if (this.#isRunning) this.#send();
      },
      (error: unknown) => {
        if (this.#isRunning) this.#counts.fail(String(error));
        this.#isRunning = false;
      },
    );
  }
}
