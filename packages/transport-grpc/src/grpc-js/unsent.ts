// The bytes of one stream that grpc-js has taken and not yet handed to the connection. grpc-js counts messages, up to 16 of any
// size; this counts bytes.

import { unsentBytesMax } from "./settings.ts";

export class Unsent {
  readonly #room: () => void;
  /** Lengths of the messages on their way, oldest first: one callback serves them all. */
  readonly #lengths: number[] = [];
  #byteLength = 0;
  #isFull = false;

  /** @param room called when there is room again after `add` has answered false. */
  constructor(room: () => void) {
    this.#room = room;
  }

  /** @returns false when that is enough for now. */
  add(byteLength: number): boolean {
    this.#lengths.push(byteLength);
    this.#byteLength += byteLength;
    if (this.#byteLength >= unsentBytesMax) this.#isFull = true;
    return !this.#isFull;
  }

  /** The callback of every write. */
  readonly sent = (): void => {
    this.#byteLength -= this.#lengths.shift() ?? 0;
    if (!this.#isFull || this.#byteLength > unsentBytesMax / 2) return;
    this.#isFull = false;
    this.#room();
  };
}
