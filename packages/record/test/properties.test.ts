// Whatever is written is read back, for every codec; and no damage makes a reader crash, hang or open more than its cap.

import { ClusterError, type Codec, type Compression, codecs } from "@varve/model";
import { nodeCompression } from "@varve/runtime/node";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BatchBuilder,
  checkProducedBatch,
  checkStoredBatch,
  decompressedBytesMax,
  decompressedFreeBytes,
  decompressedRatioMax,
  type LogRecord,
  RecordReader,
  readRecords,
  stampBatch,
  stampChecksum,
  walkBatches,
} from "../src/index.ts";
import { batchLengthAt, recordsAt } from "../src/layout.ts";

const utf8 = new TextEncoder();
const encoded = (field: Uint8Array | string | null): Uint8Array | null => (typeof field === "string" ? utf8.encode(field) : field);

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const bytes = fc.uint8Array({ maxLength: 300 });
const field = fc.oneof(
  fc.constant(null),
  bytes,
  text,
  fc.nat(5_000).map((length) => "lorem ipsum ".repeat(length / 12)),
);
const headers = fc.array(fc.record({ key: text, value: fc.oneof(fc.constant(null), bytes, text) }), { maxLength: 4 });
const time = fc.oneof(
  fc.constant(-1),
  fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 }),
  fc.integer({ min: -(2 ** 52), max: 2 ** 52 }),
);
const records = fc.array(fc.record({ timestamp: time, key: field, value: field, headers }), { minLength: 1, maxLength: 30 });
const codec = fc.constantFrom<Codec>(...codecs);
type Written = (typeof records extends fc.Arbitrary<infer Value> ? Value : never)[number];

function build(written: readonly Written[], codec: Codec): Uint8Array {
  const builder = new BatchBuilder({ bytesTarget: 1_048_576, bytesMax: 1_048_576 }, nodeCompression);
  for (const { timestamp, key, value, headers } of written) expect(builder.append(timestamp, key, value, headers)).toBe(true);
  return builder.finish({ codec });
}

describe("written and read", () => {
  test("the same records come back, with offsets from the stamped one on, for every codec", () => {
    fc.assert(
      fc.property(records, codec, fc.maxSafeNat(), (written, codec, anyOffset) => {
        const batch = build(written, codec);
        const baseOffset = Math.min(anyOffset, Number.MAX_SAFE_INTEGER - written.length);
        stampBatch(batch, 0, baseOffset, 3);
        const expected: LogRecord[] = written.map(({ timestamp, key, value, headers }, index) => ({
          offset: baseOffset + index,
          timestamp,
          key: encoded(key),
          value: encoded(value),
          headers: headers.map((header) => ({ key: header.key, value: encoded(header.value) })),
        }));
        expect([...readRecords(batch, 0, nodeCompression)]).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});

describe("damage", () => {
  /** Opens everything that a walk finds. The port is watched: no call may be allowed more than the cap. */
  function readAll(damaged: Uint8Array, verify: boolean): number {
    const watched: Compression = {
      ...nodeCompression,
      decompress(codec, input, outputBytesMax) {
        expect(outputBytesMax).toBeLessThanOrEqual(
          Math.min(decompressedBytesMax, decompressedFreeBytes + decompressedRatioMax * input.length),
        );
        const output = nodeCompression.decompress(codec, input, outputBytesMax);
        expect(output.length).toBeLessThanOrEqual(outputBytesMax);
        return output;
      },
    };
    const reader = new RecordReader(watched);
    let read = 0;
    walkBatches(damaged, (at, sizeBytes) => {
      try {
        reader.open(damaged, at, { verify });
        while (reader.next()) {
          expect(reader.headers().length).toBeLessThanOrEqual(sizeBytes * 300);
          read += 1;
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ClusterError);
      }
    });
    return read;
  }

  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 8 });
  const damage = (batch: Uint8Array, where: readonly (readonly [number, number])[], from: number): Uint8Array => {
    const damaged = batch.slice();
    for (const [at, mask] of where) {
      const index = from + (at % Math.max(1, damaged.length - from));
      if (index < damaged.length) damaged[index]! ^= mask;
    }
    return damaged;
  };

  test("anywhere in a batch is refused by its checksum or leaves the records as they were", () => {
    fc.assert(
      fc.property(records, codec, flips, (written, codec, where) => {
        const batch = build(written, codec);
        const damaged = damage(batch, where, 0);
        if (checkStoredBatch(damaged, 0, nodeCompression) === undefined) {
          // Only base offset and leader epoch lie outside the checksum.
          expect(damaged.subarray(16)).toEqual(batch.subarray(16));
          expect(damaged.subarray(8, 12)).toEqual(batch.subarray(8, 12));
        }
        readAll(damaged, true);
      }),
      { numRuns: 300 },
    );
  });

  test("under a checksum that holds is named, or read as other records, and nothing else", () => {
    fc.assert(
      fc.property(records, codec, flips, fc.nat(400), (written, codec, where, cut) => {
        const batch = build(written, codec);
        const whole = damage(batch, where, batchLengthAt + 9);
        const damaged = whole.slice(0, Math.max(recordsAt, whole.length - Math.max(0, cut - 300)));
        new DataView(damaged.buffer).setInt32(batchLengthAt, damaged.length - 12);
        stampChecksum(damaged, 0, nodeCompression);
        readAll(damaged, true);
        readAll(damaged, false);
      }),
      { numRuns: 500 },
    );
  });

  test("random bytes are walked, checked and read without anything but answers", () => {
    const bounds = {
      batchBytesMax: 1_048_588,
      segmentBytesMax: 1_048_588,
      timestampType: "CreateTime",
      timestampBeforeMaxMs: 0,
      timestampAfterMaxMs: 0,
    } as const;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (random) => {
        expect(checkProducedBatch(random, bounds, 0, nodeCompression)).toBeDefined();
        readAll(random, true);
      }),
      { numRuns: 500 },
    );
  });
});
