// The `.snapshot` file: what all producers had written below an offset. It begins as Kafka's file of that name, entry for entry; behind
// that, where Kafka's readers do not look, stands what Kafka forgets: each producer's older batches, and where to take up the rest of a
// log's derived state. The checksum covers both. Layout: docs/formats/segment.md.

import type { Compression, Offset } from "@varve/model";
import type { EpochStart } from "./epochs.ts";
import { type Producer, producerBatchesMax, strangerProducer } from "./producers.ts";
import { readInt32, readInt64, writeInt32, writeInt64 } from "./sparse-index.ts";

/** A larger file was not written by us. */
export const snapshotBytesMax = 16_777_216;

/** What is known of the segment that holds the snapshot's offset, so that nothing below it must be read to go on from there. */
export interface RestartPoint {
  readonly segmentBase: number;
  /** Where the snapshot's offset stands in that segment. */
  readonly bytes: number;
  /** Largest time of the segment's first batch; -1 is none. */
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
  /** Last offset of the batch that bears it. */
  readonly maxTimestampOffset: number;
  /** Time of the last entry of the time index; -1 is none. */
  readonly indexedTimestampMs: number;
  readonly bytesSinceIndexEntry: number;
  /** Entries of the two indexes, which are in their files and synced. */
  readonly offsetEntries: number;
  readonly timeEntries: number;
  /** Leader epochs below the snapshot's offset. The epoch checkpoint, which is Kafka's, has no checksum. */
  readonly epochs: readonly EpochStart[];
}

export interface ProducerSnapshot {
  readonly producers: readonly Producer[];
  readonly restart: RestartPoint | undefined;
}

const kafkaVersion = 1;
const ourVersion = 1;
const crcAt = 2;
const countAt = 6;
const entriesAt = 10;
const entryBytes = 46;
const ourHeaderBytes = 3;
const restartBytes = 64;
const epochBytes = 12;
const batchBytes = 24;
const none = -1;

/** @param restart undefined at a segment's base, where all but the producers begins anew. */
export function encodeProducerSnapshot(
  producers: Iterable<Producer>,
  restart: RestartPoint | undefined,
  compression: Compression,
): Uint8Array {
  const sorted = [...producers].sort((a, b) => a.id - b.id);
  const older = sorted.reduce((count, producer) => count + Math.max(0, producer.lastSequences.length - 1), 0);
  const hasOurs = restart !== undefined || older > 0;
  const oursAt = entriesAt + sorted.length * entryBytes;
  const oursBytes = ourHeaderBytes + bytesOfRestart(restart) + sorted.length + older * batchBytes;
  const bytes = new Uint8Array(oursAt + (hasOurs ? oursBytes : 0));
  writeInt16(bytes, 0, kafkaVersion);
  writeInt32(bytes, countAt, sorted.length);
  for (const [index, producer] of sorted.entries()) writeEntry(bytes, entriesAt + index * entryBytes, producer);
  if (hasOurs) writeOurs(bytes, oursAt, sorted, restart);
  writeInt32(bytes, crcAt, compression.crc32c(bytes.subarray(countAt)));
  return bytes;
}

/** @returns undefined for anything but a whole snapshot, Kafka's or ours. @param nowMs when the producers were last seen: now. */
export function decodeProducerSnapshot(bytes: Uint8Array, compression: Compression, nowMs: number): ProducerSnapshot | undefined {
  if (bytes.length < entriesAt || readInt16(bytes, 0) !== kafkaVersion) return undefined;
  if (readInt32(bytes, crcAt) >>> 0 !== compression.crc32c(bytes.subarray(countAt))) return undefined;
  const count = readInt32(bytes, countAt);
  const oursAt = entriesAt + count * entryBytes;
  if (count < 0 || oursAt > bytes.length) return undefined;
  const producers: Producer[] = [];
  for (let index = 0; index < count; index++) producers.push(readEntry(bytes, entriesAt + index * entryBytes, nowMs));
  if (oursAt === bytes.length) return { producers, restart: undefined };
  return readOurs(bytes, oursAt, producers);
}

function writeEntry(bytes: Uint8Array, at: number, producer: Producer): void {
  writeInt64(bytes, at, producer.id);
  writeInt16(bytes, at + 8, producer.epoch);
  writeInt32(bytes, at + 10, producer.lastSequences.at(-1) ?? none);
  writeInt64(bytes, at + 14, producer.lastOffsets.at(-1) ?? none);
  writeInt32(bytes, at + 22, producer.offsetDeltas.at(-1) ?? 0);
  writeInt64(bytes, at + 26, producer.lastTimestampMs);
  writeInt32(bytes, at + 34, producer.coordinatorEpoch);
  writeInt64(bytes, at + 38, producer.transactionStart);
}

function readEntry(bytes: Uint8Array, at: number, nowMs: number): Producer {
  const producer = strangerProducer(readInt64(bytes, at), readInt16(bytes, at + 8));
  producer.lastTimestampMs = readInt64(bytes, at + 26);
  producer.lastSeenMs = nowMs;
  producer.coordinatorEpoch = readInt32(bytes, at + 34);
  producer.transactionStart = readInt64(bytes, at + 38);
  const lastOffset = readInt64(bytes, at + 14);
  if (lastOffset >= 0) addBatch(producer, readInt32(bytes, at + 10), lastOffset, readInt32(bytes, at + 22), producer.lastTimestampMs);
  return producer;
}

function writeOurs(bytes: Uint8Array, oursAt: number, producers: readonly Producer[], restart: RestartPoint | undefined): void {
  let at = oursAt;
  writeInt16(bytes, at, ourVersion);
  bytes[at + 2] = restart === undefined ? 0 : 1;
  at += ourHeaderBytes;
  if (restart !== undefined) {
    writeRestart(bytes, at, restart);
    at += bytesOfRestart(restart);
  }
  for (const producer of producers) {
    const older = Math.max(0, producer.lastSequences.length - 1);
    bytes[at] = older;
    at += 1;
    for (let index = 0; index < older; index++, at += batchBytes) {
      writeInt32(bytes, at, producer.lastSequences[index]!);
      writeInt64(bytes, at + 4, producer.lastOffsets[index]!);
      writeInt32(bytes, at + 12, producer.offsetDeltas[index]!);
      writeInt64(bytes, at + 16, producer.timestampsMs[index]!);
    }
  }
}

/** The checksum has passed, so what does not fit here is of another version, and left alone. */
function readOurs(bytes: Uint8Array, oursAt: number, producers: readonly Producer[]): ProducerSnapshot {
  const kafkas = { producers, restart: undefined };
  let at = oursAt + ourHeaderBytes;
  if (at > bytes.length || readInt16(bytes, oursAt) !== ourVersion) return kafkas;
  const hasRestart = bytes[oursAt + 2] === 1;
  const restart = hasRestart ? readRestart(bytes, at) : undefined;
  if (hasRestart && restart === undefined) return kafkas;
  at += bytesOfRestart(restart);
  for (const producer of producers) {
    const older = bytes[at] ?? 0;
    at += 1;
    if (older >= producerBatchesMax || at + older * batchBytes > bytes.length) return { producers, restart };
    const newest = takeBatches(producer);
    for (let index = 0; index < older; index++, at += batchBytes) {
      addBatch(producer, readInt32(bytes, at), readInt64(bytes, at + 4), readInt32(bytes, at + 12), readInt64(bytes, at + 16));
    }
    if (newest !== undefined) addBatch(producer, ...newest);
  }
  return { producers, restart };
}

function writeRestart(bytes: Uint8Array, at: number, restart: RestartPoint): void {
  writeInt64(bytes, at, restart.segmentBase);
  writeInt64(bytes, at + 8, restart.bytes);
  writeInt64(bytes, at + 16, restart.firstTimestampMs);
  writeInt64(bytes, at + 24, restart.maxTimestampMs);
  writeInt64(bytes, at + 32, restart.maxTimestampOffset);
  writeInt64(bytes, at + 40, restart.indexedTimestampMs);
  writeInt32(bytes, at + 48, restart.bytesSinceIndexEntry);
  writeInt32(bytes, at + 52, restart.offsetEntries);
  writeInt32(bytes, at + 56, restart.timeEntries);
  writeInt32(bytes, at + 60, restart.epochs.length);
  for (const [index, { epoch, startOffset }] of restart.epochs.entries()) {
    writeInt32(bytes, at + restartBytes + index * epochBytes, epoch);
    writeInt64(bytes, at + restartBytes + index * epochBytes + 4, startOffset);
  }
}

function readRestart(bytes: Uint8Array, at: number): RestartPoint | undefined {
  if (at + restartBytes > bytes.length) return undefined;
  const epochCount = readInt32(bytes, at + 60);
  if (epochCount < 0 || at + restartBytes + epochCount * epochBytes > bytes.length) return undefined;
  const epochs: EpochStart[] = [];
  for (let index = 0, entryAt = at + restartBytes; index < epochCount; index++, entryAt += epochBytes) {
    epochs.push({ epoch: readInt32(bytes, entryAt), startOffset: readInt64(bytes, entryAt + 4) as Offset });
  }
  return {
    segmentBase: readInt64(bytes, at),
    bytes: readInt64(bytes, at + 8),
    firstTimestampMs: readInt64(bytes, at + 16),
    maxTimestampMs: readInt64(bytes, at + 24),
    maxTimestampOffset: readInt64(bytes, at + 32),
    indexedTimestampMs: readInt64(bytes, at + 40),
    bytesSinceIndexEntry: readInt32(bytes, at + 48),
    offsetEntries: readInt32(bytes, at + 52),
    timeEntries: readInt32(bytes, at + 56),
    epochs,
  };
}

function bytesOfRestart(restart: RestartPoint | undefined): number {
  return restart === undefined ? 0 : restartBytes + restart.epochs.length * epochBytes;
}

function addBatch(producer: Producer, lastSequence: number, lastOffset: number, offsetDelta: number, timestampMs: number): void {
  producer.lastSequences.push(lastSequence);
  producer.lastOffsets.push(lastOffset);
  producer.offsetDeltas.push(offsetDelta);
  producer.timestampsMs.push(timestampMs);
}

function takeBatches(producer: Producer): [number, number, number, number] | undefined {
  const lastSequence = producer.lastSequences.pop();
  if (lastSequence === undefined) return undefined;
  return [lastSequence, producer.lastOffsets.pop()!, producer.offsetDeltas.pop()!, producer.timestampsMs.pop()!];
}

function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
}

function writeInt16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 8;
  into[at + 1] = value;
}
