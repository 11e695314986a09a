// The entries of one folder, twice: as processes see them and as a power cut leaves them, with the ordered changes between.
// What a name stands for lives on its own: a renamed file may keep its new name and lose its content, and the other way round.

import type { Random } from "../random.ts";
import { type Content, type PowerCut, type Tally, unsyncedChangesMax } from "./content.ts";

/** What a name stands for. */
export type Entry = Content | Folder;

/** Names that change together or not at all. */
interface EntryChange {
  readonly sequence: number;
  readonly steps: readonly (readonly [name: string, entry: Entry | undefined])[];
  /** What must be durable for this to be: whatever gave the entry the name that it leaves; its arrival in the other folder. */
  readonly needs: readonly EntryChange[];
  /** The folder where the entry of a move out of this one arrives. */
  readonly arrivesIn?: Folder;
  /** Whether it is durable, or will be after the power cut of the moment; undefined until that is decided. */
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
    this.#change({ sequence, steps: [[name, entry]], needs: [] });
  }

  /** Renames: one change within a folder, two between folders, of which the arrival is durable first. */
  move(sequence: number, name: string, to: Folder, toName: string): void {
    const entry = this.#cached.get(name);
    const giver = this.#pending.findLast(({ steps }) => steps.some(([given, what]) => given === name && what === entry));
    const needs = giver === undefined ? [] : [giver];
    const leave = [name, undefined] as const;
    const arrive = [toName, entry] as const;
    if (to === this) return this.#change({ sequence, steps: [leave, arrive], needs });
    const arrival: EntryChange = { sequence, steps: [arrive], needs };
    to.#change(arrival);
    this.#change({ sequence, steps: [leave], needs: [arrival], arrivesIn: to });
  }

  /** The changes up to `sequence` are on the disk. */
  sync(sequence: number): void {
    for (let change = this.#pending[0]; change !== undefined && change.sequence <= sequence; change = this.#pending[0]) {
      this.#pending.shift();
      change.arrivesIn?.sync(change.sequence);
      change.kept = true;
      apply(this.#durable, change);
    }
  }

  /** A sync that dies half-way: a file system's journal keeps the order, so the first few changes reach the disk. */
  syncPartly(sequence: number, random: Random): void {
    const covered = this.#pending.filter((change) => change.sequence <= sequence);
    const last = covered[random.below(covered.length + 1) - 1];
    if (last !== undefined) this.sync(last.sequence);
  }

  /** A sync that fails: the changes up to `sequence` are never written. */
  loseSync(sequence: number): void {
    for (const change of this.#pending) if (change.sequence <= sequence) change.kept = false;
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
        entry.isNamed = true;
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
    if (this.#pending.length > unsyncedChangesMax) this.sync((this.#pending[0] as EntryChange).sequence);
  }
}

function apply(names: Map<string, Entry>, change: EntryChange): void {
  for (const [name, entry] of change.steps) {
    if (entry === undefined) names.delete(name);
    else names.set(name, entry);
  }
}

function isKept(change: EntryChange, keepRate: number, random: Random): boolean {
  change.kept ??= random.chance(keepRate) && change.needs.every((needed) => isKept(needed, keepRate, random));
  return change.kept;
}
