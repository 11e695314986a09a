// Batch builders that are not in use: a builder keeps the array that it wrote a small batch in, so the next batch needs no new one.

import type { Compression } from "@varve/model";
import { BatchBuilder, type BatchLimits } from "@varve/record";

/** Builders that are kept for later. */
export const spareBuildersMax = 32;
/** Arrays that are kept for later. */
export const spareArraysMax = 64;
/** A builder's first array has this size, or that of a full batch when it is smaller. */
const firstArrayBytesMax = 65_536;

export class BuilderPool {
  readonly #limits: BatchLimits;
  readonly #compression: Compression;
  readonly #firstArrayBytes: number;
  readonly #spare: BatchBuilder[] = [];
  readonly #arrays: Uint8Array[] = [];

  constructor(limits: BatchLimits, compression: Compression) {
    this.#limits = limits;
    this.#compression = compression;
    this.#firstArrayBytes = Math.min(limits.bytesTarget, firstArrayBytesMax);
  }

  take(): BatchBuilder {
    const builder = this.#spare.pop() ?? new BatchBuilder(this.#limits, this.#compression);
    const array = this.#arrays.at(-1);
    if (array !== undefined && builder.provide(array)) this.#arrays.pop();
    return builder;
  }

  /** @param batch nobody reads it any more, and nobody will. */
  recycle(batch: Uint8Array): void {
    const { buffer, byteOffset } = batch;
    const fits = byteOffset === 0 && buffer.byteLength === this.#firstArrayBytes;
    if (fits && this.#arrays.length < spareArraysMax) this.#arrays.push(new Uint8Array(buffer));
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
