// Where a codec that works block by block puts its output: one array that grows with what has really come, and never past its cap.

import { DecompressionError } from "@varve/model";

const initialBytes = 65_536;

export class CappedOutput {
  readonly #bytesMax: number;
  #bytes: Uint8Array;
  #at = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#bytes = new Uint8Array(Math.min(initialBytes, bytesMax));
  }

  /** How much may still come. */
  get room(): number {
    return this.#bytesMax - this.#at;
  }

  /** @throws {DecompressionError} too-large when `block` goes past the cap. */
  push(block: Uint8Array): void {
    if (block.length > this.room) throw new DecompressionError("too-large", `more than ${this.#bytesMax} bytes`);
    const end = this.#at + block.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(end, 2 * this.#bytes.length)));
      grown.set(this.#bytes.subarray(0, this.#at));
      this.#bytes = grown;
    }
    this.#bytes.set(block, this.#at);
    this.#at = end;
  }

  /** @returns all that has been pushed. */
  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }
}
