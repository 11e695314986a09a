// Cuts a stream of bytes into lines without copying those that lie within one piece of it.

import { Buffer } from "node:buffer";
import { CommandError } from "./failure.ts";

const newline = 10;

export class LineCutter {
  readonly #bytesMax: number;
  #piece: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The front of a line whose end has not come yet. */
  #front: Buffer[] = [];
  #frontBytes = 0;
  #count = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** How many lines were given out: the number of the last one. */
  get count(): number {
    return this.#count;
  }

  /** Takes the next piece, once `next` has given out every line of the one before. The piece must not change any more. */
  push(piece: Buffer): void {
    this.#piece = piece;
    this.#at = 0;
  }

  /** The next line with its newline, mostly a view of the piece; undefined when its end is not here yet. @throws {CommandError} */
  next(): Buffer | undefined {
    const end = this.#piece.indexOf(newline, this.#at);
    const part = this.#piece.subarray(this.#at, end < 0 ? this.#piece.length : end + 1);
    if (this.#frontBytes + part.length > this.#bytesMax) {
      throw new CommandError("failed", `line ${this.#count + 1} is longer than ${this.#bytesMax} bytes; --line-bytes-max allows more`);
    }
    this.#at += part.length;
    if (end < 0) {
      if (part.length > 0) this.#front.push(part);
      this.#frontBytes += part.length;
      return undefined;
    }
    this.#count += 1;
    return this.#frontBytes === 0 ? part : this.#joined(part);
  }

  /** What stands behind the last newline, as a line that has none; undefined when nothing does. */
  rest(): Buffer | undefined {
    if (this.#frontBytes === 0) return undefined;
    this.#count += 1;
    return this.#joined(Buffer.alloc(0));
  }

  #joined(last: Buffer): Buffer {
    const line = Buffer.concat([...this.#front, last]);
    this.#front = [];
    this.#frontBytes = 0;
    return line;
  }
}
