// Builds a record batch: records are written one behind the other into a growing array, the header in front of them at the end.
// One pass, no object for a record. When a batch is full or due is the caller's decision; offsets and leader epoch are the leader's.

import { ClusterError, type Codec, type Compression, codecs, invariant } from "@varve/model";
import { type BatchProducer, stampBatch, stampChecksum, writeProducer } from "./header.ts";
import { writeInt16, writeInt32, writeInt64 } from "./integers.ts";
import * as layout from "./layout.ts";
import { Stage, utf8BytesPerUnitMax } from "./text.ts";
import { varintSize, varlongSize, writeVarint, writeVarlong } from "./varint.ts";

/** A key or a value: bytes as they are, text as UTF-8, or null for none. */
export type RecordField = Uint8Array | string | null;

/** One header of a record to be written. Keys may repeat; their order is kept. */
export interface HeaderField {
  readonly key: string;
  readonly value: RecordField;
}

export interface BatchLimits {
  /** A batch that holds a record takes no further one that would bring it past this size. Before compression, header included. */
  readonly bytesTarget: number;
  /** No record may bring a batch past this size, also not as its only one. At least `bytesTarget`. */
  readonly bytesMax: number;
}

export interface FinishOptions {
  /** Default `none`. The batch stays uncompressed when compressing does not make it smaller. */
  readonly codec?: Codec;
  /** Default: no idempotent producer. */
  readonly producer?: BatchProducer | undefined;
  /** Default false; true only with a producer. */
  readonly isTransactional?: boolean;
}

/** First allocation of a batch whose target is larger; it doubles from there. */
const initialBytesMax = 65_536;
/** Up to here a loop costs less than `Uint8Array.set`. */
const loopCopyBytesMax = 16;
const varintBytesMax = 5;
const varlongBytesMax = 8;
const noHeaders: readonly HeaderField[] = [];

/** One for all builders: what is on it is of use only within one call of `append`. */
const stage = new Stage();

export class BatchBuilder {
  readonly #limits: BatchLimits;
  readonly #compression: Compression;
  #bytes: Uint8Array = new Uint8Array(0);
  #at: number = layout.recordsAt;
  #recordCount = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  constructor(limits: BatchLimits, compression: Compression) {
    this.#limits = limits;
    this.#compression = compression;
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** Size of the batch so far, header included, before compression. */
  get sizeBytes(): number {
    return this.#at;
  }

  /**
   * Gives the builder an array to write in, in place of a new one: that of a batch which nobody reads any more.
   * @returns false, and the array is not used, when it has one.
   */
  provide(bytes: Uint8Array): boolean {
    if (this.#bytes.length > 0) return false;
    this.#bytes = bytes;
    return true;
  }

  /**
   * Copies a record into the batch.
   *
   * @param timestampMs a safe integer; -1 is "no time".
   * @returns false, and the batch is as it was, when the record would bring a batch that is not empty past `bytesTarget`.
   * @throws {ClusterError} MESSAGE_TOO_LARGE when the record alone would bring an empty batch past `bytesMax`; INVALID_TIMESTAMP when
   *   the time, or its distance from the first record's, is no safe integer. The batch is as it was.
   */
  append(timestampMs: number, key: RecordField, value: RecordField, headers: readonly HeaderField[] = noHeaders): boolean {
    const isFirst = this.#recordCount === 0;
    const delta = isFirst ? 0 : timestampMs - this.#baseTimestamp;
    if (!Number.isSafeInteger(timestampMs) || !Number.isSafeInteger(delta)) throw this.#badTimestamp(timestampMs);
    if (!this.#fits(this.#at + fieldUnits(key) + fieldUnits(value))) return false;

    stage.clear();
    const keyLength = stageField(key);
    const valueLength = stageField(value);
    const textBytes = stage.at;
    if (headers.length > 0) stageHeaders(headers);
    const headersBytes = headers.length > 0 ? stage.at - textBytes : 1;

    const start = this.#at;
    const length = 1 + varlongSize(delta) + varintSize(this.#recordCount) + fieldBytes(keyLength) + fieldBytes(valueLength) + headersBytes;
    const end = start + varintSize(length) + length;
    if (!this.#fits(end)) return false;
    if (end > this.#bytes.length) this.#grow(end);
    const bytes = this.#bytes;
    let at = writeVarint(bytes, start, length);
    bytes[at++] = 0;
    at = writeVarlong(bytes, at, delta);
    at = writeVarint(bytes, at, this.#recordCount);
    at = writeField(bytes, at, key, keyLength, 0);
    at = writeField(bytes, at, value, valueLength, typeof key === "string" ? keyLength : 0);
    if (headers.length > 0) copy(bytes, at, stage.bytes, textBytes, stage.at);
    else bytes[at] = 0;

    this.#at = end;
    this.#recordCount += 1;
    if (isFirst) this.#baseTimestamp = timestampMs;
    if (isFirst || timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs;
    return true;
  }

  /**
   * Completes the batch; the builder is empty afterwards and ready for the next one.
   *
   * @returns the batch with its checksum, base offset 0 and leader epoch -1. The bytes are the caller's.
   * @throws {InvariantError} when the batch holds no record, or is transactional without a producer.
   */
  finish(options: FinishOptions = {}): Uint8Array {
    const { codec = "none", producer, isTransactional = false } = options;
    invariant(this.#recordCount > 0, "a batch without a record cannot be finished");
    invariant(!isTransactional || producer !== undefined, "a transactional batch needs a producer");
    const compressed = codec === "none" ? undefined : this.#compressRecords(codec);
    const batch = compressed ?? this.#takeRecords();
    const codecBits = compressed === undefined ? 0 : codecs.indexOf(codec);

    stampBatch(batch, 0, 0, layout.none);
    writeInt32(batch, layout.batchLengthAt, batch.length - layout.batchLengthOffsetBytes);
    batch[layout.magicAt] = layout.magicValue;
    writeInt16(batch, layout.attributesAt, codecBits | (isTransactional ? layout.transactionalBit : 0));
    writeInt32(batch, layout.lastOffsetDeltaAt, this.#recordCount - 1);
    writeInt64(batch, layout.baseTimestampAt, this.#baseTimestamp);
    writeInt64(batch, layout.maxTimestampAt, this.#maxTimestamp);
    writeProducer(batch, 0, producer);
    writeInt32(batch, layout.recordCountAt, this.#recordCount);
    stampChecksum(batch, 0, this.#compression);
    this.#at = layout.recordsAt;
    this.#recordCount = 0;
    return batch;
  }

  /** @returns whether a batch of `end` bytes is within the limits. @throws {ClusterError} MESSAGE_TOO_LARGE when none could be. */
  #fits(end: number): boolean {
    if (this.#recordCount > 0) return end <= this.#limits.bytesTarget;
    if (end <= this.#limits.bytesMax) return true;
    const what = `a record that makes its batch ${end} bytes or more; the limit is ${this.#limits.bytesMax}`;
    throw new ClusterError("MESSAGE_TOO_LARGE", what);
  }

  #badTimestamp(timestampMs: number): ClusterError {
    const base = this.#recordCount === 0 ? "" : `, in a batch that begins at ${this.#baseTimestamp}`;
    return new ClusterError(
      "INVALID_TIMESTAMP",
      `a record with the time ${timestampMs}${base}; times are integers of at most ±(2^53 - 1) ms`,
    );
  }

  #grow(neededBytes: number): void {
    const first = Math.min(this.#limits.bytesTarget, initialBytesMax);
    const doubled = Math.min(2 * this.#bytes.length, this.#limits.bytesMax);
    const grown = new Uint8Array(Math.max(first, doubled, neededBytes));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }

  /** @returns a fresh array with room for the header and the compressed records behind it, unless that saves nothing. */
  #compressRecords(codec: Exclude<Codec, "none">): Uint8Array | undefined {
    const payload = this.#compression.compress(codec, this.#bytes.subarray(layout.recordsAt, this.#at));
    if (layout.recordsAt + payload.length >= this.#at) return undefined;
    const batch = new Uint8Array(layout.recordsAt + payload.length);
    batch.set(payload, layout.recordsAt);
    return batch;
  }

  /** @returns the header's room and the records: the array itself when it is well filled, else a copy, and the array stays here. */
  #takeRecords(): Uint8Array {
    if (this.#at * 2 < this.#bytes.length) return this.#bytes.slice(0, this.#at);
    const batch = this.#bytes.subarray(0, this.#at);
    this.#bytes = new Uint8Array(0);
    return batch;
  }
}

/**
 * How many bytes a record adds to a batch at most, to account for it before it is encoded. Text counts with three bytes a unit.
 */
export function recordBytesBound(key: RecordField, value: RecordField, headers: readonly HeaderField[] = noHeaders): number {
  let bound = varintBytesMax + 1 + varlongBytesMax + varintBytesMax + fieldBound(key) + fieldBound(value) + varintBytesMax;
  for (const header of headers) bound += fieldBound(header.key) + fieldBound(header.value);
  return bound;
}

function fieldBound(field: RecordField): number {
  return varintBytesMax + (typeof field === "string" ? field.length * utf8BytesPerUnitMax : fieldUnits(field));
}

/** A field's size, for text at the least. */
function fieldUnits(field: RecordField): number {
  return field === null ? 0 : field.length;
}

/** What a field of this length takes with its length in front; -1 is null. */
function fieldBytes(length: number): number {
  return length < 0 ? 1 : varintSize(length) + length;
}

/** Encodes a text on the stage; bytes stay where they are. @returns the field's length, -1 for null. */
function stageField(field: RecordField): number {
  if (field === null) return -1;
  return typeof field === "string" ? stage.putText(field) : field.length;
}

/** Writes the whole headers section on the stage. */
function stageHeaders(headers: readonly HeaderField[]): void {
  stageVarint(headers.length);
  for (const { key, value } of headers) {
    stageHeaderPart(key);
    stageHeaderPart(value);
  }
}

function stageVarint(value: number): void {
  stage.reserve(varintBytesMax);
  stage.at = writeVarint(stage.bytes, stage.at, value);
}

function stageHeaderPart(field: RecordField): void {
  if (field === null) {
    stageVarint(-1);
    return;
  }
  if (typeof field !== "string") {
    stageVarint(field.length);
    stage.reserve(field.length);
    stage.bytes.set(field, stage.at);
    stage.at += field.length;
    return;
  }
  // The text's size in bytes is known behind it: leave room for what its length takes if it is ASCII, and move it if it is not.
  const lengthAt = stage.at;
  const guess = varintSize(field.length);
  stage.reserve(varintBytesMax + field.length * utf8BytesPerUnitMax);
  stage.at += guess;
  const written = stage.putText(field);
  const textAt = lengthAt + varintSize(written);
  if (textAt !== lengthAt + guess) stage.bytes.copyWithin(textAt, lengthAt + guess, lengthAt + guess + written);
  writeVarint(stage.bytes, lengthAt, written);
  stage.at = textAt + written;
}

/** Writes length and bytes of a field; a text is taken from the stage. @returns the position behind it. */
function writeField(into: Uint8Array, at: number, field: RecordField, length: number, stagedAt: number): number {
  const next = writeVarint(into, at, length);
  if (length <= 0) return next;
  if (typeof field === "string") copy(into, next, stage.bytes, stagedAt, stagedAt + length);
  else if (field !== null) copy(into, next, field, 0, length);
  return next + length;
}

function copy(into: Uint8Array, at: number, from: Uint8Array, start: number, end: number): void {
  const length = end - start;
  if (length <= loopCopyBytesMax) {
    for (let index = 0; index < length; index++) into[at + index] = from[start + index]!;
  } else {
    into.set(length === from.length ? from : from.subarray(start, end), at);
  }
}
