// Hands out producer ids from a block that the controller has given. A block that a restart leaves unfinished is lost, never reused.

import type { ControllerApi, ProducerIdBlock } from "@varve/api";

export class ProducerIds {
  readonly #controller: Pick<ControllerApi, "allocateProducerIds">;
  #block: ProducerIdBlock = { first: 0, count: 0 };
  #used = 0;
  #asked: Promise<void> | undefined;

  constructor(controller: Pick<ControllerApi, "allocateProducerIds">) {
    this.#controller = controller;
  }

  async next(signal: AbortSignal): Promise<number> {
    while (this.#used === this.#block.count) {
      this.#asked ??= this.#refill(signal).finally(() => (this.#asked = undefined));
      await this.#asked;
    }
    this.#used += 1;
    return this.#block.first + this.#used - 1;
  }

  async #refill(signal: AbortSignal): Promise<void> {
    this.#block = await this.#controller.allocateProducerIds(signal);
    this.#used = 0;
  }
}
