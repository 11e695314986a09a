// Writes protobuf's wire format into one allocation of a length that was computed before, by the functions beside each writing method.
// Long bytes are not copied: they go out as parts of the message, between the parts that were written.

import { InvariantError, invariant } from "@varve/model";
import type { OutgoingMessage } from "@varve/runtime";

/** From here on bytes are attached as they are; below it a copy costs less than a part of its own. */
export const attachedBytesMin = 2_048;

const twoTo32 = 0x1_0000_0000;
const utf8 = new TextEncoder();

/** Bytes that `uint32` writes. */
export function uint32Size(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

/** Bytes that `int32` writes: ten for a negative number. */
export function int32Size(value: number): number {
  return value < 0 ? 10 : uint32Size(value);
}

/** Bytes that `int64` writes. */
export function int64Size(value: number): number {
  if (value < 0) return 10;
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
}

/** Bytes of a field of `length` bytes behind its tag: the length and the content. */
export function lengthSize(length: number): number {
  return uint32Size(length) + length;
}

export function utf8Bytes(text: string): Uint8Array {
  return utf8.encode(text);
}

/** How many of these bytes `attach` copies. */
export function copiedSize(length: number): number {
  return length < attachedBytesMin ? length : 0;
}

/** Tags are given as `number * 8 + wire type`; all of ours are below 128, one byte. */
export class WireWriter {
  readonly #bytes: Uint8Array;
  readonly #parts: Uint8Array[] = [];
  /** Where the part begins that is being written. */
  #partAt = 0;
  #at = 0;

  /** @param length of all that is written, attached bytes of `attachedBytesMin` and more not counted. */
  constructor(length: number) {
    this.#bytes = new Uint8Array(length);
  }

  tag(tag: number): void {
    this.#bytes[this.#at] = tag;
    this.#at += 1;
  }

  /** @param value an integer in [0, 2^32). */
  uint32(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#at] = (rest & 127) | 128;
      this.#at += 1;
      rest >>>= 7;
    }
    this.#bytes[this.#at] = rest;
    this.#at += 1;
  }

  /** @param value an integer in [-2^31, 2^31). */
  int32(value: number): void {
    if (value < 0) this.int64(value);
    else this.uint32(value);
  }

  /** @param value a safe integer. */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw new InvariantError(`${value} does not go into an int64 field`);
    let low = (value % twoTo32) >>> 0;
    // Two's complement: for a negative value the upper word is rounded down, and `low` above is already its lower word.
    let high = Math.floor(value / twoTo32) >>> 0;
    while (high !== 0 || low > 127) {
      this.#bytes[this.#at] = (low & 127) | 128;
      this.#at += 1;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#bytes[this.#at] = low;
    this.#at += 1;
  }

  /** The bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** A field of bytes or text behind its tag. */
  bytes(bytes: Uint8Array): void {
    this.uint32(bytes.length);
    this.raw(bytes);
  }

  /** Bytes without a length, copied only when they are few. They must not change before the message is sent. */
  attach(bytes: Uint8Array): void {
    if (bytes.length < attachedBytesMin) {
      this.raw(bytes);
      return;
    }
    this.#endPart();
    this.#parts.push(bytes);
  }

  /** The message, once the whole length is written. */
  finish(): OutgoingMessage {
    invariant(this.#at === this.#bytes.length, `a message of ${this.#bytes.length} bytes was written with ${this.#at}`);
    if (this.#parts.length === 0) return this.#bytes;
    this.#endPart();
    return this.#parts;
  }

  #endPart(): void {
    if (this.#at > this.#partAt) this.#parts.push(this.#bytes.subarray(this.#partAt, this.#at));
    this.#partAt = this.#at;
  }
}
