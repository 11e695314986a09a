// What a reader says of broken bytes, line by line beside what Kafka says. Where we differ, the tables here say why.

import { ClusterError, type Compression, DecompressionError } from "@varve/model";
import { nodeCompression } from "@varve/runtime/node";
import { describe, expect, test } from "vitest";
import { decompressedBytesMax, RecordReader, readRecords, stampChecksum, walkBatches } from "../src/index.ts";
import { attributesAt, batchLengthAt, recordCountAt } from "../src/layout.ts";
import { fromHex, type InvalidLine, lines } from "./golden.ts";

const invalid = lines<InvalidLine>("invalid");

/** What Kafka reads and we refuse: our words, and why. A star stands for any end. */
const stricter: ReadonlyMap<string, readonly [message: RegExp, why: string]> = new Map([
  ["magic/real-*", [/has magic [01]; only 2 is stored/, "formats before magic 2 are not read"]],
  ["count/0", [/it claims no record in 63 bytes/, "the records would vanish without a word"]],
  ["last-offset-delta/-1", [/has the offsets 0 to -1/, "the batch would end before it begins"]],
  ["last-offset-delta/0", [/record 2 of 3 is broken: its offset is 1/, "the record lies behind the batch's last offset"]],
  ["last-offset-delta/1", [/record 3 of 3 is broken: its offset is 2/, "the record lies behind the batch's last offset"]],
  ["offset-delta/wrong-order-*", [/record 3 of 3 is broken: its offset is 1/, "a consumer's position must never go back"]],
  ["offset-delta/all-zero-*", [/record 2 of 3 is broken: its offset is 0/, "a consumer's position must never stand still"]],
  ["offset-delta/negative-*", [/record 2 of 3 is broken: its offset is -1/, "a consumer's position must never go back"]],
  ["record/key-minus-two-*", [/its key has the length -2/, "-1 is the only length that means null"]],
  ["record/value-minus-two-*", [/its value has the length -2/, "-1 is the only length that means null"]],
  ["time/delta-overflow-*", [/its time lies outside ±\(2\^53 - 1\) ms/, "Kafka lets the sum wrap around"]],
  ["payload/garbage-behind-gzip", [/do not decompress: gzip/, "the payload is one stream and nothing else"]],
  ["payload/garbage-behind-lz4", [/do not decompress: lz4 frame: 5 bytes are left behind it/, "the payload is one frame and nothing else"]],
  ["bomb/zstd", [/2080 bytes of zstd hold more than 1081856/, "memory is bounded"]],
  ["bomb/gzip", [/65261 bytes of gzip hold more than 2092752/, "memory is bounded"]],
]);

/** What Kafka refuses and we do not, and why. */
const laxer: ReadonlyMap<string, string> = new Map([
  ["length/2147483647", "a claimed length behind the end is a batch that is cut, whatever the length; Kafka's walk stumbles over this one"],
]);

function strictness(id: string): readonly [RegExp, string] | undefined {
  for (const [pattern, entry] of stricter) {
    if (pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern) return entry;
  }
  return undefined;
}

/** Walks and reads everything, as a consumer does. @returns why that stopped; undefined when nothing is wrong. */
function refusal(
  bytes: Uint8Array,
  compression: Compression = nodeCompression,
): { readonly code: string; readonly message: string } | undefined {
  const found: number[] = [];
  const end = walkBatches(bytes, (at) => found.push(at));
  try {
    for (const at of found) for (const record of readRecords(bytes, at, compression)) expect(record.offset).toBeGreaterThanOrEqual(0);
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    return { code: error.code, message: error.message };
  }
  return end.kind === "damaged" ? { code: "damaged", message: end.message } : undefined;
}

const lineOf = (id: string): Uint8Array => fromHex(invalid.find((line) => line.id === id)!.hex);

describe("broken bytes", () => {
  test.each(invalid)("$id: $note", (line) => {
    const { iterate, ensureValid, read } = line.kafka;
    const kafkaRefuses = !(iterate.ok && ensureValid.ok && read.ok);
    const answer = refusal(fromHex(line.hex));
    const entry = strictness(line.id);
    if (entry !== undefined) {
      expect({ id: line.id, kafkaRefuses }).toEqual({ id: line.id, kafkaRefuses: false });
      expect(answer?.message).toMatch(entry[0]);
    } else {
      expect(answer !== undefined).toBe(kafkaRefuses && !laxer.has(line.id));
    }
  });
});

describe("what is said of damage", () => {
  test.each([
    ["crc/flip-byte-30", "CORRUPT_MESSAGE", "the batch at byte 0 does not match its checksum 0x59d19c05"],
    ["count/2147483647", "INVALID_RECORD", "the batch of the offsets 0 to 2: it claims 2147483647 records in 63 bytes"],
    ["count/2", "INVALID_RECORD", "the batch of the offsets 0 to 2: 21 bytes are left behind its last record"],
    ["record/headers-huge-gzip", "INVALID_RECORD", "record 1 of 1 is broken: it claims 2147483647 headers in 0 bytes"],
    ["record/length-too-long-none", "INVALID_RECORD", "record 1 of 1 is broken: its length is 9, 8 bytes are left"],
    ["attributes/codec-6", "UNSUPPORTED_COMPRESSION_TYPE", "codec 6 is not one of none, gzip, snappy, lz4, zstd"],
    ["payload/cut-one-zstd", "INVALID_RECORD", "its records do not decompress: zstd: unexpected end of file"],
    ["buffer/second-crc", "CORRUPT_MESSAGE", "the batch at byte 124 does not match its checksum 0x59d19c05"],
  ])("%s is %s", (id, code, message) => {
    const answer = refusal(lineOf(id));
    expect(answer?.code).toBe(code);
    expect(answer?.message).toContain(message);
  });

  test("the records before a broken one are read, then the reader stops for good, and the next batch is read whole", () => {
    const reader = new RecordReader(nodeCompression);
    const offsets: number[] = [];
    reader.open(lineOf("offset-delta/wrong-order-none"));
    expect(() => {
      while (reader.next()) offsets.push(reader.offset);
    }).toThrow(ClusterError);
    expect(offsets).toEqual([0, 2]);
    expect(reader.next()).toBe(false);

    reader.open(lineOf("control-case/valid"));
    while (reader.next()) offsets.push(reader.offset);
    expect(offsets).toEqual([0, 2, 0, 1, 2]);
  });

  test("after a batch that cannot be opened the reader holds no record", () => {
    const reader = new RecordReader(nodeCompression);
    reader.open(lineOf("control-case/valid"));
    expect(() => reader.open(lineOf("payload/random-lz4"))).toThrow(ClusterError);
    expect(reader.recordCount).toBe(0);
    expect(reader.next()).toBe(false);
  });
});

describe("the cap on what a batch decompresses to", () => {
  /** A batch that says it is gzip, whose payload has a given size; the codec is replaced. */
  function capFor(payloadBytes: number): number {
    const batch = new Uint8Array(61 + payloadBytes);
    batch.set(lineOf("control-case/valid").subarray(0, 61));
    new DataView(batch.buffer).setInt32(batchLengthAt, batch.length - 12);
    new DataView(batch.buffer).setInt16(attributesAt, 1);
    new DataView(batch.buffer).setInt32(recordCountAt, 3);
    stampChecksum(batch, 0, nodeCompression);
    const caps: number[] = [];
    const spy: Compression = {
      ...nodeCompression,
      decompress(_codec, _bytes, outputBytesMax) {
        caps.push(outputBytesMax);
        throw new DecompressionError("too-large", "spy");
      },
    };
    expect(refusal(batch, spy)?.message).toContain(`${payloadBytes} bytes of gzip hold more than ${caps[0]}`);
    return caps[0]!;
  }

  test("is a mebibyte and sixteen times the compressed size", () => {
    expect(capFor(1)).toBe(1_048_576 + 16);
    expect(capFor(100_000)).toBe(1_048_576 + 1_600_000);
  });

  test("is never more than 64 MiB", () => {
    expect(decompressedBytesMax).toBe(67_108_864);
    expect(capFor(8_388_608)).toBe(decompressedBytesMax);
  });
});
