// What keeps a log's files open: reads and syncs that are under way when somebody wants to close or delete them.

export class Pins {
  #count = 0;
  #waiting: (() => void)[] = [];

  /** Files stay open while `work` runs. */
  async hold<Value>(work: () => Promise<Value>): Promise<Value> {
    this.#count++;
    try {
      return await work();
    } finally {
      this.#count--;
      if (this.#count === 0) for (const resume of this.#waiting.splice(0)) resume();
    }
  }

  /** Resolves when nothing is under way. */
  async released(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
