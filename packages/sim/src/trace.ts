// What happened, as one rolling hash, as counters, and as the last few events in words.
// Two runs of one seed are equal when their hashes are; the hash covers the bytes that go to disks and networks too.

import { hashText } from "./random.ts";

/** How many of the last events are kept in words. A power of two. */
const tailEventsMax = 1_024;

/** Rolling hash, counters and tail of one simulation. */
export class Trace {
  readonly #counts = new Map<string, number>();
  readonly #kindHashes = new Map<string, number>();
  readonly #times: number[] = [];
  readonly #kinds: string[] = [];
  readonly #nodes: string[] = [];
  readonly #details: string[] = [];
  #events = 0;
  #high = 0x9e3779b9;
  #low = 0x85ebca6b;

  /**
   * One event.
   *
   * @param kind a short name out of a fixed set, as `disk.sync`; counted.
   * @param node whose event it is; "" for the world's.
   * @param detail in words; hashed.
   * @param value a number, of which 53 bits are hashed.
   */
  event(timeMs: number, kind: string, node: string, detail = "", value = 0): void {
    let kindHash = this.#kindHashes.get(kind);
    if (kindHash === undefined) {
      kindHash = hashText(kind);
      this.#kindHashes.set(kind, kindHash);
    }
    this.#mix(Math.floor(timeMs * 1_000_000));
    this.#mix(kindHash);
    if (node !== "") this.#mix(hashText(node));
    if (detail !== "") this.#mix(hashText(detail));
    if (value !== 0) this.#mix(value);
    this.count(kind);
    const slot = this.#events++ & (tailEventsMax - 1);
    this.#times[slot] = timeMs;
    this.#kinds[slot] = kind;
    this.#nodes[slot] = node;
    this.#details[slot] = detail;
  }

  /** Adds one to the counter of `kind`: a fault that fired, a path that was taken. Not hashed. */
  count(kind: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  /** How often each kind was counted, by name. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  get events(): number {
    return this.#events;
  }

  /** 64 bits, in hexadecimal. */
  get hash(): string {
    return hex(this.#high) + hex(this.#low);
  }

  /** The last `lines` events, oldest first, one line each: time, node, kind, detail. */
  tail(lines: number = tailEventsMax): readonly string[] {
    const count = Math.min(lines, this.#events, tailEventsMax);
    return Array.from({ length: count }, (_, at) => {
      const slot = (this.#events - count + at) & (tailEventsMax - 1);
      return `${(this.#times[slot] ?? 0).toFixed(3)} ms  ${this.#nodes[slot] || "-"}  ${this.#kinds[slot]}  ${this.#details[slot]}`.trimEnd();
    });
  }

  #mix(value: number): void {
    const low = value | 0;
    const high = Math.floor(value / 0x1_0000_0000) | 0;
    this.#low = Math.imul(this.#low ^ low, 0x01000193) ^ (this.#high >>> 15);
    this.#high = (Math.imul(this.#high ^ high, 0x5bd1e995) + ((this.#low << 13) | (this.#low >>> 19))) | 0;
  }
}

/** 32 bits of the bytes, a word at a time. For the trace; no checksum. */
export function hashBytes(bytes: Uint8Array): number {
  let hash = bytes.length ^ 0x9747b28c;
  let at = 0;
  for (const wordsEnd = bytes.length - 3; at < wordsEnd; at += 4) {
    const word =
      (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
    hash = Math.imul(hash ^ word, 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  for (; at < bytes.length; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return hash >>> 0;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
