// Reading and stamping a batch's header in place. Nothing here looks at the records, or checks what it reads: see validate.ts.
// Every function takes the bytes and the position of the batch in them. For batches that a check of validate.ts has passed all
// numbers are exact; for others an int64 outside ±(2^53 - 1) comes back rounded from the single-field readers.

import { ClusterError, type Codec, type Compression, codecs } from "@varve/model";
import { crc32c } from "./crc32c.ts";
import { readInt16, readInt32, readInt64, readUint32, writeInt16, writeInt32, writeInt64 } from "./integers.ts";
import * as layout from "./layout.ts";

/** A header as the bytes say it, `-1` for none where Kafka's format says so; `codecOf` and its neighbours read the attributes. */
export interface BatchHeader {
  /** Where the batch begins in its bytes. */
  readonly at: number;
  /** Header and records. */
  readonly sizeBytes: number;
  readonly baseOffset: number;
  /** `baseOffset + lastOffsetDelta`. */
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  /** int16, sign-extended. */
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * @param bytes holds at least the 61 bytes of the header from `at`.
 * @throws {ClusterError} CORRUPT_MESSAGE when fewer are there or the magic is not 2; INVALID_RECORD when an offset, time or producer
 *   id lies outside ±(2^53 - 1).
 */
export function readBatchHeader(bytes: Uint8Array, at = 0): BatchHeader {
  if (bytes.length - at < layout.batchHeaderBytes) {
    throw new ClusterError(
      "CORRUPT_MESSAGE",
      `a batch header has ${layout.batchHeaderBytes} bytes, ${bytes.length - at} are left at byte ${at}`,
    );
  }
  const magic = magicOf(bytes, at);
  if (magic !== layout.magicValue) {
    throw new ClusterError("CORRUPT_MESSAGE", `the batch at byte ${at} has magic ${magic}, not ${layout.magicValue}`);
  }
  const header: BatchHeader = {
    at,
    sizeBytes: batchSize(bytes, at),
    baseOffset: baseOffsetOf(bytes, at),
    lastOffset: lastOffsetOf(bytes, at),
    leaderEpoch: leaderEpochOf(bytes, at),
    magic,
    crc: crcOf(bytes, at),
    attributes: attributesOf(bytes, at),
    lastOffsetDelta: lastOffsetDeltaOf(bytes, at),
    baseTimestamp: baseTimestampOf(bytes, at),
    maxTimestamp: maxTimestampOf(bytes, at),
    producerId: producerIdOf(bytes, at),
    producerEpoch: producerEpochOf(bytes, at),
    baseSequence: baseSequenceOf(bytes, at),
    recordCount: recordCountOf(bytes, at),
  };
  const unsafe = firstUnsafeField(header);
  if (unsafe !== undefined) throw new ClusterError("INVALID_RECORD", `the batch at byte ${at} has a ${unsafe} outside ±(2^53 - 1)`);
  return header;
}

function firstUnsafeField(header: BatchHeader): string | undefined {
  if (!Number.isSafeInteger(header.baseOffset)) return "baseOffset";
  if (!Number.isSafeInteger(header.lastOffset)) return "last offset";
  if (!Number.isSafeInteger(header.baseTimestamp)) return "baseTimestamp";
  if (!Number.isSafeInteger(header.maxTimestamp)) return "maxTimestamp";
  return Number.isSafeInteger(header.producerId) ? undefined : "producerId";
}

/** Header and records: `batchLength + 12`. Whatever the bytes say: may be negative, or larger than what is there. */
export function batchSize(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + layout.batchLengthAt) + layout.batchLengthOffsetBytes;
}

export function magicOf(bytes: Uint8Array, at: number): number {
  return (bytes[at + layout.magicAt]! << 24) >> 24;
}

export function baseOffsetOf(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + layout.baseOffsetAt);
}

export function lastOffsetDeltaOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + layout.lastOffsetDeltaAt);
}

export function lastOffsetOf(bytes: Uint8Array, at: number): number {
  return baseOffsetOf(bytes, at) + lastOffsetDeltaOf(bytes, at);
}

/** -1 before a leader has stamped the batch. */
export function leaderEpochOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + layout.partitionLeaderEpochAt);
}

export function crcOf(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + layout.crcAt);
}

export function attributesOf(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + layout.attributesAt);
}

/** The first record's time, or with the delete-horizon bit that horizon. */
export function baseTimestampOf(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + layout.baseTimestampAt);
}

export function maxTimestampOf(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + layout.maxTimestampAt);
}

export function producerIdOf(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + layout.producerIdAt);
}

export function producerEpochOf(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + layout.producerEpochAt);
}

export function baseSequenceOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + layout.baseSequenceAt);
}

export function recordCountOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + layout.recordCountAt);
}

/** @throws {ClusterError} UNSUPPORTED_COMPRESSION_TYPE for the numbers 5 to 7, which mean nothing. */
export function codecOf(attributes: number): Codec {
  const codec = codecs[attributes & layout.codecMask];
  if (codec !== undefined) return codec;
  throw new ClusterError("UNSUPPORTED_COMPRESSION_TYPE", `codec ${attributes & layout.codecMask} is not one of ${codecs.join(", ")}`);
}

/** The records bear the time of the append, which is `maxTimestamp`. */
export function isLogAppendTime(attributes: number): boolean {
  return (attributes & layout.logAppendTimeBit) !== 0;
}

export function isTransactional(attributes: number): boolean {
  return (attributes & layout.transactionalBit) !== 0;
}

/** The batch is the cluster's own and is shown to no application: see control-batch.ts. */
export function isControl(attributes: number): boolean {
  return (attributes & layout.controlBit) !== 0;
}

/** Compaction has set a time from which on it may drop the batch's tombstones; `baseTimestamp` holds it. */
export function hasDeleteHorizon(attributes: number): boolean {
  return (attributes & layout.deleteHorizonBit) !== 0;
}

/** Writes what a leader assigns: both fields lie outside the checksum, so nothing else changes. */
export function stampBatch(bytes: Uint8Array, at: number, baseOffset: number, leaderEpoch: number): void {
  writeInt64(bytes, at + layout.baseOffsetAt, baseOffset);
  writeInt32(bytes, at + layout.partitionLeaderEpochAt, leaderEpoch);
}

/** Gives all records the time of the append: `maxTimestamp`, its bit, and a new checksum over the whole batch. */
export function stampLogAppendTime(bytes: Uint8Array, at: number, timeMs: number, compression: Compression): void {
  writeInt16(bytes, at + layout.attributesAt, attributesOf(bytes, at) | layout.logAppendTimeBit);
  writeInt64(bytes, at + layout.maxTimestampAt, timeMs);
  stampChecksum(bytes, at, compression);
}

/** Who sent a batch, and as his how-manieth record: what an idempotent producer's batch bears. */
export interface BatchProducer {
  /** At least 0. */
  readonly id: number;
  /** 0 to 2^15 - 1. */
  readonly epoch: number;
  /** Sequence of the first record, 0 to 2^31 - 1. */
  readonly baseSequence: number;
}

/** Gives a finished batch another producer id, epoch and sequence, and a new checksum: for one whose producer had to begin anew. */
export function stampProducer(bytes: Uint8Array, at: number, producer: BatchProducer, compression: Compression): void {
  writeProducer(bytes, at, producer);
  stampChecksum(bytes, at, compression);
}

/** Writes the three fields of a producer, without the checksum that covers them. */
export function writeProducer(bytes: Uint8Array, at: number, producer: BatchProducer | undefined): void {
  writeInt64(bytes, at + layout.producerIdAt, producer?.id ?? layout.none);
  writeInt16(bytes, at + layout.producerEpochAt, producer?.epoch ?? layout.none);
  writeInt32(bytes, at + layout.baseSequenceAt, producer?.baseSequence ?? layout.none);
}

/** Computes the checksum of a batch whose length is set, and writes it. */
export function stampChecksum(bytes: Uint8Array, at: number, compression: Compression): void {
  writeInt32(bytes, at + layout.crcAt, crc32c(bytes, at + layout.checksummedAt, at + batchSize(bytes, at), compression));
}

/** @returns whether a batch that lies wholly in `bytes` matches its checksum. */
export function hasValidChecksum(bytes: Uint8Array, at: number, compression: Compression): boolean {
  return crc32c(bytes, at + layout.checksummedAt, at + batchSize(bytes, at), compression) === crcOf(bytes, at);
}
