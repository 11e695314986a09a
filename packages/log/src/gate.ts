// Calls that change a log, one after the other. Appends come between them; beside those that leave the end of the log alone they go on.

/** What appends do while a change runs. */
export type Appends = "wait" | "go-on";

export class Gate {
  #last: Promise<void> = Promise.resolve();
  /** Changes that are under way or wait, and that appends wait for. */
  #closing = 0;

  /** Whether an append may go. */
  get isOpen(): boolean {
    return this.#closing === 0;
  }

  /** Runs `change` when all that came before has ended. */
  async run<Value>(change: () => Promise<Value>, appends: Appends): Promise<Value> {
    if (appends === "wait") this.#closing++;
    const before = this.#last;
    let done = () => {};
    this.#last = new Promise<void>((resolve) => {
      done = resolve;
    });
    await before;
    try {
      return await change();
    } finally {
      if (appends === "wait") this.#closing--;
      done();
    }
  }

  /** Resolves when what is under way now has ended. */
  passed(): Promise<void> {
    return this.#last;
  }
}
