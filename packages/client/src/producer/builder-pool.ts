// Batch builders that are not in use: a builder keeps the array that it wrote a small batch in, so the next batch needs no new one.

import type { Compression } from "@varve/model";
import { BatchBuilder, type BatchLimits } from "@varve/record";

/** Builders that are kept for later. */
export const spareBuildersMax = 32;
/** A builder's first array has this size, or that of a full batch when it is smaller. */
const firstArrayBytesMax = 65_536;

export class BuilderPool {
  readonly #limits: BatchLimits;
  readonly #compression: Compression;
  readonly #firstArrayBytes: number;
  readonly #spare: BatchBuilder[] = [];

  constructor(limits: BatchLimits, compression: Compression) {
    this.#limits = limits;
    this.#compression = compression;
    this.#firstArrayBytes = Math.min(limits.bytesTarget, firstArrayBytesMax);
  }

  take(): BatchBuilder {
    return this.#spare.pop() ?? new BatchBuilder(this.#limits, this.#compression);
  }

  /** @param builder nobody uses it any more. One that still holds records is let go. */
  put(builder: BatchBuilder): void {
    if (builder.recordCount === 0 && this.#spare.length < spareBuildersMax) this.#spare.push(builder);
  }

  /** What an open batch costs in memory: its array, also where it is empty yet. */
  heldBytes(builder: BatchBuilder): number {
    return Math.max(this.#firstArrayBytes, builder.sizeBytes);
  }
}
