// Big-endian numbers and byte strings, written and read one after the other. A reader believes no length that goes beyond what is there.

import { ClusterError, InvariantError } from "@varve/model";

const u32Max = 0xffff_ffff;
const initialBytes = 256;

export class ByteWriter {
  #bytes = new Uint8Array(initialBytes);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  u8(value: number): void {
    this.#view.setUint8(this.#room(1), value);
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  u32(value: number): void {
    this.#view.setUint32(this.#room(4), value);
  }

  /** @param value up to 2^53 - 1. */
  u64(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new InvariantError(`${value} is no number that fits`);
    const at = this.#room(8);
    this.#view.setUint32(at, Math.floor(value / (u32Max + 1)));
    this.#view.setUint32(at + 4, value % (u32Max + 1));
  }

  /** With its length in front: u32. */
  bytes(value: Uint8Array): void {
    this.u32(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** @returns where the next `length` bytes go. */
  #room(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

/** Every method throws {ClusterError} INVALID_REQUEST where the bytes end too early. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  flag(): boolean {
    return this.u8() !== 0;
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** @throws {ClusterError} INVALID_REQUEST, also above 2^53 - 1. */
  u64(): number {
    const at = this.#take(8);
    const value = this.#view.getUint32(at) * (u32Max + 1) + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw new ClusterError("INVALID_REQUEST", "a number above 2^53 - 1");
    return value;
  }

  /** A copy: what it came in may be large, and reused. */
  bytes(): Uint8Array {
    const length = this.u32();
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  rest(): Uint8Array {
    const at = this.#take(this.#bytes.length - this.#at);
    return this.#bytes.slice(at);
  }

  /** @throws {ClusterError} INVALID_REQUEST when something is left. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new ClusterError("INVALID_REQUEST", `${left} bytes behind the end of a quorum message`);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) {
      throw new ClusterError("INVALID_REQUEST", `${length} bytes are wanted at ${at}, there are ${this.#bytes.length - at}`);
    }
    this.#at += length;
    return at;
  }
}
