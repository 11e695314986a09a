// Where the last reads of a log ended: whoever reads on from there needs no index. As many as a log has readers, as a rule.

import type { Offset } from "@varve/model";

/** Readers of one log that are remembered. */
export const readHintsMax = 16;

export class ReadHints {
  readonly #offsets: number[] = new Array<number>(readHintsMax).fill(-1);
  readonly #bytes: number[] = new Array<number>(readHintsMax).fill(0);
  #next = 0;

  /** The batch at `offset` stands at `bytes` of the segment that holds it. @param from what that reader came for: its older hint goes. */
  note(from: Offset, offset: Offset, bytes: number): void {
    let slot = this.#offsets.indexOf(from);
    if (slot < 0) {
      slot = this.#next;
      this.#next = (slot + 1) % readHintsMax;
    }
    this.#offsets[slot] = offset;
    this.#bytes[slot] = bytes;
  }

  /** @returns the byte; undefined when it is not known. */
  at(offset: Offset): number | undefined {
    const slot = this.#offsets.indexOf(offset);
    return slot < 0 ? undefined : this.#bytes[slot];
  }

  clear(): void {
    this.#offsets.fill(-1);
  }
}
