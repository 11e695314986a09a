// The content of one file, twice: as processes see it (the cache) and as it would be found after a power cut (the disk),
// with the ordered changes that lie between the two. It knows no time, no names and no errors: see sim-disk.ts.

import type { Random } from "../random.ts";

/** What becomes of the changes that no sync has covered when the power goes. */
export type PowerCut = "drop" | "keep" | "draw";

/** What a power cut or a failed sync did, for the counters. */
export type Tally = (fault: string) => void;

const bytesMin = 512;
/** What a disk loses at once when it cannot read a place any more. */
export const sectorBytes = 4_096;
/** Of more unsynced changes of a file or folder the oldest are written by the system, as real ones do after a while. */
export const unsyncedChangesMax = 4_096;

type Change =
  | { readonly kind: "write"; readonly sequence: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "resize"; readonly sequence: number; readonly length: number };

/** A growable run of bytes; what lies past `size` is zero. */
class Image {
  bytes: Uint8Array = new Uint8Array(0);
  size = 0;

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.bytes.length) this.#grow(end);
    this.bytes.set(bytes, position);
    if (end > this.size) this.size = end;
  }

  resize(length: number): void {
    if (length > this.bytes.length) this.#grow(length);
    if (length < this.size) this.bytes.fill(0, length, this.size);
    this.size = length;
  }

  copy(other: Image): void {
    this.bytes = other.bytes.slice(0, other.size);
    this.size = other.size;
  }

  #grow(length: number): void {
    const grown = new Uint8Array(Math.max(bytesMin, length, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.size));
    this.bytes = grown;
  }
}

/** One file's content. Positions and lengths are bytes. */
export class Content {
  readonly #cached = new Image();
  readonly #durable = new Image();
  /** Oldest first. */
  #pending: Change[] = [];
  /** The two images differ by more than `pending`: a sync has lost something. */
  #hasLost = false;
  /** Milliseconds of the wall clock. */
  modifiedMs = 0;
  /** Whether a folder names it: what has no name takes no space. */
  isNamed = true;
  /** Numbers of the sectors that cannot be read until they are written as a whole. */
  readonly #badSectors = new Set<number>();

  /** Length that processes see. */
  get size(): number {
    return this.#cached.size;
  }

  /** Length that a power cut leaves at least when nothing unsynced survives it. */
  get durableSize(): number {
    return this.#durable.size;
  }

  /** Whether there are changes that no sync has covered. */
  get isDirty(): boolean {
    return this.#pending.length > 0;
  }

  /** @param sequence numbers the change; rises from change to change. */
  write(sequence: number, bytes: Uint8Array, position: number): void {
    for (const sector of this.#badSectors) {
      if (position <= sector * sectorBytes && position + bytes.length >= (sector + 1) * sectorBytes) this.#badSectors.delete(sector);
    }
    this.#cached.write(bytes, position);
    this.#add({ kind: "write", sequence, position, bytes: bytes.slice() });
  }

  /** Cuts the content, or lengthens it with zeros. */
  resize(sequence: number, length: number): void {
    for (const sector of this.#badSectors) if (sector * sectorBytes >= length) this.#badSectors.delete(sector);
    this.#cached.resize(length);
    this.#add({ kind: "resize", sequence, length });
  }

  /** The sector that holds byte `position` cannot be read any more. */
  spoil(position: number): void {
    this.#badSectors.add(Math.floor(position / sectorBytes));
  }

  /** Whether a read of so many bytes touches no sector that cannot be read. */
  canRead(bytes: number, position: number): boolean {
    const end = Math.min(position + bytes, this.#cached.size);
    for (const sector of this.#badSectors) if (sector * sectorBytes < end && (sector + 1) * sectorBytes > position) return false;
    return true;
  }

  /** @returns how many bytes it read: fewer than asked for only at the end. */
  read(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.#cached.size - position));
    if (count > 0) into.set(this.#cached.bytes.subarray(position, position + count));
    return count;
  }

  /** The whole content, as a copy. */
  image(which: "cached" | "durable"): Uint8Array {
    const image = which === "cached" ? this.#cached : this.#durable;
    return image.bytes.slice(0, image.size);
  }

  /** The changes up to `sequence` are on the disk. */
  sync(sequence: number): void {
    for (const change of this.#take(sequence)) apply(this.#durable, change);
  }

  /** A sync that dies half-way: any part of the changes up to `sequence` reaches the disk, the rest stays unsynced. */
  syncPartly(sequence: number, random: Random): void {
    const covered = this.#take(sequence);
    const rest = covered.filter((change) => {
      if (!random.chance(0.5)) return true;
      apply(this.#durable, change);
      return false;
    });
    this.#pending.unshift(...rest);
  }

  /**
   * A sync that fails: the changes up to `sequence` count as written from now on, and most of them are not. Processes still
   * see them; a power cut loses them. Source: fsyncgate 2018; correctness.md 7.1.
   */
  loseSync(sequence: number, random: Random): void {
    const allLost = random.chance(0.5);
    this.#hasLost = true;
    for (const change of this.#take(sequence)) {
      if (!allLost && random.chance(0.5)) apply(this.#durable, change);
    }
  }

  /** The power goes: each unsynced change is on its own kept, dropped, torn or reordered, and the cache is gone. */
  cutPower(cut: PowerCut, random: Random, tally: Tally): void {
    if (this.#pending.length === 0 && !this.#hasLost) return;
    if (this.#pending.length > 0) {
      for (const change of survivors(this.#pending, cut, random, tally)) {
        if (change.kind === "write" && change.torn) tear(this.#durable, change, random, tally);
        else apply(this.#durable, change);
      }
      this.#pending = [];
    }
    this.#cached.copy(this.#durable);
    this.#hasLost = false;
  }

  /** Changes bytes behind everyone's back, in the cache and on the disk. */
  overwrite(position: number, bytes: Uint8Array): void {
    for (const image of [this.#cached, this.#durable]) {
      const end = Math.min(image.size, position + bytes.length);
      if (end > position) image.bytes.set(bytes.subarray(0, end - position), position);
    }
  }

  /** Cuts or lengthens behind everyone's back, in the cache and on the disk. */
  overwriteLength(length: number): void {
    this.#cached.resize(length);
    this.#durable.resize(length);
  }

  #add(change: Change): void {
    this.#pending.push(change);
    if (this.#pending.length > unsyncedChangesMax) apply(this.#durable, this.#pending.shift() as Change);
  }

  #take(sequence: number): readonly Change[] {
    let count = 0;
    while (count < this.#pending.length && (this.#pending[count] as Change).sequence <= sequence) count++;
    return this.#pending.splice(0, count);
  }
}

function apply(image: Image, change: Change): void {
  if (change.kind === "write") image.write(change.bytes, change.position);
  else image.resize(change.length);
}

type Survivor = Change & { readonly torn?: boolean };

function survivors(pending: readonly Change[], cut: PowerCut, random: Random, tally: Tally): readonly Survivor[] {
  if (cut === "drop") return [];
  if (cut === "keep") return pending;
  // How a disk that writes in order leaves it: a prefix, with a tear at its end.
  if (random.chance(0.3)) {
    const kept = random.below(pending.length + 1);
    const torn = pending[kept];
    if (torn === undefined) return pending;
    tally("disk.fault.dropped");
    return [...pending.slice(0, kept), { ...torn, torn: true }];
  }
  const keepRate = random.pick([0, 0.1, 0.5, 0.9]);
  const tearRate = random.pick([0, 0.1, 0.5]);
  const kept: Survivor[] = [];
  for (const change of pending) {
    if (random.chance(tearRate)) kept.push({ ...change, torn: true });
    else if (random.chance(keepRate)) kept.push(change);
    else tally("disk.fault.dropped");
  }
  if (kept.length > 1 && random.chance(0.3)) {
    tally("disk.fault.reordered");
    random.shuffle(kept);
  }
  return kept;
}

/** Writes some of the sectors of a write, with the file as long as the write made it or only as the sectors reach. */
function tear(image: Image, change: Change & { kind: "write" }, random: Random, tally: Tally): void {
  tally("disk.fault.torn");
  const sectorBytes = random.pick([512, 4096]);
  const { position, bytes } = change;
  const end = position + bytes.length;
  const pattern = random.pick(["first", "last", "some"] as const);
  const first = Math.floor(position / sectorBytes);
  const last = Math.floor(Math.max(position, end - 1) / sectorBytes);
  const split = random.integer(first, last + 1);
  const lengthKept = random.chance(0.5);
  for (let sector = first; sector <= last; sector++) {
    const isKept = pattern === "first" ? sector < split : pattern === "last" ? sector >= split : random.chance(0.5);
    if (!isKept) continue;
    const from = Math.max(position, sector * sectorBytes);
    image.write(bytes.subarray(from - position, Math.min(end, (sector + 1) * sectorBytes) - position), from);
  }
  if (lengthKept && end > image.size) image.resize(end);
}
