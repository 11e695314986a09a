// The file that a loop writes to: a ring of fixed length, overwritten in place (filled with zeros and synced before the loop
// begins), or cut to nothing at each turn so that every write extends it.

import { fdatasync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, unlinkSync, writeSync, writevSync } from "node:fs";
import { join } from "node:path";
import type { BareOptions } from "./protocol.ts";

const zerosBytes = 1_048_576;

export class RingFile {
  readonly #descriptor: number;
  readonly #byteLength: number;
  readonly #extend: boolean;
  #at = 0;

  constructor({ folder, ringBytes, extend }: BareOptions) {
    const path = join(folder, "ring");
    this.#descriptor = openSync(path, "w+");
    // It is the open descriptor's from here on, and gone with the process.
    unlinkSync(path);
    this.#byteLength = ringBytes;
    this.#extend = extend;
    if (extend) return;
    const zeros = new Uint8Array(zerosBytes);
    for (let at = 0; at < ringBytes; at += zerosBytes) writeSync(this.#descriptor, zeros, 0, Math.min(zerosBytes, ringBytes - at), at);
    fsyncSync(this.#descriptor);
  }

  write(buffer: Uint8Array, byteLength: number): void {
    this.#turn(byteLength);
    writeSync(this.#descriptor, buffer, 0, byteLength, this.#at);
    this.#at += byteLength;
  }

  writeAll(buffers: Uint8Array[], byteLength: number): void {
    this.#turn(byteLength);
    writevSync(this.#descriptor, buffers, this.#at);
    this.#at += byteLength;
  }

  sync(done: () => void): void {
    fdatasync(this.#descriptor, (error) => {
      if (error) throw error;
      done();
    });
  }

  syncBlocking(): void {
    fdatasyncSync(this.#descriptor);
  }

  #turn(byteLength: number): void {
    if (this.#at + byteLength <= this.#byteLength) return;
    if (this.#extend) ftruncateSync(this.#descriptor, 0);
    this.#at = 0;
  }
}
