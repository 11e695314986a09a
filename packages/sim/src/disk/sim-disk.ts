// One machine's disk: the tree of files, the effects on it, numbered, and what goes wrong with them. It outlives the processes
// that use it; what they see of it is port.ts. Two deaths: a process dies (the cache lives) and the power goes (content.ts, folder.ts).

import { InvariantError } from "@varve/model";
import { DiskError, type DiskErrorKind } from "@varve/runtime";
import type { Death, Life } from "../life.ts";
import type { Random } from "../random.ts";
import { quiet, type Scheduler } from "../scheduler.ts";
import type { Content, PowerCut } from "./content.ts";
import { type DiskFaults, soundDisk } from "./faults.ts";
import { Folder } from "./folder.ts";

/** Where in an effect the machine dies: it has not begun, it is half done, or it is done and nobody was told. */
export type Moment = "before" | "torn" | "after";

export interface SimDiskOptions {
  readonly random: Random;
  readonly scheduler: Scheduler;
  /** The node's name in the trace. */
  readonly name?: string;
  /** Kills the process (and, at a power cut, calls `cutPower`) when an effect that `dieAt` named is reached. */
  readonly die?: (death: Death) => void;
  readonly faults?: DiskFaults;
  /** A disk of 1 TiB when not given. */
  readonly capacityBytes?: number;
  readonly openFilesMax?: number;
}

/** A change of the disk: what it does when it happens, and when it happens half. */
export interface Effect<Value> {
  readonly kind: string;
  readonly path: string;
  /** Goes into the trace: a position, a length, or a hash of the content. */
  readonly value?: number;
  apply(): Value;
  /** Half of it, for the machine that dies in its middle. */
  tear?(random: Random): void;
}

/** An asynchronous change that a process has asked for and that has not happened. */
interface InFlight {
  readonly effect: Effect<unknown>;
}

const tebibyte = 1_099_511_627_776;
/** What a new file or folder takes. */
export const entryBytes = 64;

/** The disk itself. */
export class SimDisk {
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly name: string;
  faults: DiskFaults;
  /** May be lowered below what is used: then nothing can be written until something is removed. */
  capacityBytes: number;
  openFilesMax: number;
  readonly root: Folder = new Folder();
  /** Bytes of all files that have a name. */
  usedBytes = 0;
  /** Files that the process holds open. */
  openFiles = 0;
  /** How many effects there have been. The next one has this number plus one. */
  effects = 0;
  /** Tests may watch what happens to the disk: called with each effect when it happens, just before. */
  onEffect: ((ordinal: number, kind: string, path: string) => void) | undefined;
  readonly #die: (death: Death) => void;
  readonly #inFlight = new Set<InFlight>();
  readonly #latencies: Random;
  readonly #faultDraws: Random;
  #sequence = 0;
  #hasStopped = false;
  #stalledUntilMs = 0;
  #doom: { readonly ordinal: number; readonly moment: Moment; readonly death: Death } | undefined;
  #failSyncOf: string | undefined;
  #refused: { readonly kind: string; readonly path: string; readonly error: DiskErrorKind } | undefined;
  #lockedBy: Life | undefined;

  constructor(options: SimDiskOptions) {
    this.random = options.random.stream("cut");
    this.#latencies = options.random.stream("latency");
    this.#faultDraws = options.random.stream("faults");
    this.scheduler = options.scheduler;
    this.name = options.name ?? "";
    this.faults = options.faults ?? soundDisk;
    this.capacityBytes = options.capacityBytes ?? tebibyte;
    this.openFilesMax = options.openFilesMax ?? 65_536;
    this.#die = options.die ?? (() => {});
  }

  /** A number for the next change. */
  nextSequence(): number {
    return ++this.#sequence;
  }

  /** The machine dies at the effect with this number, counted from the disk's first. Replaces an earlier order. */
  dieAt(ordinal: number, moment: Moment, death: Death): void {
    this.#doom = { ordinal, moment, death };
  }

  /** The next sync (of `path`, when given) fails, once. */
  failNextSync(path = ""): void {
    this.#failSyncOf = path;
  }

  /**
   * The file system could not write its own journal: it changes nothing more, and what is read is as it was, until the machine starts
   * anew from what is on the disk. Source: "Can applications recover from fsync failures?", USENIX ATC 2020 (ext4 becomes read-only, XFS
   * shuts down, btrfs aborts).
   */
  stop(): void {
    this.count("disk.fault.stopped");
    this.#hasStopped = true;
  }

  /** Whether every change is refused until the power has gone. */
  get hasStopped(): boolean {
    return this.#hasStopped;
  }

  /** The next effect of this kind on `path` is refused, once, and changes nothing. */
  refuseNext(kind: string, path: string, error: DiskErrorKind): void {
    this.#refused = { kind, path, error };
  }

  /** Nothing completes for so long. */
  stall(durationMs: number): void {
    this.count("disk.fault.stall-all");
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.scheduler.nowMs + durationMs);
  }

  /** The process is gone: what it had asked for and was not done happens or does not; what it had written stays. Its lock is free. */
  processDied(): void {
    this.#lockedBy = undefined;
    for (const { effect } of this.#inFlight) {
      const outcome = this.random.below(3);
      if (outcome === 0) continue;
      try {
        if (outcome === 1) this.#apply(effect);
        else effect.tear?.(this.random);
        this.count("disk.fault.done-after-death");
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
      }
    }
    this.#inFlight.clear();
    this.openFiles = 0;
  }

  /** The power goes: only what was synced is sure to stay. The process must be dead. */
  cutPower(cut: PowerCut = "draw"): void {
    this.count("disk.fault.power-cut");
    this.#hasStopped = false;
    this.root.cutPower(cut, this.random, (fault) => this.count(fault));
    this.usedBytes = this.root.bytes();
  }

  /** Whole content of a file: as processes see it, or as it is on the disk. @throws {DiskError} not-found. */
  contents(path: string, image: "cached" | "durable" = "cached"): Uint8Array {
    return this.file(path).image(image);
  }

  /** Turns one bit of a file, in the cache and on the disk. @param bit 0 to 7, the lowest is 0. */
  flipBit(path: string, position: number, bit = 0): void {
    const byte = this.file(path).image("cached")[position] ?? this.file(path).image("durable")[position];
    if (byte === undefined) throw new DiskError("io", path, `no byte ${position} to damage`);
    this.overwrite(path, position, Uint8Array.of(byte ^ (1 << bit)), "disk.fault.bit-flip");
  }

  /** The sector that holds this byte of a file cannot be read any more, until it is written as a whole. */
  spoil(path: string, position: number): void {
    this.count("disk.fault.bad-sector");
    this.file(path).spoil(position);
  }

  /** Puts other bytes into a file, in the cache and on the disk: a lost, a stale or a misdirected write. Does not lengthen it. */
  overwrite(path: string, position: number, bytes: Uint8Array, fault = "disk.fault.overwrite"): void {
    this.count(fault);
    this.file(path).overwrite(position, bytes);
  }

  /** Cuts or lengthens a file, in the cache and on the disk. */
  overwriteLength(path: string, length: number): void {
    this.count("disk.fault.length");
    const file = this.file(path);
    this.usedBytes += length - file.size;
    file.overwriteLength(length);
  }

  /** @throws {DiskError} not-found. */
  file(path: string): Content {
    const { folder, name } = this.resolve(path);
    const entry = folder.get(name);
    if (entry === undefined) throw new DiskError("not-found", path, "no such file");
    if (entry instanceof Folder) throw new DiskError("io", path, "is a folder");
    return entry;
  }

  /** @param path "" is the root. @throws {DiskError} not-found. */
  folder(path: string): Folder {
    return path === "" ? this.root : this.#descend(path, namesOf(path));
  }

  /** Folder and last name of a path. @throws {DiskError} not-found, when the folder is missing. */
  resolve(path: string): { readonly folder: Folder; readonly name: string } {
    const names = namesOf(path);
    return { folder: this.#descend(path, names.slice(0, -1)), name: names.at(-1) as string };
  }

  /** @throws {DiskError} no-space when `bytes` more do not fit. */
  claim(path: string, bytes: number): void {
    if (bytes > this.capacityBytes - this.usedBytes) {
      this.count("disk.fault.full");
      throw new DiskError("no-space", path, `no space for ${bytes} more bytes, ${this.usedBytes} of ${this.capacityBytes} are used`);
    }
  }

  /** @throws {DiskError} locked. */
  lock(life: Life): void {
    if (this.#lockedBy?.alive) throw new DiskError("locked", "", "another process holds this data directory");
    this.#lockedBy = life;
  }

  unlock(life: Life): void {
    if (this.#lockedBy === life) this.#lockedBy = undefined;
  }

  /** Does `effect` now, unless the machine dies at it. */
  perform<Value>(effect: Effect<Value>): Value | undefined {
    const ordinal = ++this.effects;
    this.onEffect?.(ordinal, effect.kind, effect.path);
    this.scheduler.trace.event(this.scheduler.nowMs, effect.kind, this.name, effect.path, effect.value);
    const doom = this.#doom;
    if (doom?.ordinal !== ordinal) return this.#apply(effect);
    this.#doom = undefined;
    try {
      if (doom.moment === "after") this.#apply(effect);
      if (doom.moment === "torn") effect.tear?.(this.random);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
    this.count(`disk.death.${doom.death}`);
    this.#die(doom.death);
    return undefined;
  }

  /** Does `effect` when `meanMs` have passed, more or less, and gives its outcome to the process if that lives. */
  plan<Value>(life: Life, meanMs: number, effect: Effect<Value>): Promise<Value> {
    const inFlight: InFlight = { effect };
    this.#inFlight.add(inFlight);
    return this.#later(life, meanMs, () => {
      this.#inFlight.delete(inFlight);
      return this.perform(effect) as Value;
    });
  }

  /** As `plan`, for what changes nothing on the disk: it has no number, and is forgotten when the process dies. */
  look<Value>(life: Life, meanMs: number, look: () => Value): Promise<Value> {
    return this.#later(life, meanMs, look);
  }

  /** Whether the sync of `path` that is about to happen fails. */
  syncFails(path: string): boolean {
    const ordered = this.#failSyncOf !== undefined && (this.#failSyncOf === "" || this.#failSyncOf === path);
    if (ordered) this.#failSyncOf = undefined;
    if (!ordered && !this.#faultDraws.chance(this.faults.syncFails)) return false;
    this.count("disk.fault.sync-failed");
    return true;
  }

  /** Whether the read that is about to happen fails. */
  readFails(): boolean {
    if (!this.#faultDraws.chance(this.faults.readFails)) return false;
    this.count("disk.fault.read-failed");
    return true;
  }

  /** Whether the sync of a file that is about to happen finds no room for what was written. */
  syncWantsRoom(): boolean {
    return this.#happens(this.faults.syncWantsRoom, "disk.fault.sync-wants-room");
  }

  /** Whether the operating system refuses what the disk could do. */
  refuses(kind: "no-space" | "too-many-files"): boolean {
    return this.#happens(kind === "no-space" ? this.faults.noSpace : this.faults.tooManyFiles, `disk.fault.refused-${kind}`);
  }

  /** @throws {DiskError} when it does. */
  mayRefuse(kind: "no-space" | "too-many-files", path: string): void {
    if (this.refuses(kind)) throw new DiskError(kind, path, "refused, as drawn");
  }

  count(fault: string): void {
    this.scheduler.trace.count(fault);
  }

  #apply<Value>(effect: Effect<Value>): Value {
    if (this.#hasStopped) throw new DiskError("io", effect.path, "the file system has stopped");
    const refused = this.#refused;
    if (refused?.kind === effect.kind && refused.path === effect.path) {
      this.#refused = undefined;
      this.count("disk.fault.refused");
      throw new DiskError(refused.error, effect.path, `${effect.kind} is refused`);
    }
    return effect.apply();
  }

  #happens(probability: number, fault: string): boolean {
    // Without a draw where there is nothing to draw: what a disk that refuses nothing does from its seed stays the same.
    if (probability === 0 || !this.#faultDraws.chance(probability)) return false;
    this.count(fault);
    return true;
  }

  #descend(path: string, names: readonly string[]): Folder {
    let folder = this.root;
    for (const name of names) {
      const entry = folder.get(name);
      if (!(entry instanceof Folder)) throw new DiskError("not-found", path, "no such folder");
      folder = entry;
    }
    return folder;
  }

  #later<Value>(life: Life, meanMs: number, act: () => Value): Promise<Value> {
    return new Promise((resolve, reject) => {
      const attempt = (): unknown => {
        if (!life.alive) return quiet;
        const stuckMs = this.#stalledUntilMs - this.scheduler.nowMs;
        if (stuckMs > 0) {
          this.scheduler.after(stuckMs + this.#latencyMs(meanMs), attempt);
          return quiet;
        }
        let outcome: { readonly value: Value } | { readonly error: unknown };
        try {
          outcome = { value: act() };
        } catch (error) {
          outcome = { error };
        }
        return life.deliver(() => ("error" in outcome ? reject(outcome.error) : resolve(outcome.value)));
      };
      this.scheduler.after(this.#latencyMs(meanMs), attempt);
    });
  }

  #latencyMs(meanMs: number): number {
    if (this.#faultDraws.chance(this.faults.stalls)) {
      this.count("disk.fault.stall");
      return this.#latencies.exponential(this.faults.stallMs);
    }
    return meanMs / 4 + this.#latencies.exponential(meanMs * 0.75);
  }
}

function namesOf(path: string): readonly string[] {
  const names = path.split("/");
  for (const name of names) {
    if (name === "" || name === "." || name === ".." || name.includes("\0")) {
      throw new InvariantError(`${JSON.stringify(path)} is not a path below the data directory`);
    }
  }
  return names;
}
