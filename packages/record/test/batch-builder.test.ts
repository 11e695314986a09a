// How a batch is filled, bounded and finished. That its bytes are Kafka's is shown in valid-batches.test.ts.

import { ClusterError, type Codec, InvariantError, topicConfigTable } from "@varve/model";
import { nodeCompression } from "@varve/runtime/node";
import { describe, expect, test } from "vitest";
import {
  BatchBuilder,
  type BatchLimits,
  batchHeaderBytes,
  checkProducedBatch,
  codecOf,
  type HeaderField,
  type RecordField,
  readBatchHeader,
  readRecords,
  recordBytesBound,
} from "../src/index.ts";
import { toHex } from "./golden.ts";

const now = 1_760_000_000_000;
const roomy: BatchLimits = { bytesTarget: 1_048_576, bytesMax: 1_048_576 };
const builder = (limits: BatchLimits = roomy): BatchBuilder => new BatchBuilder(limits, nodeCompression);
const utf8 = new TextEncoder();

function single(key: RecordField, value: RecordField, headers: readonly HeaderField[] = []): Uint8Array {
  const one = builder();
  expect(one.append(now, key, value, headers)).toBe(true);
  expect(one.sizeBytes - batchHeaderBytes).toBeLessThanOrEqual(recordBytesBound(key, value, headers));
  return one.finish();
}

/** The same with every text encoded beforehand. */
function singleOfBytes(key: string, value: string, headers: readonly (readonly [string, string])[] = []): Uint8Array {
  const fields = headers.map(([name, text]) => ({ key: name, value: utf8.encode(text) }));
  return single(utf8.encode(key), utf8.encode(value), fields);
}

describe("text", () => {
  const texts = [
    "",
    "k",
    "sixteen letters!",
    "seventeen letters",
    "é",
    "日本語",
    "👍 up",
    "x".repeat(63),
    "x".repeat(64),
    "é".repeat(63),
    "é".repeat(4095),
    "日".repeat(30_000),
  ];

  test.each(texts.map((text) => [text.length, text.slice(0, 12), text] as const))(
    "of %d letters (%s) is written as the bytes of its UTF-8",
    (_length, _front, text) => {
      expect(toHex(single(text, "v"))).toBe(toHex(singleOfBytes(text, "v")));
      expect(toHex(single("k", text))).toBe(toHex(singleOfBytes("k", text)));
      expect(toHex(single(text, text))).toBe(toHex(singleOfBytes(text, text)));
      expect(
        toHex(
          single(text, text, [
            { key: text, value: text },
            { key: "k", value: text },
          ]),
        ),
      ).toBe(
        toHex(
          singleOfBytes(text, text, [
            [text, text],
            ["k", text],
          ]),
        ),
      );
    },
  );

  test("with half of a surrogate pair becomes U+FFFD", () => {
    const [record] = [...readRecords(single("a\ud800b", null), 0, nodeCompression)];
    expect(new TextDecoder().decode(record!.key!)).toBe("a\ufffdb");
  });

  test("of a header's key comes back whole, with the byte order mark that it begins with", () => {
    const keys = ["\ufeffk", "\ufeff seventeen letters", "", "é"];
    const [record] = [
      ...readRecords(
        single(
          null,
          null,
          keys.map((key) => ({ key, value: null })),
        ),
        0,
        nodeCompression,
      ),
    ];
    expect(record!.headers.map((header) => header.key)).toEqual(keys);
  });

  test("of one builder does not reach into the batch of another", () => {
    const [one, other] = [builder(), builder()];
    one.append(now, "one key, longer than a loop", "one value", [{ key: "h", value: "1" }]);
    other.append(now, "x", "other value", [{ key: "h", value: "2" }]);
    one.append(now, null, "one again");
    expect([...readRecords(one.finish(), 0, nodeCompression)].map((record) => new TextDecoder().decode(record.value!))).toEqual([
      "one value",
      "one again",
    ]);
    expect([...readRecords(other.finish(), 0, nodeCompression)].map((record) => new TextDecoder().decode(record.value!))).toEqual([
      "other value",
    ]);
  });
});

describe("the limits", () => {
  const value = new Uint8Array(100);
  /** Header, and per record length 2, attributes, time, offset, null key, value length 2, value, header count. */
  const sizeOf = (records: number): number => batchHeaderBytes + records * 109;

  test("a record that ends exactly at the target is taken, the next is not and changes nothing", () => {
    const batch = builder({ bytesTarget: sizeOf(3), bytesMax: sizeOf(10) });
    expect([1, 2, 3, 4].map(() => batch.append(now, null, value))).toEqual([true, true, true, false]);
    expect([batch.recordCount, batch.sizeBytes]).toEqual([3, sizeOf(3)]);
    expect(batch.finish()).toHaveLength(sizeOf(3));
  });

  test("one byte less and the third record is not taken", () => {
    const batch = builder({ bytesTarget: sizeOf(3) - 1, bytesMax: sizeOf(10) });
    expect([1, 2, 3].map(() => batch.append(now, null, value))).toEqual([true, true, false]);
  });

  test("a record over the target has a batch to itself, up to the maximum", () => {
    const batch = builder({ bytesTarget: 80, bytesMax: sizeOf(1) });
    expect(batch.append(now, null, value)).toBe(true);
    expect(batch.append(now, null, new Uint8Array(0))).toBe(false);
    expect(batch.finish()).toHaveLength(sizeOf(1));
  });

  test.each([
    ["bytes", value],
    ["letters", "v".repeat(100)],
    ["more bytes than letters", "é".repeat(50)],
  ])("a record over the maximum is refused by name, as %s, and the batch goes on", (_what, field) => {
    const batch = builder({ bytesTarget: 80, bytesMax: sizeOf(1) - 1 });
    expect(() => batch.append(now, null, field)).toThrow(/a record that makes its batch \d+ bytes or more; the limit is 169/);
    expect(batch.append(now, "k", "v")).toBe(true);
    expect(toHex(batch.finish())).toBe(toHex(single("k", "v")));
  });

  test("what it takes, a broker with the same limit takes, for every number of records", () => {
    const limits = { bytesTarget: 2_000, bytesMax: 2_000 };
    const bounds = {
      batchBytesMax: 2_000,
      segmentBytesMax: topicConfigTable["segment.bytes"].default,
      timestampType: "CreateTime",
      timestampBeforeMaxMs: 0,
      timestampAfterMaxMs: 0,
    } as const;
    for (let length = 0; length < 500; length += 7) {
      const batch = builder(limits);
      while (batch.append(now, "key", new Uint8Array(length))) {}
      expect(checkProducedBatch(batch.finish(), bounds, now, nodeCompression)).toBeUndefined();
    }
  });
});

describe("times", () => {
  test("the batch counts from its first record and knows its latest", () => {
    const batch = builder();
    for (const time of [now, now - 5, now + 7, now + 2]) batch.append(time, null, null);
    expect(readBatchHeader(batch.finish())).toMatchObject({ baseTimestamp: now, maxTimestamp: now + 7 });
  });

  test("a batch whose records have no time says so", () => {
    const batch = builder();
    batch.append(-1, null, "v");
    expect(readBatchHeader(batch.finish())).toMatchObject({ baseTimestamp: -1, maxTimestamp: -1 });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 0.5, 2 ** 53])("the time %d is refused and the batch goes on", (time) => {
    const batch = builder();
    batch.append(now, null, "v");
    expect(() => batch.append(time, null, "v")).toThrow(ClusterError);
    expect(batch.append(now, null, "v")).toBe(true);
    expect(batch.recordCount).toBe(2);
  });

  test("a time whose distance from the first record's is no safe integer is refused", () => {
    const batch = builder();
    batch.append(-Number.MAX_SAFE_INTEGER, null, "v");
    expect(() => batch.append(1, null, "v")).toThrow(`a record with the time 1, in a batch that begins at ${-Number.MAX_SAFE_INTEGER}`);
  });
});

describe("finishing", () => {
  test("a finished batch is not touched by the next one of the same builder", () => {
    const both = builder({ bytesTarget: 16_384, bytesMax: 16_384 });
    for (const size of [10, 16_000]) {
      const value = new Uint8Array(size);
      both.append(now, null, value.fill(1));
      const first = both.finish();
      const before = toHex(first);
      both.append(now, null, value.fill(2));
      both.finish();
      expect(toHex(first)).toBe(before);
    }
  });

  test("a builder without memory of its own writes in what it is given, and hands out none of what stood there", () => {
    const used = new Uint8Array(65_536).fill(0xaa);
    const one = builder();
    expect(one.provide(used)).toBe(true);
    expect(one.append(now, "k", "v".repeat(40_000))).toBe(true);
    expect(one.provide(new Uint8Array(65_536))).toBe(false);
    const batch = one.finish();
    expect(batch.buffer).toBe(used.buffer);
    const plain = builder();
    plain.append(now, "k", "v".repeat(40_000));
    expect(toHex(batch)).toBe(toHex(plain.finish()));
  });

  test("an unused part of the builder's memory is not handed out with a small batch", () => {
    const batch = builder({ bytesTarget: 65_536, bytesMax: 65_536 });
    batch.append(now, null, "v");
    expect(batch.finish().buffer.byteLength).toBe(batchHeaderBytes + 8);
  });

  test("producer, epoch, sequence and the transactional bit are in the header", () => {
    const batch = builder();
    batch.append(now, "k", "v");
    const finished = batch.finish({ producer: { id: 4_000, epoch: 32_767, baseSequence: 2_147_483_647 }, isTransactional: true });
    expect(readBatchHeader(finished)).toMatchObject({
      producerId: 4_000,
      producerEpoch: 32_767,
      baseSequence: 2_147_483_647,
      attributes: 0x10,
    });
  });

  test("a batch without a record, or a transaction without a producer, is our own mistake", () => {
    expect(() => builder().finish()).toThrow(InvariantError);
    const batch = builder();
    batch.append(now, "k", "v");
    expect(() => batch.finish({ isTransactional: true })).toThrow(InvariantError);
  });

  test.each<Codec>(["gzip", "snappy", "lz4", "zstd"])(
    "%s makes a batch of repeated text smaller, and leaves one that it cannot shrink as it is",
    (codec) => {
      const batch = builder();
      for (let index = 0; index < 100; index++) batch.append(now + index, `key-${index}`, "the same text again and again");
      const plainBytes = batch.sizeBytes;
      const shrunk = batch.finish({ codec });
      expect(shrunk.length).toBeLessThan(plainBytes / 2);
      expect(codecOf(readBatchHeader(shrunk).attributes)).toBe(codec);

      batch.append(now, null, "v");
      const tiny = batch.finish({ codec });
      expect(codecOf(readBatchHeader(tiny).attributes)).toBe("none");
      expect([...readRecords(tiny, 0, nodeCompression)]).toHaveLength(1);
    },
  );
});
