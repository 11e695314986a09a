// A segment's sparse index: entries of a fixed size, in a file up to some entry and in memory behind it. Two formats: `.index` (offset →
// position) and `.timeindex` (time → offset). No checksum guards the file, so it is believed only as far as it is consistent with itself
// and its segment; what it says of a batch is held against that batch by whoever goes there. Layout: docs/formats/segment.md.

import { type Disk, DiskError } from "@varve/runtime";
import type { IndexCache } from "./index-cache.ts";

export interface IndexFormat {
  readonly suffix: "index" | "timeindex";
  readonly entryBytes: number;
}

/** int32 offset of a batch's last record behind the segment's base; int32 position of that batch. */
export const offsetFormat: IndexFormat = { suffix: "index", entryBytes: 8 };
/** int64 largest time so far; int32 offset of the last record of the batch that bears it, behind the segment's base. */
export const timeFormat: IndexFormat = { suffix: "timeindex", entryBytes: 12 };

/** Largest offset behind the base that an entry can name. */
export const relativeOffsetMax = 2_147_483_647;

const high = 4_294_967_296;
const pendingBytesMin = 96;

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** @returns rounded, and no safe integer, outside ±(2^53 - 1). */
export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * high + (readInt32(bytes, at + 4) >>> 0);
}

export function writeInt32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

/** @param value a safe integer. */
export function writeInt64(into: Uint8Array, at: number, value: number): void {
  writeInt32(into, at, Math.floor(value / high));
  writeInt32(into, at + 4, value >>> 0);
}

/** What the entries of an index must agree with. */
export interface IndexBounds {
  /** Offsets that the segment spans. */
  readonly offsets: number;
  /** The segment's length. */
  readonly bytes: number;
}

/** @returns how many entries from the first on are consistent: offsets and positions rise and lie in the segment, times rise. */
export function countConsistent(format: IndexFormat, bytes: Uint8Array, bounds: IndexBounds): number {
  const count = Math.floor(bytes.length / format.entryBytes);
  const isConsistent = format === offsetFormat ? isConsistentOffsetEntry : isConsistentTimeEntry;
  for (let entry = 0; entry < count; entry++) {
    if (!isConsistent(bytes, entry, bounds)) return entry;
  }
  return count;
}

function isConsistentOffsetEntry(bytes: Uint8Array, entry: number, bounds: IndexBounds): boolean {
  const at = entry * offsetFormat.entryBytes;
  const offset = readInt32(bytes, at);
  const position = readInt32(bytes, at + 4);
  // The first batch of a segment is never indexed, so a position of 0 is none.
  if (offset < 0 || position <= 0 || offset >= bounds.offsets || position >= bounds.bytes) return false;
  return entry === 0 || (offset > readInt32(bytes, at - 8) && position > readInt32(bytes, at - 4));
}

function isConsistentTimeEntry(bytes: Uint8Array, entry: number, bounds: IndexBounds): boolean {
  const at = entry * timeFormat.entryBytes;
  const time = readInt64(bytes, at);
  const offset = readInt32(bytes, at + 8);
  if (time < 0 || !Number.isSafeInteger(time) || offset < 0 || offset >= bounds.offsets) return false;
  return entry === 0 || (time > readInt64(bytes, at - 12) && offset > readInt32(bytes, at - 4));
}

/** The last entry whose key is at most `key`; -1 when none is. Offset indexes: key is the relative offset; time indexes: the time. */
export function floorEntry(format: IndexFormat, bytes: Uint8Array, count: number, key: number): number {
  const readKey = format === offsetFormat ? readInt32 : readInt64;
  let low = 0;
  let past = count;
  while (low < past) {
    const middle = (low + past) >> 1;
    if (readKey(bytes, middle * format.entryBytes) <= key) low = middle + 1;
    else past = middle;
  }
  return low - 1;
}

/** The index of a segment that grows: the file holds the first `flushed` entries, memory the rest. */
export class GrowingIndex {
  readonly format: IndexFormat;
  readonly path: string;
  /** Entries in the file that count; bytes behind them are cut off before anything is added. */
  flushed: number;
  #pending: Uint8Array = new Uint8Array(0);
  #pendingCount = 0;
  /** The file may hold more than `flushed` says. */
  #mayBeLonger: boolean;

  /** @param mayBeLonger the file is there, and what stands behind `flushed` is worth nothing. */
  constructor(format: IndexFormat, path: string, flushed: number, mayBeLonger: boolean) {
    this.format = format;
    this.path = path;
    this.flushed = flushed;
    this.#mayBeLonger = mayBeLonger;
  }

  get count(): number {
    return this.flushed + this.#pendingCount;
  }

  /** The entries in memory, the first of which has the number `flushed`: a view, to be read at once. */
  get pending(): Uint8Array {
    return this.#pending.subarray(0, this.#pendingCount * this.format.entryBytes);
  }

  addOffset(relativeOffset: number, position: number): void {
    const at = this.#room();
    writeInt32(this.#pending, at, relativeOffset);
    writeInt32(this.#pending, at + 4, position);
    this.#pendingCount += 1;
  }

  addTime(timeMs: number, relativeOffset: number): void {
    const at = this.#room();
    writeInt64(this.#pending, at, timeMs);
    writeInt32(this.#pending, at + 8, relativeOffset);
    this.#pendingCount += 1;
  }

  /**
   * Writes the first `count` entries, as far as they are not in the file yet. Entries may be added meanwhile; two flushes may not overlap.
   * @returns what happened to the file.
   * @throws {DiskError} and may be called again.
   */
  async flush(disk: Disk, cache: IndexCache, count: number, sync: boolean): Promise<"untouched" | "written" | "created"> {
    const entries = count - this.flushed;
    if (entries <= 0 && !this.#mayBeLonger) return "untouched";
    const { entryBytes } = this.format;
    const bytes = this.#pending.slice(0, Math.max(0, entries) * entryBytes);
    let outcome: "written" | "created" = "written";
    const file = await disk.open(this.path, "write").catch((error: unknown) => {
      if (!(error instanceof DiskError) || error.kind !== "not-found") throw error;
      outcome = "created";
      return disk.open(this.path, "create");
    });
    try {
      // Longer: of a life before. Shorter: lost with the power; then the entries below are zeros, which no reader believes.
      if (file.size !== this.flushed * entryBytes) await file.truncate(this.flushed * entryBytes);
      if (bytes.length > 0) await file.write(bytes, this.flushed * entryBytes);
      if (sync) await file.sync();
    } finally {
      await file.close();
    }
    this.#mayBeLonger = false;
    if (entries > 0) this.#moveToFile(entries);
    cache.drop(this.path);
    return outcome;
  }

  /** Forgets the entries from number `count` on. The caller flushes, and syncs the file before anything relies on it. */
  cut(count: number): void {
    if (count >= this.count) return;
    if (count < this.flushed) {
      this.flushed = count;
      this.#mayBeLonger = true;
    }
    this.#pendingCount = count - this.flushed;
  }

  #moveToFile(entries: number): void {
    const moved = entries * this.format.entryBytes;
    this.#pending.copyWithin(0, moved, this.#pendingCount * this.format.entryBytes);
    this.#pendingCount -= entries;
    this.flushed += entries;
  }

  /** @returns where the next entry goes. */
  #room(): number {
    const at = this.#pendingCount * this.format.entryBytes;
    if (at + this.format.entryBytes > this.#pending.length) {
      const grown = new Uint8Array(Math.max(pendingBytesMin, this.#pending.length * 2));
      grown.set(this.#pending);
      this.#pending = grown;
    }
    return at;
  }
}
