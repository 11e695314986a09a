// Readers that nobody waits for: a read begins at some step and ends whenever the disk lets it, beside whatever changes the log meanwhile.
// What it finds is judged then, and what it leaves behind by those who read everything later.

import type { Offset } from "@varve/model";
import { DiskError } from "@varve/runtime";
import type { Random } from "@varve/sim";
import type { PartitionLog } from "../../src/log.ts";
import { type PartitionModel, Violation } from "./model.ts";
import type { Step } from "./steps.ts";

const lookBytesMax = 1_000;
const looksPerStep = 0.25;

/** Strews looks among the steps. */
export function drawLooks(random: Random, steps: readonly Step[], partitions: number): readonly Step[] {
  return steps.flatMap((step): readonly Step[] => {
    if (!random.chance(looksPerStep)) return [step];
    return [{ kind: "look", partition: random.below(partitions), part: random.fraction() }, step];
  });
}

export class Looks {
  readonly #isOver: () => boolean;
  #failure: { readonly error: unknown } | undefined;

  /** @param isOver nothing that is read now counts: the process is dead, or its disk has failed. */
  constructor(isOver: () => boolean) {
    this.#isOver = isOver;
  }

  /** Begins to read at a part of the records. */
  begin(model: PartitionModel, log: PartitionLog, part: number): void {
    const from = Math.floor(model.start + part * (model.end - model.start));
    this.#look(model, log, from as Offset).catch((error: unknown) => {
      this.#failure ??= { error };
    });
  }

  /** @throws what a read has found that no read may find. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #look(model: PartitionModel, log: PartitionLog, from: Offset): Promise<void> {
    try {
      const result = await log.read(from, lookBytesMax, log.logEnd);
      if (result.kind === "damaged" && !this.#isOver())
        throw new Violation(`${model.name}: a read at ${from} finds damage: ${result.error.message}`);
    } catch (error) {
      // The log may have been dropped or the disk refuse the read meanwhile.
      if (error instanceof Violation || !(error instanceof DiskError || log.offline !== undefined || this.#isOver())) throw error;
    }
  }
}
