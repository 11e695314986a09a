// Calls that change a log, one after the other; appends come between them, never during one.

export class Gate {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** Whether nothing is under way, so that an append may go. */
  get isOpen(): boolean {
    return this.#waiting === 0;
  }

  /** Runs `change` when all that came before has ended. */
  async run<Value>(change: () => Promise<Value>): Promise<Value> {
    this.#waiting++;
    const before = this.#last;
    let done = () => {};
    this.#last = new Promise<void>((resolve) => {
      done = resolve;
    });
    await before;
    try {
      return await change();
    } finally {
      this.#waiting--;
      done();
    }
  }

  /** Resolves when what is under way now has ended. */
  passed(): Promise<void> {
    return this.#last;
  }
}
