// Reads protobuf's wire format out of one message, without copying: fields in any order, unknown ones skipped, every length checked
// against what is left. It knows no message; see produce-codec.ts and fetch-codec.ts. Source: protobuf.dev/programming-guides/encoding.

import { ClusterError } from "@varve/model";

/** How deep unknown groups may nest. Source: correctness.md 9.1. */
export const groupDepthMax = 32;

const varintBytesMax = 10;
const twoTo28 = 0x1000_0000;
const twoTo36 = 0x10_0000_0000;

/** Wire types. Groups are read only to be skipped. */
const wireVarint = 0;
const wireFixed64 = 1;
const wireLength = 2;
const wireGroup = 3;
const wireGroupEnd = 4;
const wireFixed32 = 5;

const utf8 = new TextDecoder();

/** Every method throws `ClusterError` INVALID_REQUEST, with the position, where the bytes are no protobuf message. */
export class WireReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #end: number;
  // The last varint: bits 0–27, 28–55, 56–63.
  #low = 0;
  #middle = 0;
  #high = 0;

  constructor(message: Uint8Array) {
    this.#bytes = message;
    this.#end = message.length;
  }

  /** Whether the message, or the part of it that was entered, has more fields. */
  get more(): boolean {
    return this.#at < this.#end;
  }

  /** The next field: its number times 8 plus its wire type, as the cases of a switch have it. */
  tag(): number {
    this.#varint();
    const tag = this.#low + this.#middle * twoTo28;
    if (tag < 8 || tag > 0xffff_ffff || this.#high !== 0) this.#malformed("a field without a number");
    return tag;
  }

  /** The lower 32 bits, as protobuf has it. */
  uint32(): number {
    this.#varint();
    return (this.#low | (this.#middle << 28)) >>> 0;
  }

  int32(): number {
    this.#varint();
    return this.#low | (this.#middle << 28);
  }

  /** NaN beyond ±(2^53 - 1): the caller names what was wrong. */
  int64(): number {
    this.#varint();
    const upper = this.#high * twoTo28 + this.#middle;
    return safe((this.#high >= 128 ? upper - twoTo36 : upper) * twoTo28 + this.#low);
  }

  /** NaN beyond 2^53 - 1. */
  uint64(): number {
    this.#varint();
    return safe((this.#high * twoTo28 + this.#middle) * twoTo28 + this.#low);
  }

  /** A view into the message. */
  bytes(): Uint8Array {
    const end = this.#lengthEnd();
    const view = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return view;
  }

  /** Ill-formed UTF-8 becomes U+FFFD. */
  text(): string {
    return utf8.decode(this.bytes());
  }

  /** Goes into a message that is a field. @returns what `leave` wants back. */
  enter(): number {
    const outer = this.#end;
    this.#end = this.#lengthEnd();
    return outer;
  }

  /** Goes back to the message around, once `more` is false. */
  leave(outer: number): void {
    this.#end = outer;
  }

  /** Steps over a field that the caller does not know. */
  skip(tag: number): void {
    let depth = 0;
    let next = tag;
    for (;;) {
      switch (next & 7) {
        case wireVarint:
          this.#varint();
          break;
        case wireFixed64:
          this.#step(8);
          break;
        case wireLength:
          this.#at = this.#lengthEnd();
          break;
        case wireGroup:
          depth += 1;
          if (depth > groupDepthMax) this.#malformed(`groups nested more than ${groupDepthMax} deep`);
          break;
        case wireGroupEnd:
          if (depth === 0) this.#malformed("the end of a group that was not begun");
          depth -= 1;
          break;
        case wireFixed32:
          this.#step(4);
          break;
        default:
          this.#malformed(`wire type ${next & 7}`);
      }
      if (depth === 0) return;
      next = this.tag();
    }
  }

  #step(length: number): void {
    if (length > this.#end - this.#at) this.#malformed(`${length} bytes where ${this.#end - this.#at} are left`);
    this.#at += length;
  }

  #lengthEnd(): number {
    const length = this.uint32();
    if (length > this.#end - this.#at) this.#malformed(`a length of ${length} where ${this.#end - this.#at} bytes are left`);
    return this.#at + length;
  }

  #varint(): void {
    const bytes = this.#bytes;
    const begin = this.#at;
    const end = this.#end;
    this.#middle = 0;
    this.#high = 0;
    // Most varints are one byte: tags, counts, small numbers.
    if (begin < end && bytes[begin]! < 128) {
      this.#low = bytes[begin]!;
      this.#at = begin + 1;
      return;
    }
    let low = 0;
    for (let index = 0; index < varintBytesMax; index += 1) {
      const at = begin + index;
      if (at >= end) this.#malformed("a number that is cut off");
      const byte = bytes[at]!;
      const bits = byte & 127;
      if (index < 4) low |= bits << (7 * index);
      else if (index < 8) this.#middle |= bits << (7 * (index - 4));
      else if (index === 8) this.#high = bits;
      else this.#high |= (bits & 1) << 7;
      if (byte < 128) {
        this.#low = low;
        this.#at = at + 1;
        return;
      }
    }
    this.#malformed(`a number longer than ${varintBytesMax} bytes`);
  }

  #malformed(what: string): never {
    throw new ClusterError("INVALID_REQUEST", `not a protobuf message: ${what}, at byte ${this.#at} of ${this.#bytes.length}`);
  }
}

function safe(value: number): number {
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
