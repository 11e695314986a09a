// A truncation or reset behind its durable frame: made in the segments, again and again while the disk refuses it, and marked where no
// frame of an append would say that it was made.

import type { Journal } from "./journal/journal.ts";
import type { JournalPartition } from "./journal/journal-partition.ts";

export class Endings {
  readonly #journal: Journal;
  readonly #partition: JournalPartition;
  readonly #onMade: () => void;
  /** The one that the disk has refused: it comes before any other change of the log. */
  #unfinished: (() => Promise<unknown>) | undefined;
  /** The mark behind one that was made, of a log without frames, has been refused: it comes before any other change, too. */
  #isUnmarked = false;
  #making: Promise<void> | undefined;

  /** @param onMade called when the log ends where the ending says, before that is marked. */
  constructor(journal: Journal, partition: JournalPartition, onMade: () => void) {
    this.#journal = journal;
    this.#partition = partition;
    this.#onMade = onMade;
  }

  /** The segments do not show it yet. */
  get isUnmade(): boolean {
    return this.#unfinished !== undefined;
  }

  /** It comes before any other change. */
  get isUnfinished(): boolean {
    return this.isUnmade || this.#isUnmarked;
  }

  /** Cuts or empties the segments by `ending`, as a durable frame says. It may be called again after it has thrown. @throws {DiskError} */
  make(ending: () => Promise<unknown>): Promise<void> {
    this.#unfinished = ending;
    return this.finish();
  }

  /** Makes what was refused before. @throws {DiskError} */
  async finish(): Promise<void> {
    if (this.#isUnmarked) await this.#mark();
    if (this.#unfinished === undefined) return;
    this.#making = this.#unfinished().then(() => {});
    try {
      await this.#making;
    } finally {
      this.#making = undefined;
    }
    this.#unfinished = undefined;
    this.#onMade();
    this.#journal.endingApplied(this.#partition);
    if (!this.#partition.isJournaled) await this.#mark();
  }

  /** Resolves when none is being made: a sync that began meanwhile would say of bytes that they are synced that may be gone when it returns. */
  async made(): Promise<void> {
    while (this.#making !== undefined) await this.#making.catch(() => {});
  }

  async #mark(): Promise<void> {
    this.#isUnmarked = true;
    await this.#journal.mark(this.#partition);
    this.#isUnmarked = false;
  }
}
