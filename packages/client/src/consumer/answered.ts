// What a fetch brought for one partition: the batches that are whole and undamaged, and the damage behind them, if there is some.

import type { Compression, Offset } from "@varve/model";
import { baseOffsetOf, batchHeaderBytes, batchSize, checkStoredBatch, lastOffsetOf } from "@varve/record";

export interface CheckedBatches {
  /** Whole batches, every checksum right. */
  readonly bytes: Uint8Array;
  /** Behind the last of them; where the fetch began when there is none. */
  readonly nextOffset: Offset;
  /** What is wrong behind them. */
  readonly damage: { readonly message: string; readonly resumeAt: Offset } | undefined;
}

/**
 * @param bytes batches back to back. @param from the first record that was asked for.
 * @param highWatermark where reading goes on at the latest when the damage does not say how far it reaches.
 */
export function checkBatches(bytes: Uint8Array, from: Offset, highWatermark: Offset, compression: Compression): CheckedBatches {
  let at = 0;
  let nextOffset = from;
  while (at < bytes.length) {
    const failure = checkStoredBatch(bytes, at, compression);
    if (failure !== undefined) {
      const resumeAt = behindDamage(bytes, at, nextOffset, highWatermark, compression);
      return { bytes: bytes.subarray(0, at), nextOffset, damage: { message: failure.message, resumeAt } };
    }
    nextOffset = Math.max(nextOffset, lastOffsetOf(bytes, at) + 1) as Offset;
    at += batchSize(bytes, at);
  }
  return { bytes, nextOffset, damage: undefined };
}

/** The batch at `at` cannot be believed: what follows it says most, then its own last offset if that can be. */
function behindDamage(bytes: Uint8Array, at: number, from: Offset, highWatermark: Offset, compression: Compression): Offset {
  if (bytes.length - at >= batchHeaderBytes) {
    const behind = at + batchSize(bytes, at);
    const isBehind = behind > at && behind < bytes.length && checkStoredBatch(bytes, behind, compression) === undefined;
    const baseOffset = isBehind ? baseOffsetOf(bytes, behind) : -1;
    if (baseOffset > from && baseOffset <= highWatermark) return baseOffset as Offset;
    const lastOffset = lastOffsetOf(bytes, at);
    if (Number.isSafeInteger(lastOffset) && lastOffset >= from && lastOffset < highWatermark) return (lastOffset + 1) as Offset;
  }
  return Math.max(from + 1, highWatermark) as Offset;
}
