// Hands out producer ids from a block that the controller has given. A block that a restart leaves unfinished is lost, never reused.

import type { ControllerApi, ProducerIdBlock } from "@varve/api";

export class ProducerIds {
  readonly #controller: Pick<ControllerApi, "allocateProducerIds">;
  readonly #life: AbortSignal;
  #block: ProducerIdBlock = { first: 0, count: 0 };
  #used = 0;
  #asked: Promise<void> | undefined;

  /** @param life aborts when the broker closes; one caller that goes away does not take the block from the others. */
  constructor(controller: Pick<ControllerApi, "allocateProducerIds">, life: AbortSignal) {
    this.#controller = controller;
    this.#life = life;
  }

  async next(): Promise<number> {
    while (this.#used === this.#block.count) {
      this.#asked ??= this.#refill().finally(() => (this.#asked = undefined));
      await this.#asked;
    }
    this.#used += 1;
    return this.#block.first + this.#used - 1;
  }

  async #refill(): Promise<void> {
    this.#block = await this.#controller.allocateProducerIds(this.#life);
    this.#used = 0;
  }
}
