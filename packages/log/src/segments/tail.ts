// The newest batches of all logs in memory, up to a number of bytes; the oldest leave first, whosever they are. Followers and tailing
// consumers are served from here without a read of the disk. Nothing else is known here: no files, no damage, no log start.

import type { Offset } from "@varve/model";
import type { ReadResult } from "../log.ts";

/** Slots of a ring when it begins; a power of two, as all their sizes are. */
const slotsMin = 16;

/** The memory that all logs of a broker share for their tails. */
export class TailPool {
  readonly bytesMax: number;
  bytes = 0;
  /** Whose batch came when, oldest first: a ring of `count` entries from `head`. An owner's entries stand for its oldest batches, whichever they are. */
  #owners: (LogTail | undefined)[] = new Array<LogTail | undefined>(slotsMin).fill(undefined);
  #head = 0;
  #count = 0;
  /** Entries whose batch was cut off its log. */
  #surplus = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Makes room for `bytes` (at most `bytesMax`) of `owner`, and counts them. */
  admit(owner: LogTail, bytes: number): void {
    while (this.bytes + bytes > this.bytesMax) this.#evictOldest();
    this.bytes += bytes;
    if (this.#count === this.#owners.length) this.#grow();
    this.#owners[(this.#head + this.#count) & (this.#owners.length - 1)] = owner;
    this.#count += 1;
  }

  /** `batches` of some log left it by a cut. */
  release(batches: number, bytes: number): void {
    this.bytes -= bytes;
    this.#surplus += batches;
    if (this.#surplus > slotsMin && this.#surplus > this.#count / 2) this.#compact();
  }

  #evictOldest(): void {
    const owner = this.#owners[this.#head]!;
    this.#owners[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#owners.length - 1);
    this.#count -= 1;
    if (owner.surplus > 0) {
      owner.surplus -= 1;
      this.#surplus -= 1;
    } else {
      this.bytes -= owner.dropOldest();
    }
  }

  #grow(): void {
    const grown = new Array<LogTail | undefined>(this.#owners.length * 2).fill(undefined);
    for (let index = 0; index < this.#count; index++) grown[index] = this.#owners[(this.#head + index) & (this.#owners.length - 1)];
    this.#owners = grown;
    this.#head = 0;
  }

  #compact(): void {
    let kept = 0;
    const mask = this.#owners.length - 1;
    for (let index = 0; index < this.#count; index++) {
      const owner = this.#owners[(this.#head + index) & mask]!;
      if (owner.surplus > 0) owner.surplus -= 1;
      else this.#owners[(this.#head + kept++) & mask] = owner;
    }
    for (let index = kept; index < this.#count; index++) this.#owners[(this.#head + index) & mask] = undefined;
    this.#count = kept;
    this.#surplus = 0;
  }
}

/** The newest batches of one log, back to back up to its end. */
export class LogTail {
  /** Entries of the pool that stand for batches which this log no longer has. */
  surplus = 0;
  readonly #pool: TailPool;
  /** A ring of `count` batches from `head`, with the offset behind each. */
  #batches: (Uint8Array | undefined)[] = [];
  #ends: number[] = [];
  #head = 0;
  #count = 0;
  /** Offset of the first batch. */
  #start = 0;

  constructor(pool: TailPool) {
    this.#pool = pool;
  }

  /** The first offset that is in memory; undefined when none is. */
  get start(): number | undefined {
    return this.#count === 0 ? undefined : this.#start;
  }

  /** @param batch one whole batch at [base, end), where the last one ended; kept as it is, without a copy. */
  add(batch: Uint8Array, base: number, end: number): void {
    if (batch.length > this.#pool.bytesMax) return this.clear();
    this.#pool.admit(this, batch.length);
    if (this.#count === this.#batches.length) this.#grow();
    const slot = (this.#head + this.#count) & (this.#batches.length - 1);
    this.#batches[slot] = batch;
    this.#ends[slot] = end;
    if (this.#count === 0) this.#start = base;
    this.#count += 1;
  }

  /** @returns undefined when the batch that holds `from` is not in memory. @param from below the log's end. */
  read(from: number, bytesMax: number, below: number): Extract<ReadResult, { kind: "batches" }> | undefined {
    if (this.#count === 0 || from < this.#start) return undefined;
    const chunks: Uint8Array[] = [];
    let byteLength = 0;
    let nextOffset = from;
    for (let index = this.#find(from); index < this.#count; index++) {
      const slot = (this.#head + index) & (this.#batches.length - 1);
      const batch = this.#batches[slot]!;
      if (this.#ends[slot]! > below || (chunks.length > 0 && byteLength + batch.length > bytesMax)) break;
      chunks.push(batch);
      byteLength += batch.length;
      nextOffset = this.#ends[slot]!;
    }
    return { kind: "batches", chunks, byteLength, nextOffset: nextOffset as Offset };
  }

  /** Called by the pool. @returns the bytes of the batch that left. */
  dropOldest(): number {
    const bytes = this.#batches[this.#head]!.length;
    this.#start = this.#ends[this.#head]!;
    this.#batches[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#batches.length - 1);
    this.#count -= 1;
    return bytes;
  }

  /** Drops what lies at and above `end`, which is the end of a batch. */
  cut(end: number): void {
    let batches = 0;
    let bytes = 0;
    while (this.#count > 0) {
      const slot = (this.#head + this.#count - 1) & (this.#batches.length - 1);
      if (this.#ends[slot]! <= end) break;
      bytes += this.#batches[slot]!.length;
      this.#batches[slot] = undefined;
      this.#count -= 1;
      batches += 1;
    }
    this.surplus += batches;
    this.#pool.release(batches, bytes);
  }

  clear(): void {
    this.cut(-1);
  }

  /** The first batch that ends behind `offset`. */
  #find(offset: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ends[(this.#head + middle) & (this.#ends.length - 1)]! > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #grow(): void {
    const length = Math.max(slotsMin, this.#batches.length * 2);
    const batches = new Array<Uint8Array | undefined>(length).fill(undefined);
    const ends = new Array<number>(length).fill(0);
    for (let index = 0; index < this.#count; index++) {
      const slot = (this.#head + index) & (this.#batches.length - 1);
      batches[index] = this.#batches[slot];
      ends[index] = this.#ends[slot]!;
    }
    this.#batches = batches;
    this.#ends = ends;
    this.#head = 0;
  }
}
