// What can happen to logs, as data: drawn from a seed, printed when a check fails, written by hand for the exhaustive tests.

import type { Random } from "@varve/sim";
import type { Spell } from "./refusals.ts";

/** One step; partitions are numbers from 0. A step that does not fit what it meets (a truncation of no log) is passed over. */
export type Step =
  | { readonly kind: "create"; readonly partition: number; readonly durability: "fsync" | "replicated" }
  | { readonly kind: "drop"; readonly partition: number }
  | {
      readonly kind: "append";
      readonly partition: number;
      readonly records: number;
      readonly valueBytes: number;
      readonly idempotent: boolean;
    }
  /** The batch that an idempotent producer sent so many batches ago comes again. */
  | { readonly kind: "retry"; readonly partition: number; readonly back: number }
  | { readonly kind: "follow"; readonly partition: number; readonly batches: number; readonly valueBytes: number }
  /** Appends of all partitions in turn, until the journal has no room for another. */
  | { readonly kind: "fill"; readonly valueBytes: number }
  /** A new leader epoch. */
  | { readonly kind: "epoch"; readonly partition: number }
  /** Cuts at so many offsets below the end. */
  | { readonly kind: "truncate"; readonly partition: number; readonly back: number }
  /** Begins again at so many offsets from the end, in either direction. */
  | { readonly kind: "reset"; readonly partition: number; readonly ahead: number }
  /** Deletes the first of so many parts of the records. */
  | { readonly kind: "raise"; readonly partition: number; readonly part: number }
  | { readonly kind: "retain"; readonly partition: number }
  /** Begins to read behind so much of the records. */
  | { readonly kind: "look"; readonly partition: number; readonly part: number }
  | { readonly kind: "durability"; readonly partition: number; readonly to: "fsync" | "replicated" }
  /** Virtual time passes. */
  | { readonly kind: "wait"; readonly ms: number }
  /** Everything that is under way ends, and all is durable that can be. */
  | { readonly kind: "settle" }
  | { readonly kind: "restart" }
  | { readonly kind: "stall"; readonly ms: number }
  /** The disk is full, but for so many bytes. */
  | { readonly kind: "full"; readonly freeBytes: number }
  | { readonly kind: "room" }
  /** For a while the operating system refuses what the disk could do. */
  | { readonly kind: "refuse"; readonly spell: Spell }
  /**
   * The next sync of a file fails; the process ends, as it must. Not one of a folder: names live in the file system's own journal, which
   * never says that it failed and then goes on as if it had not.
   */
  | { readonly kind: "sync-fails"; readonly partition: number; readonly file: "segment" | "0000.journal" | "0001.journal" };

type DrawnKind = Exclude<Step["kind"], "refuse">;

/** Weights of the kinds in a drawn history; refusals are strewn among them. */
const weights: readonly (readonly [DrawnKind, number])[] = [
  ["append", 40],
  ["wait", 18],
  ["follow", 6],
  ["fill", 2],
  ["retry", 4],
  ["truncate", 6],
  ["raise", 3],
  ["reset", 2],
  ["retain", 2],
  ["epoch", 2],
  ["durability", 3],
  ["drop", 2],
  ["create", 3],
  ["settle", 3],
  ["restart", 1],
  ["stall", 2],
  ["full", 1],
  ["room", 2],
  ["sync-fails", 1],
];
const weightSum = weights.reduce((sum, [, weight]) => sum + weight, 0);

export function drawHistory(random: Random, length: number, partitions: number): readonly Step[] {
  const steps: Step[] = [];
  for (let partition = 0; partition < partitions; partition++)
    steps.push({ kind: "create", partition, durability: drawDurability(random) });
  while (steps.length < length) steps.push(drawStep(random, partitions));
  return steps;
}

function drawDurability(random: Random): "fsync" | "replicated" {
  return random.chance(0.75) ? "fsync" : "replicated";
}

function drawKind(random: Random): DrawnKind {
  let left = random.fraction() * weightSum;
  for (const [kind, weight] of weights) {
    left -= weight;
    if (left < 0) return kind;
  }
  return "wait";
}

function drawStep(random: Random, partitions: number): Step {
  const partition = random.below(partitions);
  const kind = drawKind(random);
  switch (kind) {
    case "append":
      return {
        kind,
        partition,
        records: random.integer(1, 4),
        valueBytes: random.pick([1, 20, 200, 600, 600, 3000]),
        idempotent: random.chance(0.4),
      };
    case "follow":
      return { kind, partition, batches: random.integer(1, 3), valueBytes: random.pick([1, 100, 600]) };
    case "fill":
      return { kind, valueBytes: random.pick([1, 20, 60]) };
    case "retry":
      return { kind, partition, back: random.below(5) };
    case "truncate":
      return { kind, partition, back: random.pick([0, 1, 2, 3, 5, 8, 13, 1000]) };
    case "reset":
      return { kind, partition, ahead: random.integer(-10, 10) };
    case "raise":
      return { kind, partition, part: random.pick([1, 2, 3, 10]) };
    case "durability":
      return { kind, partition, to: drawDurability(random) };
    case "create":
      return { kind, partition, durability: drawDurability(random) };
    case "wait":
      return { kind, ms: random.pick([0, 0.5, 1, 2, 5, 20, 200]) };
    case "stall":
      return { kind, ms: random.pick([1, 10, 100]) };
    case "full":
      return { kind, freeBytes: random.pick([0, 100, 1000, 5000]) };
    case "look":
      return { kind, partition, part: random.fraction() };
    case "settle":
    case "restart":
    case "room":
      return { kind };
    case "sync-fails":
      return { kind, partition, file: random.pick(["segment", "segment", "0000.journal", "0001.journal"] as const) };
    default:
      return { kind, partition };
  }
}

export function printHistory(steps: readonly Step[]): string {
  return steps.map((step) => JSON.stringify(step)).join("\n");
}
