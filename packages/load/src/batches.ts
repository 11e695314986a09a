// Record batches that are made before the clock runs, so that what is measured is not their making.

import type { Compression } from "@varve/model";
import { BatchBuilder, batchHeaderBytes } from "@varve/record";

/** A batch of `recordCount` records with values of `valueBytes` and no keys. @param nowMs their time. */
export function batchOfRecords(recordCount: number, valueBytes: number, nowMs: number, compression: Compression): Uint8Array {
  return build(new Array<number>(recordCount).fill(valueBytes), nowMs, compression);
}

/** The largest that a record of n value bytes is beyond them. */
const recordOverheadBytesMax = 24;

/** A batch of exactly `sizeBytes`, of records with about `valueBytes` each. @throws {RangeError} when there is none. */
export function batchOfSize(sizeBytes: number, valueBytes: number, nowMs: number, compression: Compression): Uint8Array {
  const count = Math.max(1, Math.floor((sizeBytes - batchHeaderBytes) / (valueBytes + recordOverheadBytesMax)));
  const values = new Array<number>(count).fill(valueBytes);
  // The last value takes up what is missing; its own length field may grow on the way, hence more than one step.
  for (let step = 0; step < 4; step++) {
    const batch = build(values, nowMs, compression);
    if (batch.length === sizeBytes) return batch;
    values[count - 1] = Math.max(0, values[count - 1]! + sizeBytes - batch.length);
  }
  throw new RangeError(`no batch of ${sizeBytes} bytes can be made of ${count} records`);
}

function build(values: readonly number[], nowMs: number, compression: Compression): Uint8Array {
  const bytesMax = values.reduce((sum, value) => sum + value + recordOverheadBytesMax, batchHeaderBytes);
  const builder = new BatchBuilder({ bytesTarget: bytesMax, bytesMax }, compression);
  for (const value of values) builder.append(nowMs, null, new Uint8Array(value).fill(0x61));
  return builder.finish();
}
