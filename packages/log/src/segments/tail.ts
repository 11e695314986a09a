// The newest batches of all logs in memory, up to a number of bytes; the oldest leave first, whosever they are. Followers and tailing
// consumers are served from here without a read of the disk. Nothing else is known here: no files, no damage, no log start.
//
// Batches are copied in and copied out. Kept as they come they would be thousands of buffers that outlive the young generation, and the
// collector would mark the whole heap for every few megabytes of appends: the copy costs 0.1 s/GB, that cost more than all else of an append.

import type { Offset } from "@varve/model";
import type { ReadResult } from "../log.ts";

/** Slots of a ring when it begins; a power of two, as all their sizes are. */
const slotsMin = 16;
/** The memory comes in pieces of this size, each when the ring first reaches it: an idle broker holds none. */
const slabBytesMax = 1_048_576;

/** The memory that all logs of a broker share for their tails: one ring of bytes. Positions count all bytes that ever went in. */
export class TailPool {
  readonly bytesMax: number;
  readonly #slabBytes: number;
  readonly #slabs: Uint8Array[] = [];
  /** Where the next batch goes. */
  #end = 0;
  /** Whose batch came when, oldest first: a ring of `count` entries from `head`, with the position of each. */
  #owners: (LogTail | undefined)[] = new Array<LogTail | undefined>(slotsMin).fill(undefined);
  #positions: number[] = new Array<number>(slotsMin).fill(0);
  #head = 0;
  #count = 0;

  /** @param bytesMax rounded down to whole pieces; 0 keeps nothing. */
  constructor(bytesMax: number) {
    this.#slabBytes = Math.min(slabBytesMax, bytesMax);
    this.bytesMax = bytesMax === 0 ? 0 : bytesMax - (bytesMax % this.#slabBytes);
  }

  /** Copies a batch of `owner` (at most `bytesMax`) in, over the oldest ones. @returns its position. */
  put(owner: LogTail, batch: Uint8Array): number {
    const position = this.#end;
    this.#end += batch.length;
    while (this.#count > 0 && this.#positions[this.#head]! < this.#end - this.bytesMax) this.#evictOldest();
    for (let done = 0; done < batch.length; ) {
      const slab = this.#slab(position + done);
      const at = (position + done) % this.#slabBytes;
      const bytes = Math.min(batch.length - done, slab.length - at);
      slab.set(bytes === batch.length ? batch : batch.subarray(done, done + bytes), at);
      done += bytes;
    }
    if (this.#count === this.#owners.length) this.#grow();
    const slot = (this.#head + this.#count) & (this.#owners.length - 1);
    this.#owners[slot] = owner;
    this.#positions[slot] = position;
    this.#count += 1;
    return position;
  }

  /** Copies what stands at `position` behind `at` into `target`. */
  copy(position: number, bytes: number, target: Uint8Array, at: number): void {
    for (let done = 0; done < bytes; ) {
      const slab = this.#slab(position + done);
      const from = (position + done) % this.#slabBytes;
      const part = Math.min(bytes - done, slab.length - from);
      target.set(slab.subarray(from, from + part), at + done);
      done += part;
    }
  }

  #slab(position: number): Uint8Array {
    const index = Math.floor((position % this.bytesMax) / this.#slabBytes);
    this.#slabs[index] ??= new Uint8Array(this.#slabBytes);
    return this.#slabs[index];
  }

  #evictOldest(): void {
    this.#owners[this.#head]!.evict(this.#positions[this.#head]!);
    this.#owners[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#owners.length - 1);
    this.#count -= 1;
  }

  #grow(): void {
    const mask = this.#owners.length - 1;
    const owners = new Array<LogTail | undefined>(this.#owners.length * 2).fill(undefined);
    const positions = new Array<number>(this.#owners.length * 2).fill(0);
    for (let index = 0; index < this.#count; index++) {
      owners[index] = this.#owners[(this.#head + index) & mask];
      positions[index] = this.#positions[(this.#head + index) & mask]!;
    }
    this.#owners = owners;
    this.#positions = positions;
    this.#head = 0;
  }
}

/** The newest batches of one log, back to back up to its end. */
export class LogTail {
  readonly #pool: TailPool;
  /** A ring of `count` batches from `head`: position in the pool and size of each, and the offset behind it. */
  #positions: number[] = [];
  #sizes: number[] = [];
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

  /** @param batch one whole batch at [base, end), where the last one ended. */
  add(batch: Uint8Array, base: number, end: number): void {
    if (batch.length > this.#pool.bytesMax) return this.clear();
    // It may push out this log's own oldest ones.
    const position = this.#pool.put(this, batch);
    if (this.#count === this.#ends.length) this.#grow();
    const slot = (this.#head + this.#count) & (this.#ends.length - 1);
    this.#positions[slot] = position;
    this.#sizes[slot] = batch.length;
    this.#ends[slot] = end;
    if (this.#count === 0) this.#start = base;
    this.#count += 1;
  }

  /** @returns undefined when the batch that holds `from` is not in memory. @param from below the log's end. */
  read(from: number, bytesMax: number, below: number): Extract<ReadResult, { kind: "batches" }> | undefined {
    if (this.#count === 0 || from < this.#start) return undefined;
    const mask = this.#ends.length - 1;
    const first = this.#find(from);
    let byteLength = 0;
    let nextOffset = from;
    let last = first;
    for (; last < this.#count; last++) {
      const slot = (this.#head + last) & mask;
      const bytes = this.#sizes[slot]!;
      if (this.#ends[slot]! > below || (last > first && byteLength + bytes > bytesMax)) break;
      byteLength += bytes;
      nextOffset = this.#ends[slot]!;
    }
    const batches = new Uint8Array(byteLength);
    for (let index = first, at = 0; index < last; index++) {
      const slot = (this.#head + index) & mask;
      this.#pool.copy(this.#positions[slot]!, this.#sizes[slot]!, batches, at);
      at += this.#sizes[slot]!;
    }
    return { kind: "batches", chunks: byteLength === 0 ? [] : [batches], byteLength, nextOffset: nextOffset as Offset };
  }

  /** Called by the pool: the batch that was put at `position` is being overwritten, unless it was cut off before. */
  evict(position: number): void {
    if (this.#count === 0 || this.#positions[this.#head] !== position) return;
    this.#start = this.#ends[this.#head]!;
    this.#head = (this.#head + 1) & (this.#ends.length - 1);
    this.#count -= 1;
  }

  /** Drops what lies at and above `end`, which is the end of a batch. */
  cut(end: number): void {
    while (this.#count > 0 && this.#ends[(this.#head + this.#count - 1) & (this.#ends.length - 1)]! > end) this.#count -= 1;
  }

  clear(): void {
    this.#count = 0;
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
    const length = Math.max(slotsMin, this.#ends.length * 2);
    this.#positions = this.#unrolled(this.#positions, length);
    this.#sizes = this.#unrolled(this.#sizes, length);
    this.#ends = this.#unrolled(this.#ends, length);
    this.#head = 0;
  }

  #unrolled(ring: readonly number[], length: number): number[] {
    const grown = new Array<number>(length).fill(0);
    for (let index = 0; index < this.#count; index++) grown[index] = ring[(this.#head + index) & (ring.length - 1)]!;
    return grown;
  }
}
