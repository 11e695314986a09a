// Calls that change a log, one after the other at each of its ends: old segments go while it grows.

/** The gates of one log. */
export class Gates {
  /** Changes of where it ends; appends come between them, never during one. */
  readonly end: Gate = new Gate();
  /** Changes of where it begins. */
  readonly start: Gate = new Gate();

  /** Runs a change that nothing may come beside. */
  both<Value>(change: () => Promise<Value>): Promise<Value> {
    return this.end.run(() => this.start.run(change));
  }
}

export class Gate {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** Whether nothing is under way: no change runs or waits. */
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
