// Spells in which the operating system refuses what the disk could do: the process has no file left to open, or there is no room. The
// disk is healthy, nothing that was written is lost, and what was refused works again when the spell is over.

import { type DiskOnly, type Random, soundDisk } from "@varve/sim";
import type { Step } from "./steps.ts";

/** What is refused, how often, and for how long in virtual time. */
export interface Spell {
  /** Probabilities, as in `DiskFaults`. */
  readonly tooManyFiles: number;
  readonly noSpace: number;
  readonly syncWantsRoom: number;
  readonly ms: number;
}

/** The spells of a history that do not begin with a step. */
export interface Refusals {
  /** From the opening of each life until it is through or gives up. */
  readonly openings: readonly (Spell | undefined)[];
  /** From the beginning of each clean shutdown. */
  readonly closing: Spell | undefined;
}

const spellMs = [2, 20, 200, 1_500] as const;
/** The lives that may begin in a spell. */
const livesMax = 6;

/** A third of all histories has none. @returns the steps with the spells among them that begin between steps. */
export function drawRefusals(random: Random, steps: readonly Step[]): { readonly steps: readonly Step[]; readonly refusals: Refusals } {
  const often = random.pick([0, 0, 0.05, 0.1, 0.2, 0.3]);
  if (often === 0) return { steps, refusals: { openings: [], closing: undefined } };
  const kind = random.pick(["too-many-files", "too-many-files", "no-space", "both"] as const);
  const draw = (): Spell => drawSpell(random, kind);
  return {
    steps: steps.flatMap((step): readonly Step[] => (random.chance(often) ? [{ kind: "refuse", spell: draw() }, step] : [step])),
    refusals: {
      openings: Array.from({ length: livesMax }, () => (random.chance(0.3) ? draw() : undefined)),
      closing: random.chance(0.3) ? draw() : undefined,
    },
  };
}

function drawSpell(random: Random, kind: "too-many-files" | "no-space" | "both"): Spell {
  const often = random.pick([0.05, 0.2, 0.5, 1]);
  return {
    tooManyFiles: kind === "no-space" ? 0 : often,
    noSpace: kind === "too-many-files" ? 0 : often,
    syncWantsRoom: kind === "too-many-files" || random.chance(0.7) ? 0 : often / 20,
    ms: random.pick(spellMs),
  };
}

/** Reads take long enough for a log to change beside them. */
const calmDisk = { ...soundDisk, readMs: 2 };

/** Begins a spell, which ends at `endRefusals`. */
export function beginRefusals({ disk }: DiskOnly, { tooManyFiles, noSpace, syncWantsRoom }: Spell): void {
  disk.faults = { ...calmDisk, tooManyFiles, noSpace, syncWantsRoom };
}

export function endRefusals({ disk }: DiskOnly): void {
  disk.faults = calmDisk;
}

export function isRefusing({ disk }: DiskOnly): boolean {
  return disk.faults.tooManyFiles + disk.faults.noSpace + disk.faults.syncWantsRoom > 0;
}

/** How often anything was refused so far. */
export function refusalsOf({ trace }: DiskOnly): number {
  const count = (what: string) => trace.counts.get(`disk.fault.${what}`) ?? 0;
  return count("refused-too-many-files") + count("refused-no-space") + count("sync-wants-room");
}
