// The frames of the journal, in order, folded into what each partition's log must become. Pure: it reads no file and changes none;
// recovery.ts makes the logs so. The rules are docs/formats/journal.md, "Recovery".

import { InvariantError, type Offset, offsetZero } from "@varve/model";
import type { Trusted } from "../segments/position.ts";
import type { Frame, Mark } from "./frame.ts";
import { isNewer } from "./journal-partition.ts";

/** What is known of a partition besides its frames. */
export interface KnownPartition {
  /** lsn of the `create` frame that this folder came from: what is older belongs to an earlier life of the same id. */
  readonly incarnation: number;
  /** From the recovery point checkpoint. */
  readonly mark: Mark | undefined;
  /** From the log start checkpoint: the start as of an lsn. */
  readonly start: { readonly offset: Offset; readonly lsn: number } | undefined;
}

/** A place where the log ended for a moment. */
interface Ending {
  readonly kind: "truncate" | "reset";
  readonly lsn: number;
  readonly offset: Offset;
}

/** What a partition's log must become. */
export type Outcome =
  | { readonly kind: "gone" }
  | {
      readonly kind: "present";
      /** Below it the segments are as they must be. */
      readonly trusted: Trusted;
      /** A `reset` came last: whatever the folder holds, the log is empty and begins at this offset before the redo. */
      readonly resetAt: Offset | undefined;
      readonly logStart: Offset;
      /** The frames say where the log ends; else what stands behind `trusted` is adopted as far as it is whole. */
      readonly isBounded: boolean;
      /** Newest lsn of the partition, its incarnation at least. */
      readonly lastLsn: number;
    };

/** The frames of one partition, folded as they come. */
class PartitionFold {
  readonly known: KnownPartition;
  mark: Mark | undefined;
  start: { readonly offset: Offset; readonly lsn: number };
  endings: Ending[] = [];
  lastAppendLsn = 0;
  lastLsn: number;
  isGone = false;

  constructor(known: KnownPartition) {
    this.known = known;
    this.mark = known.mark !== undefined && known.mark.covers >= known.incarnation ? known.mark : undefined;
    this.start =
      known.start !== undefined && known.start.lsn >= known.incarnation ? known.start : { offset: offsetZero, lsn: known.incarnation };
    this.lastLsn = Math.max(known.incarnation, this.mark?.covers ?? 0, this.start.lsn);
  }

  /** Frames up to this lsn are void. */
  get covered(): number {
    return this.mark?.covers ?? this.known.incarnation;
  }

  add(frame: Frame): void {
    if (frame.lsn <= this.known.incarnation) return;
    this.lastLsn = Math.max(this.lastLsn, frame.lsn);
    switch (frame.kind) {
      case "append":
        if (frame.lsn > this.covered) this.lastAppendLsn = frame.lsn;
        return;
      case "truncate":
        if (frame.lsn > this.covered) this.endings.push({ kind: "truncate", lsn: frame.lsn, offset: frame.end });
        return;
      case "reset":
        if (frame.lsn > this.start.lsn) this.start = { offset: frame.start, lsn: frame.lsn };
        if (frame.lsn > this.covered) this.endings.push({ kind: "reset", lsn: frame.lsn, offset: frame.start });
        return;
      case "start":
        if (frame.lsn > this.start.lsn) this.start = { offset: Math.max(frame.start, this.start.offset) as Offset, lsn: frame.lsn };
        return;
      case "mark":
        if (this.mark !== undefined && !isNewer(frame.mark, this.mark)) return;
        this.mark = frame.mark;
        this.endings = this.endings.filter(({ lsn }) => lsn > frame.mark.covers);
        return;
      case "drop":
        this.isGone = true;
        return;
      case "create":
        throw new InvariantError(`${frame.key}: frame ${frame.lsn} creates it, but its folder is older (${this.known.incarnation})`);
    }
  }

  outcome(): Outcome {
    if (this.isGone) return { kind: "gone" };
    const { trusted, resetAt } = this.trusted();
    const isBounded = this.lastAppendLsn > this.covered || this.endings.length > 0;
    return { kind: "present", trusted, resetAt, logStart: this.start.offset, isBounded, lastLsn: this.lastLsn };
  }

  /** The mark, unless a later frame ended the log below it. */
  trusted(): { readonly trusted: Trusted; readonly resetAt: Offset | undefined; readonly redoBehind: number } {
    // A log that was never marked is trusted where it began: what lies below a raised start was never known to be synced either.
    let trusted: Trusted =
      this.mark === undefined ? { kind: "offset", offset: offsetZero } : { kind: "position", position: this.mark.position };
    let resetAt: Offset | undefined;
    let redoBehind = this.covered;
    for (const ending of this.endings) {
      const offset = trusted.kind === "position" ? trusted.position.offset : trusted.kind === "offset" ? trusted.offset : ending.offset;
      if (ending.kind === "truncate" && ending.offset >= offset) continue;
      trusted = { kind: "offset", offset: ending.offset };
      redoBehind = ending.lsn;
      if (ending.kind === "reset") resetAt = ending.offset;
    }
    return { trusted, resetAt, redoBehind };
  }
}

/** All partitions. Frames are added in the order of their lsn. */
export class Fold {
  readonly #partitions = new Map<string, PartitionFold>();
  readonly #dropped = new Set<string>();
  readonly #missing = new Set<string>();

  constructor(known: ReadonlyMap<string, KnownPartition>) {
    for (const [key, partition] of known) this.#partitions.set(key, new PartitionFold(partition));
  }

  add(frame: Frame): void {
    const partition = this.#partitions.get(frame.key);
    if (partition !== undefined) partition.add(frame);
    else if (frame.kind === "drop") {
      this.#dropped.add(frame.key);
      this.#missing.delete(frame.key);
      // A partition writes frames only once its folder is durable; a `create` comes before it.
    } else if (frame.kind !== "create") this.#missing.add(frame.key);
  }

  /** Partitions that have no complete folder, and that frames say are dropped: what is left of their folders goes, a making that was cut short too. */
  get dropped(): ReadonlySet<string> {
    return this.#dropped;
  }

  /** Partitions that have frames, and neither a folder nor a `drop`. */
  get missing(): ReadonlySet<string> {
    return this.#missing;
  }

  outcomes(): ReadonlyMap<string, Outcome> {
    return new Map([...this.#partitions].map(([key, partition]) => [key, partition.outcome()]));
  }

  /** For the second reading of the frames: which of them are written again. */
  redo(): Redo {
    return new Redo(
      new Map(
        [...this.#partitions]
          .filter(([, { isGone }]) => !isGone)
          .map(([key, partition]) => [key, { behind: partition.trusted().redoBehind, endings: partition.endings }]),
      ),
    );
  }
}

/** Which appends survive. */
export class Redo {
  readonly #partitions: ReadonlyMap<string, { readonly behind: number; readonly endings: readonly Ending[] }>;

  constructor(partitions: ReadonlyMap<string, { readonly behind: number; readonly endings: readonly Ending[] }>) {
    this.#partitions = partitions;
  }

  /** @returns below which offset the batches of an append frame are part of the log; undefined when none of them is. */
  limit(key: string, lsn: number): number | undefined {
    const partition = this.#partitions.get(key);
    if (partition === undefined || lsn <= partition.behind) return undefined;
    let limit = Number.POSITIVE_INFINITY;
    for (const ending of partition.endings) if (ending.lsn > lsn) limit = Math.min(limit, ending.offset);
    return limit;
  }
}
