// What is checked of a batch before anyone relies on it: all of the header and the checksum, never the records behind it.
// checkProducedBatch is the broker's gate for clients, checkStoredBatch for what comes back from a disk or another broker.

import { type Compression, codecs, type Failure } from "@varve/model";
import * as header from "./header.ts";
import * as layout from "./layout.ts";

/** What a topic allows a producer to send. */
export interface ProduceBounds {
  /** `max.message.bytes` */
  readonly batchBytesMax: number;
  /** `segment.bytes` */
  readonly segmentBytesMax: number;
  /** `message.timestamp.type`; with LogAppendTime the producer's times are replaced, and not held against the bounds. */
  readonly timestampType: "CreateTime" | "LogAppendTime";
  /** `message.timestamp.before.max.ms` */
  readonly timestampBeforeMaxMs: number;
  /** `message.timestamp.after.max.ms` */
  readonly timestampAfterMaxMs: number;
}

/**
 * Checks what a client sends for one partition in one request.
 *
 * @param bytes exactly one batch.
 * @returns undefined when a leader may stamp and store the bytes as they are. Allocates nothing then.
 * Source: Kafka's LogValidator, and stricter; the differences are listed in test/produced-batch.test.ts.
 */
export function checkProducedBatch(bytes: Uint8Array, bounds: ProduceBounds, nowMs: number, compression: Compression): Failure | undefined {
  if (bytes.length === 0) return invalid("one batch is expected for each partition of a request, there is none");
  const frame = checkFrame(bytes, 0, "INVALID_RECORD");
  if (frame !== undefined) return frame;
  const sizeBytes = header.batchSize(bytes, 0);
  if (sizeBytes > bounds.batchBytesMax) return tooLarge("MESSAGE_TOO_LARGE", sizeBytes, bounds.batchBytesMax, "max.message.bytes");
  if (sizeBytes > bounds.segmentBytesMax) return tooLarge("RECORD_LIST_TOO_LARGE", sizeBytes, bounds.segmentBytesMax, "segment.bytes");
  if (!header.hasValidChecksum(bytes, 0, compression)) return wrongChecksum(bytes, 0);
  if (sizeBytes !== bytes.length) {
    return invalid(
      `one batch is expected for each partition of a request; behind its ${sizeBytes} bytes are ${bytes.length - sizeBytes} more`,
    );
  }
  return checkAttributes(header.attributesOf(bytes, 0)) ?? checkOffsets(bytes) ?? checkProducer(bytes) ?? checkTimes(bytes, bounds, nowMs);
}

/**
 * Checks that a whole, undamaged batch stands at `at`: size, magic, checksum, and numbers that can be relied on from here.
 *
 * @param bytes may go on behind the batch.
 * @returns undefined when it does; a batch that is cut off is a CORRUPT_MESSAGE like any other damage.
 */
export function checkStoredBatch(bytes: Uint8Array, at: number, compression: Compression): Failure | undefined {
  const frame = checkFrame(bytes, at, "CORRUPT_MESSAGE");
  if (frame !== undefined) return frame;
  if (!header.hasValidChecksum(bytes, at, compression)) return wrongChecksum(bytes, at);
  const baseOffset = header.baseOffsetOf(bytes, at);
  const lastOffset = header.lastOffsetOf(bytes, at);
  if (!(baseOffset >= 0 && lastOffset >= baseOffset && Number.isSafeInteger(lastOffset))) {
    return invalid(
      `the batch at byte ${at} has the offsets ${baseOffset} to ${lastOffset}, which do not lie in order within 0 to 2^53 - 1`,
    );
  }
  if (!hasSafeTimes(bytes, at)) return invalid(`the batch at byte ${at} has a time outside ±(2^53 - 1) ms`);
  if (!Number.isSafeInteger(header.producerIdOf(bytes, at))) return invalid(`the batch at byte ${at} has a producer id above 2^53 - 1`);
  return undefined;
}

/** Where a walk over back-to-back batches ended, and why. */
export interface WalkEnd {
  /** Behind the last whole batch. */
  readonly at: number;
  /** `end`: nothing is left. `cut`: what is left is the front of a batch. `damaged`: what is left is no batch. */
  readonly kind: "end" | "cut" | "damaged";
  /** A sentence for people. */
  readonly message: string;
}

/**
 * Goes from batch to batch by their lengths and magic, without their checksums.
 *
 * @param visit is called with position and size of every batch that lies wholly in `bytes`.
 */
export function walkBatches(bytes: Uint8Array, visit: (at: number, sizeBytes: number) => void): WalkEnd {
  let at = 0;
  for (;;) {
    const left = bytes.length - at;
    if (left === 0) return { at, kind: "end", message: `${at} bytes of whole batches` };
    if (left <= layout.magicAt) return { at, kind: "cut", message: `the batch at byte ${at} is cut within its header` };
    const sizeBytes = header.batchSize(bytes, at);
    const damage = checkLengthAndMagic(sizeBytes, header.magicOf(bytes, at), at);
    if (damage !== undefined) return { at, kind: "damaged", message: damage.message };
    if (sizeBytes > left) return { at, kind: "cut", message: `the batch at byte ${at} is cut: ${left} of ${sizeBytes} bytes are there` };
    visit(at, sizeBytes);
    at += sizeBytes;
  }
}

function checkFrame(bytes: Uint8Array, at: number, whenCut: "CORRUPT_MESSAGE" | "INVALID_RECORD"): Failure | undefined {
  const left = bytes.length - at;
  if (left <= layout.magicAt) return { code: whenCut, message: `the batch at byte ${at} is cut: ${left} bytes are less than a header` };
  const sizeBytes = header.batchSize(bytes, at);
  const damage = checkLengthAndMagic(sizeBytes, header.magicOf(bytes, at), at);
  if (damage !== undefined) return damage;
  if (sizeBytes > left) return { code: whenCut, message: `the batch at byte ${at} is cut: ${left} of ${sizeBytes} bytes are there` };
  return undefined;
}

function checkLengthAndMagic(sizeBytes: number, magic: number, at: number): Failure | undefined {
  if (magic === 0 || magic === 1) {
    return {
      code: "UNSUPPORTED_FOR_MESSAGE_FORMAT",
      message: `the batch at byte ${at} has magic ${magic}; only ${layout.magicValue} is stored`,
    };
  }
  if (magic !== layout.magicValue) {
    return { code: "CORRUPT_MESSAGE", message: `the batch at byte ${at} has magic ${magic}, which no version knows` };
  }
  if (sizeBytes < layout.batchHeaderBytes) {
    return {
      code: "CORRUPT_MESSAGE",
      message: `the batch at byte ${at} claims ${sizeBytes} bytes, its header alone has ${layout.batchHeaderBytes}`,
    };
  }
  return undefined;
}

function checkAttributes(attributes: number): Failure | undefined {
  if ((attributes & layout.unknownAttributeBits) !== 0) {
    return invalid(`attributes 0x${hex(attributes & 0xffff)} set bits that mean nothing`);
  }
  if (header.isControl(attributes)) return invalid("a control batch is the cluster's own; no client may send one");
  if (header.hasDeleteHorizon(attributes)) return invalid("the delete-horizon bit is compaction's own; no client may set it");
  if (header.isLogAppendTime(attributes)) {
    return { code: "INVALID_TIMESTAMP", message: "the LogAppendTime bit is the broker's own; no client may set it" };
  }
  const codec = attributes & layout.codecMask;
  if (codec >= codecs.length) {
    return {
      code: "UNSUPPORTED_COMPRESSION_TYPE",
      message: `codec ${codec} is not one of 0 to ${codecs.length - 1} (${codecs.join(", ")})`,
    };
  }
  return undefined;
}

function checkOffsets(bytes: Uint8Array): Failure | undefined {
  const baseOffset = header.baseOffsetOf(bytes, 0);
  if (baseOffset !== 0) return invalid(`baseOffset is ${baseOffset}; a producer sends 0, the leader assigns the offsets`);
  const recordCount = header.recordCountOf(bytes, 0);
  if (recordCount < 1) return invalid(`recordCount is ${recordCount}; a batch holds at least one record`);
  const lastOffsetDelta = header.lastOffsetDeltaOf(bytes, 0);
  if (lastOffsetDelta !== recordCount - 1) {
    return invalid(`lastOffsetDelta is ${lastOffsetDelta}, recordCount ${recordCount}: it must be one less`);
  }
  return undefined;
}

function checkProducer(bytes: Uint8Array): Failure | undefined {
  const id = header.producerIdOf(bytes, 0);
  if (id === layout.none) {
    // Epoch and sequence mean nothing then; widespread clients leave 0 in them.
    return header.isTransactional(header.attributesOf(bytes, 0)) ? invalid("a transactional batch bears no producer id") : undefined;
  }
  if (!Number.isSafeInteger(id) || id < 0) return invalid(`producerId is ${id}; it is -1 or 0 to 2^53 - 1`);
  const epoch = header.producerEpochOf(bytes, 0);
  if (epoch < 0) return invalid(`producerEpoch is ${epoch} with producerId ${id}; it must be at least 0`);
  const sequence = header.baseSequenceOf(bytes, 0);
  return sequence < 0 ? invalid(`baseSequence is ${sequence} with producerId ${id}; it must be at least 0`) : undefined;
}

function checkTimes(bytes: Uint8Array, bounds: ProduceBounds, nowMs: number): Failure | undefined {
  if (!hasSafeTimes(bytes, 0)) return badTime("a time lies outside ±(2^53 - 1) ms");
  const time = header.maxTimestampOf(bytes, 0);
  if (bounds.timestampType === "LogAppendTime" || time === layout.none) return undefined;
  if (time > nowMs + bounds.timestampAfterMaxMs) {
    return badTime(`maxTimestamp ${time} is more than ${bounds.timestampAfterMaxMs} ms ahead of ${nowMs}`);
  }
  if (time < nowMs - bounds.timestampBeforeMaxMs) {
    return badTime(`maxTimestamp ${time} is more than ${bounds.timestampBeforeMaxMs} ms behind ${nowMs}`);
  }
  return undefined;
}

function hasSafeTimes(bytes: Uint8Array, at: number): boolean {
  return Number.isSafeInteger(header.baseTimestampOf(bytes, at)) && Number.isSafeInteger(header.maxTimestampOf(bytes, at));
}

function invalid(message: string): Failure {
  return { code: "INVALID_RECORD", message };
}

function badTime(message: string): Failure {
  return { code: "INVALID_TIMESTAMP", message };
}

function tooLarge(code: "MESSAGE_TOO_LARGE" | "RECORD_LIST_TOO_LARGE", sizeBytes: number, limit: number, key: string): Failure {
  return { code, message: `the batch has ${sizeBytes} bytes; ${key} is ${limit}` };
}

function wrongChecksum(bytes: Uint8Array, at: number): Failure {
  return { code: "CORRUPT_MESSAGE", message: `the batch at byte ${at} does not match its checksum 0x${hex(header.crcOf(bytes, at))}` };
}

function hex(value: number): string {
  return value.toString(16);
}
