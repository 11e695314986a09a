// Batches that are wrong in one field each: a good one is built, bent, and given a checksum that holds unless that is what is wrong.

import { crc32c } from "@platformatic/kafka";
import { type Codec, codecs } from "@varve/model";
import { BatchBuilder, type BatchProducer } from "@varve/record";
import { nodeCompression } from "@varve/runtime/node";

const bytesMax = 8_000_000;

/** A batch of these values with the time `timestampMs`. */
export function batchOf(
  values: readonly (string | Uint8Array)[],
  options: { readonly timestampMs?: number; readonly codec?: Codec; readonly producer?: BatchProducer } = {},
): Buffer {
  const { timestampMs = Date.now(), codec = "none", producer } = options;
  const builder = new BatchBuilder({ bytesTarget: bytesMax, bytesMax }, nodeCompression);
  for (const value of values) builder.append(timestampMs, null, value);
  return Buffer.from(builder.finish({ codec, producer }));
}

/** The batch with something else in it, under a checksum that holds. */
export function bent(batch: Buffer, bend: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(batch);
  bend(bytes);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

/** A batch whose records are these bytes, compressed as its codec says, whatever is in them. */
export function batchOfBytes(records: Uint8Array, recordCount: number, codec: Codec = "none"): Buffer {
  const payload = codec === "none" ? records : nodeCompression.compress(codec, records);
  const header = batchOf(["x"]).subarray(0, 61);
  return bent(Buffer.concat([header, payload]), (bytes) => {
    bytes.writeInt32BE(bytes.length - 12, 8);
    bytes.writeInt16BE(codecs.indexOf(codec), 21);
    bytes.writeInt32BE(recordCount - 1, 23);
    bytes.writeInt32BE(recordCount, 57);
  });
}

export interface BadBatch {
  readonly what: string;
  readonly code: string;
  readonly batch: Buffer;
}

const good = batchOf(["one", "two", "three"]);
const hourMs = 3_600_000;

/** Source of the cases: correctness.md 9.2, "Record batch v2". */
export const badBatches: readonly BadBatch[] = [
  { what: "no byte", code: "INVALID_RECORD", batch: Buffer.alloc(0) },
  { what: "60 bytes of a header", code: "INVALID_RECORD", batch: good.subarray(0, 60) },
  { what: "a batch without its last byte", code: "INVALID_RECORD", batch: good.subarray(0, -1) },
  { what: "a byte behind the batch", code: "INVALID_RECORD", batch: Buffer.concat([good, Buffer.of(0)]) },
  { what: "two batches", code: "INVALID_RECORD", batch: Buffer.concat([good, good]) },
  { what: "zeros", code: "UNSUPPORTED_FOR_MESSAGE_FORMAT", batch: Buffer.alloc(200) },
  { what: "0xff over and over", code: "CORRUPT_MESSAGE", batch: Buffer.alloc(200, 0xff) },
  { what: "text", code: "CORRUPT_MESSAGE", batch: Buffer.from("GET / HTTP/1.1\r\nHost: varve\r\n\r\n".repeat(4)) },
  { what: "a flipped bit", code: "CORRUPT_MESSAGE", batch: flipped(good, good.length - 1) },
  { what: "a wrong checksum", code: "CORRUPT_MESSAGE", batch: flipped(good, 17) },
  ...[0, -1, -2_147_483_648, 48].map((length) => withLength(length, "CORRUPT_MESSAGE")),
  // The longest of them and its twelve more bytes are no int32.
  ...[good.length - 11, 2_147_483_635, 2_147_483_647].map((length) => withLength(length, "INVALID_RECORD")),
  ...[0, 1].map((magic) => withMagic(magic, "UNSUPPORTED_FOR_MESSAGE_FORMAT")),
  ...[3, 127, -1].map((magic) => withMagic(magic, "CORRUPT_MESSAGE")),
  ...[5, 6, 7].map((codec) => withAttributes(codec, "UNSUPPORTED_COMPRESSION_TYPE")),
  ...[0x80, 0x4000, -0x8000].map((bits) => withAttributes(bits, "INVALID_RECORD")),
  { ...withAttributes(0x08, "INVALID_TIMESTAMP"), what: "the LogAppendTime bit" },
  { ...withAttributes(0x10, "INVALID_RECORD"), what: "the transactional bit without a producer" },
  { ...withAttributes(0x20, "INVALID_RECORD"), what: "the control bit" },
  { ...withAttributes(0x40, "INVALID_RECORD"), what: "the delete-horizon bit" },
  ...[0, -1, -2_147_483_648, 2, 4, 2_147_483_647].map((count) => ({
    what: `a count of ${count} over three records`,
    code: "INVALID_RECORD",
    batch: bent(good, (bytes) => bytes.writeInt32BE(count, 57)),
  })),
  ...[-1, 0, 3, 2_147_483_647].map((delta) => ({
    what: `a last offset delta of ${delta} over three records`,
    code: "INVALID_RECORD",
    batch: bent(good, (bytes) => bytes.writeInt32BE(delta, 23)),
  })),
  ...[1n, -1n, 2n ** 53n, 2n ** 63n - 1n].map((offset) => ({
    what: `a base offset of ${offset}`,
    code: "INVALID_RECORD",
    batch: bent(good, (bytes) => bytes.writeBigInt64BE(offset, 0)),
  })),
  { what: "a time two hours ahead", code: "INVALID_TIMESTAMP", batch: batchOf(["x"], { timestampMs: Date.now() + 2 * hourMs }) },
  ...[2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n].map((time) => ({
    what: `a time of ${time}`,
    code: "INVALID_TIMESTAMP",
    batch: bent(good, (bytes) => bytes.writeBigInt64BE(time, 35)),
  })),
  ...[-2n, -(2n ** 63n), 2n ** 53n].map((id) => ({
    what: `a producer id of ${id}`,
    code: "INVALID_RECORD",
    batch: bent(good, (bytes) => bytes.writeBigInt64BE(id, 43)),
  })),
  { what: "a producer epoch of -1", code: "INVALID_RECORD", batch: withProducer(7n, -1, 0) },
  { what: "a base sequence of -1", code: "INVALID_RECORD", batch: withProducer(7n, 0, -1) },
];

function flipped(batch: Buffer, at: number): Buffer {
  const bytes = Buffer.from(batch);
  bytes[at]! ^= 1;
  return bytes;
}

function withLength(length: number, code: string): BadBatch {
  return { what: `a length of ${length}`, code, batch: bent(good, (bytes) => bytes.writeInt32BE(length, 8)) };
}

function withMagic(magic: number, code: string): BadBatch {
  return { what: `magic ${magic}`, code, batch: bent(good, (bytes) => bytes.writeInt8(magic, 16)) };
}

function withAttributes(bits: number, code: string): BadBatch {
  return { what: `attributes of ${bits}`, code, batch: bent(good, (bytes) => bytes.writeInt16BE(bits, 21)) };
}

function withProducer(id: bigint, epoch: number, sequence: number): Buffer {
  return bent(good, (bytes) => {
    bytes.writeBigInt64BE(id, 43);
    bytes.writeInt16BE(epoch, 51);
    bytes.writeInt32BE(sequence, 53);
  });
}
