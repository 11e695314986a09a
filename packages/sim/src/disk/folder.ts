// The entries of one folder, twice: as processes see them and as a power cut leaves them, with the ordered changes between.
// What a name stands for lives on its own: a renamed file may keep its new name and lose its content, and the other way round.

import type { Random } from "../random.ts";
import type { Content, PowerCut, Tally } from "./content.ts";

/** What a name stands for. */
export type Entry = Content | Folder;

/** Names that change together or not at all. */
interface EntryChange {
  readonly sequence: number;
  readonly steps: readonly (readonly [name: string, entry: Entry | undefined])[];
  /** The other half of a move out of this folder: an entry never leaves here before it is durable there. */
  readonly arrival?: { readonly folder: Folder; readonly change: EntryChange };
  /** Whether the power cut of the moment keeps it; undefined until that was decided. */
  kept?: boolean;
}

/** One folder. */
export class Folder {
  #cached: Map<string, Entry> = new Map();
  readonly #durable: Map<string, Entry> = new Map();
  #pending: EntryChange[] = [];

  get isEmpty(): boolean {
    return this.#cached.size === 0;
  }

  /** Names that processes see, sorted by code unit. */
  names(): readonly string[] {
    return [...this.#cached.keys()].sort();
  }

  get(name: string): Entry | undefined {
    return this.#cached.get(name);
  }

  /** Lets `name` stand for `entry`, or for nothing. */
  set(sequence: number, name: string, entry: Entry | undefined): void {
    this.#change({ sequence, steps: [[name, entry]] });
  }

  /** Renames: one change within a folder, two between folders. */
  move(sequence: number, name: string, to: Folder, toName: string): void {
    const entry = this.#cached.get(name);
    if (to === this) {
      this.#change({
        sequence,
        steps: [
          [name, undefined],
          [toName, entry],
        ],
      });
      return;
    }
    const arrival: EntryChange = { sequence, steps: [[toName, entry]] };
    to.#change(arrival);
    this.#change({ sequence, steps: [[name, undefined]], arrival: { folder: to, change: arrival } });
  }

  /** The changes up to `sequence` are on the disk. */
  sync(sequence: number): void {
    while (this.#pending.length > 0) {
      const change = this.#pending[0] as EntryChange;
      if (change.sequence > sequence) break;
      this.#pending.shift();
      change.arrival?.folder.sync(change.arrival.change.sequence);
      apply(this.#durable, change);
    }
  }

  /** A sync that dies half-way: a file system's journal keeps the order, so the first few changes reach the disk. */
  syncPartly(sequence: number, random: Random): void {
    const covered = this.#pending.filter((change) => change.sequence <= sequence);
    const last = covered[random.below(covered.length + 1) - 1];
    if (last !== undefined) this.sync(last.sequence);
  }

  /** A sync that fails: the changes up to `sequence` count as written from now on, and are not. */
  loseSync(sequence: number): void {
    this.#pending = this.#pending.filter((change) => change.sequence > sequence);
  }

  /** The power goes: each unsynced change is on its own kept or dropped. Does the same to all that the kept names stand for. */
  cutPower(cut: PowerCut, random: Random, tally: Tally, done: Set<Entry> = new Set()): void {
    if (done.has(this)) return;
    done.add(this);
    const keepRate = cut === "drop" ? 0 : cut === "keep" ? 1 : random.pick([0, 0.5, 0.9, 1]);
    for (const change of this.#pending) {
      if (isKept(change, keepRate, random)) apply(this.#durable, change);
      else tally("disk.fault.entry-dropped");
    }
    this.#pending = [];
    this.#cached = new Map(this.#durable);
    for (const entry of this.#cached.values()) {
      if (entry instanceof Folder) entry.cutPower(cut, random, tally, done);
      else if (!done.has(entry)) {
        done.add(entry);
        entry.cutPower(cut, random, tally);
      }
    }
  }

  /** Bytes of all files below, as processes see them. */
  bytes(): number {
    let bytes = 0;
    for (const entry of this.#cached.values()) bytes += entry instanceof Folder ? entry.bytes() : entry.size;
    return bytes;
  }

  #change(change: EntryChange): void {
    apply(this.#cached, change);
    this.#pending.push(change);
  }
}

function apply(names: Map<string, Entry>, change: EntryChange): void {
  for (const [name, entry] of change.steps) {
    if (entry === undefined) names.delete(name);
    else names.set(name, entry);
  }
}

function isKept(change: EntryChange, keepRate: number, random: Random): boolean {
  if (change.kept === undefined) {
    change.kept = random.chance(keepRate) && (change.arrival === undefined || isKept(change.arrival.change, keepRate, random));
  }
  return change.kept;
}
