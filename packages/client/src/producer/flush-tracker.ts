// Tells when everything that was taken before a moment has its outcome. Every piece of work (a batch, a record that waits) belongs to the
// generation in which it began; a flush ends its generation and waits for it and for those before it.

interface Flush {
  readonly generation: number;
  readonly done: () => void;
}

export class FlushTracker {
  #generation = 0;
  /** Pieces of work by generation; none has a zero. */
  readonly #counts = new Map<number, number>();
  #flushes: Flush[] = [];

  /** What begins now belongs to it. */
  get generation(): number {
    return this.#generation;
  }

  enter(generation: number): void {
    this.#counts.set(generation, (this.#counts.get(generation) ?? 0) + 1);
  }

  leave(generation: number): void {
    const left = this.#counts.get(generation)! - 1;
    if (left > 0) {
      this.#counts.set(generation, left);
      return;
    }
    this.#counts.delete(generation);
    this.#flushes = this.#flushes.filter((flush) => {
      if (!this.#isOver(flush.generation)) return true;
      flush.done();
      return false;
    });
  }

  /** A piece of work takes in one that began earlier. @returns the generation that it belongs to from now on. */
  join(generation: number, earlier: number): number {
    if (earlier >= generation) return generation;
    this.enter(earlier);
    this.leave(generation);
    return earlier;
  }

  /** Calls `done` once everything that has begun is over; at once when it is. */
  flush(done: () => void): void {
    const generation = this.#generation;
    this.#generation += 1;
    if (this.#isOver(generation)) done();
    else this.#flushes.push({ generation, done });
  }

  #isOver(generation: number): boolean {
    for (const open of this.#counts.keys()) if (open <= generation) return false;
    return true;
  }
}
