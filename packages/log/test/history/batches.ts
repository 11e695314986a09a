// Batches for histories: small, distinguishable, with and without an idempotent producer.

import type { Compression } from "@varve/model";
import { BatchBuilder, baseOffsetOf, batchSize, crc32cInScript, lastOffsetOf, stampBatch } from "@varve/record";

/** Checksums without native code; nothing in a history is compressed. */
export const scriptCompression: Compression = {
  crc32c: (bytes) => crc32cInScript(bytes, 0, bytes.length),
  compress: () => {
    throw new Error("histories do not compress");
  },
  decompress: () => {
    throw new Error("histories do not compress");
  },
};

export interface BatchShape {
  readonly records: number;
  /** Of each record's value. */
  readonly valueBytes: number;
  readonly timestampMs: number;
  /** Told apart from all others by it. */
  readonly mark: number;
  readonly producer?: { readonly id: number; readonly epoch: number; readonly baseSequence: number };
}

/** A batch as a client sends it: base offset 0, no leader epoch. */
export function clientBatch(shape: BatchShape): Uint8Array {
  const builder = new BatchBuilder({ bytesTarget: 8_000_000, bytesMax: 8_000_000 }, scriptCompression);
  for (let record = 0; record < shape.records; record++) {
    builder.append(
      shape.timestampMs + record,
      `${shape.mark}/${record}`,
      new Uint8Array(shape.valueBytes).fill((shape.mark * 31 + record) & 0xff),
    );
  }
  return builder.finish(shape.producer === undefined ? {} : { producer: shape.producer });
}

/** A batch as a leader has stamped it. */
export function stampedBatch(shape: BatchShape, baseOffset: number, leaderEpoch: number): Uint8Array {
  const batch = clientBatch(shape);
  stampBatch(batch, 0, baseOffset, leaderEpoch);
  return batch;
}

/** One batch of a log. */
export interface StoredBatch {
  readonly base: number;
  /** The offset behind it. */
  readonly next: number;
  readonly bytes: Uint8Array;
}

/** Takes back-to-back batches apart; the bytes are copied. */
export function takeApart(bytes: Uint8Array): readonly StoredBatch[] {
  const batches: StoredBatch[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = batchSize(bytes, at);
    batches.push({ base: baseOffsetOf(bytes, at), next: lastOffsetOf(bytes, at) + 1, bytes: bytes.slice(at, at + size) });
    at += size;
  }
  return batches;
}

export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
