// Reads the records of a batch one after the other, without an object for each: the reader's own fields are the current record.
// It believes nothing: counts and lengths are held against the bytes that are there, and compressed records are opened under a cap.

import { ClusterError, type Compression, DecompressionError } from "@varve/model";
import * as header from "./header.ts";
import { recordBytesMin, recordsAt } from "./layout.ts";
import { readUtf8 } from "./text.ts";
import { checkStoredBatch } from "./validate.ts";
import { readVarint, readVarlong, VarintError } from "./varint.ts";

/** The records of one batch never take more than this once they are decompressed. */
export const decompressedBytesMax = 67_108_864;
/** Up to here the ratio does not count; past it a batch may grow by `decompressedRatioMax` times its compressed size and no more. */
export const decompressedFreeBytes = 1_048_576;
export const decompressedRatioMax = 16;

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** A record by itself. Key, value and header values are views of the bytes that were read: copy what must outlive them. */
export interface LogRecord {
  readonly offset: number;
  /** Milliseconds; -1 is "no time". */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export interface OpenOptions {
  /** Default true; false when the caller has passed this very batch through `checkStoredBatch`. */
  readonly verify?: boolean;
}

const noBytes = new Uint8Array(0);
const noHeaders: readonly RecordHeader[] = [];
/** A record's header is at least the lengths of its key and of its value. */
const recordHeaderBytesMin = 2;

export class RecordReader {
  /** Offset of the current record. Valid, as all about a record, once `next` has returned true. */
  offset = 0;
  /** Its time: its own, or in a batch with LogAppendTime that of the append. Milliseconds; -1 is "no time". */
  timestamp = 0;
  readonly #compression: Compression;
  readonly #cursor = { bytes: noBytes as Uint8Array, at: 0, end: 0 };
  #keyAt = 0;
  #keyLength = -1;
  #valueAt = 0;
  #valueLength = -1;
  #headersAt = 0;
  #headerCount = 0;
  #recordCount = 0;
  #read = 0;
  #baseOffset = 0;
  #lastOffset = 0;
  #baseTimestamp = 0;
  #appendTime: number | undefined = undefined;

  constructor(compression: Compression) {
    this.#compression = compression;
  }

  /** How many records the open batch holds. */
  get recordCount(): number {
    return this.#recordCount;
  }

  /** A view of the current record's key. */
  get key(): Uint8Array | null {
    return this.#keyLength < 0 ? null : this.#cursor.bytes.subarray(this.#keyAt, this.#keyAt + this.#keyLength);
  }

  /** A view of the current record's value. */
  get value(): Uint8Array | null {
    return this.#valueLength < 0 ? null : this.#cursor.bytes.subarray(this.#valueAt, this.#valueAt + this.#valueLength);
  }

  /** The current record's headers, decoded at every call; the values are views. */
  headers(): readonly RecordHeader[] {
    if (this.#headerCount === 0) return noHeaders;
    const { bytes } = this.#cursor;
    const cursor = { bytes, at: this.#headersAt, end: this.#cursor.end };
    const headers: RecordHeader[] = [];
    for (let index = 0; index < this.#headerCount; index++) {
      const keyLength = readVarint(cursor);
      const keyEnd = cursor.at + keyLength;
      const key = readUtf8(bytes, cursor.at, keyEnd);
      cursor.at = keyEnd;
      const valueLength = readVarint(cursor);
      const value = valueLength < 0 ? null : bytes.subarray(cursor.at, cursor.at + valueLength);
      cursor.at += Math.max(0, valueLength);
      headers.push({ key, value });
    }
    return headers;
  }

  /**
   * Turns to the batch at `at`; the first `next` goes to its first record. A batch that compaction has emptied has none.
   *
   * @param bytes may go on behind the batch; they must not change while it is read.
   * @throws {ClusterError} CORRUPT_MESSAGE, INVALID_RECORD, UNSUPPORTED_FOR_MESSAGE_FORMAT or UNSUPPORTED_COMPRESSION_TYPE: the batch
   *   is damaged, its count cannot be true, or its records do not decompress, or not within the cap. The reader then holds no record.
   */
  open(bytes: Uint8Array, at = 0, options: OpenOptions = {}): void {
    this.#recordCount = 0;
    this.#read = 0;
    if (options.verify !== false) {
      const failure = checkStoredBatch(bytes, at, this.#compression);
      if (failure !== undefined) throw new ClusterError(failure.code, failure.message);
    }
    const attributes = header.attributesOf(bytes, at);
    this.#baseOffset = header.baseOffsetOf(bytes, at);
    this.#lastOffset = header.lastOffsetOf(bytes, at);
    this.#baseTimestamp = header.baseTimestampOf(bytes, at);
    this.#appendTime = header.isLogAppendTime(attributes) ? header.maxTimestampOf(bytes, at) : undefined;
    const recordCount = header.recordCountOf(bytes, at);
    const section = bytes.subarray(at + recordsAt, at + header.batchSize(bytes, at));
    const records = this.#decompress(section, attributes, recordCount);
    if (recordCount < 0 || recordCount * recordBytesMin > records.length) {
      throw this.#invalid(`it claims ${recordCount} records in ${records.length} bytes`);
    }
    if (recordCount === 0 && records.length > 0) throw this.#invalid(`it claims no record in ${records.length} bytes`);
    this.#cursor.bytes = records;
    this.#cursor.at = 0;
    this.#cursor.end = 0;
    this.#recordCount = recordCount;
    this.offset = this.#baseOffset - 1;
  }

  /**
   * Goes to the next record.
   *
   * @returns false when there is none.
   * @throws {ClusterError} INVALID_RECORD when the record is broken, its offset or time cannot be, or bytes are left behind the last.
   */
  next(): boolean {
    if (this.#read === this.#recordCount) return false;
    try {
      this.#advance();
    } catch (error) {
      const named = error instanceof VarintError ? this.#broken(error.message, error) : error;
      // There is no way to find the next record behind a broken one.
      this.#recordCount = this.#read;
      throw named;
    }
    return true;
  }

  #advance(): void {
    const cursor = this.#cursor;
    const { bytes } = cursor;
    cursor.end = bytes.length;
    const length = readVarint(cursor);
    const end = cursor.at + length;
    if (length < recordBytesMin - 1 || end > bytes.length) {
      throw this.#broken(`its length is ${length}, ${bytes.length - cursor.at} bytes are left`);
    }
    cursor.end = end;
    cursor.at += 1; // the attributes: no bit of theirs has a meaning
    const timestampDelta = readVarlong(cursor);
    const offset = this.#baseOffset + readVarint(cursor);
    if (offset <= this.offset || offset > this.#lastOffset) {
      throw this.#broken(`its offset is ${offset}; it must lie behind ${this.offset} and not behind ${this.#lastOffset}`);
    }
    const timestamp = this.#appendTime ?? this.#baseTimestamp + timestampDelta;
    if (!Number.isSafeInteger(timestamp)) throw this.#broken("its time lies outside ±(2^53 - 1) ms");
    this.#keyLength = readVarint(cursor);
    this.#keyAt = cursor.at;
    this.#skip(this.#keyLength, -1, "key");
    this.#valueLength = readVarint(cursor);
    this.#valueAt = cursor.at;
    this.#skip(this.#valueLength, -1, "value");
    this.#headerCount = readVarint(cursor);
    this.#headersAt = cursor.at;
    if (this.#headerCount !== 0) this.#skipHeaders();
    if (cursor.at !== end) throw this.#broken(`its fields end ${end - cursor.at} bytes before its length says`);
    if (this.#read + 1 === this.#recordCount && end < bytes.length) {
      throw this.#invalid(`${bytes.length - end} bytes are left behind its last record`);
    }
    this.#read += 1;
    this.offset = offset;
    this.timestamp = timestamp;
  }

  #skipHeaders(): void {
    const cursor = this.#cursor;
    const left = cursor.end - cursor.at;
    if (this.#headerCount < 0 || this.#headerCount * recordHeaderBytesMin > left) {
      throw this.#broken(`it claims ${this.#headerCount} headers in ${left} bytes`);
    }
    for (let index = 0; index < this.#headerCount; index++) {
      this.#skip(readVarint(cursor), 0, "header key");
      this.#skip(readVarint(cursor), -1, "header value");
    }
  }

  /** Steps over a field. @param lengthMin -1 where null is legal, else 0. */
  #skip(length: number, lengthMin: number, what: string): void {
    const cursor = this.#cursor;
    if (length < lengthMin || length > cursor.end - cursor.at) {
      throw this.#broken(`its ${what} has the length ${length}, ${cursor.end - cursor.at} bytes are left`);
    }
    if (length > 0) cursor.at += length;
  }

  #decompress(section: Uint8Array, attributes: number, recordCount: number): Uint8Array {
    const codec = header.codecOf(attributes);
    if (codec === "none" || (recordCount === 0 && section.length === 0)) return section;
    const cap = Math.min(decompressedBytesMax, decompressedFreeBytes + decompressedRatioMax * section.length);
    try {
      return this.#compression.decompress(codec, section, cap);
    } catch (error) {
      if (!(error instanceof DecompressionError)) throw error;
      const what = error.kind === "too-large" ? `${section.length} bytes of ${codec} hold more than ${cap}` : error.message;
      throw this.#invalid(`its records do not decompress: ${what}`, error);
    }
  }

  #invalid(what: string, cause?: unknown): ClusterError {
    return new ClusterError("INVALID_RECORD", `the batch of the offsets ${this.#baseOffset} to ${this.#lastOffset}: ${what}`, { cause });
  }

  #broken(what: string, cause?: unknown): ClusterError {
    return this.#invalid(`record ${this.#read + 1} of ${this.#recordCount} is broken: ${what}`, cause);
  }
}

/**
 * The records of one batch as objects of their own: for tools, tests and wherever a handful of records is read.
 *
 * @throws {ClusterError} as `RecordReader`; the records before the damage come first.
 */
export function* readRecords(bytes: Uint8Array, at: number, compression: Compression): Generator<LogRecord, void, undefined> {
  const reader = new RecordReader(compression);
  reader.open(bytes, at);
  while (reader.next()) {
    const { offset, timestamp, key, value } = reader;
    yield { offset, timestamp, key, value, headers: reader.headers() };
  }
}
