// Node's checksums and codecs: what is compressed comes back, what others wrote is read, and nothing goes past its cap.

import { createRequire } from "node:module";
import { crc32, gzipSync, zstdCompressSync } from "node:zlib";
import { type Codec, DecompressionError } from "@varve/model";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeCompression } from "../src/node/compression.ts";
import { decompressLz4Frame } from "../src/node/lz4-frame.ts";
import { decompressSnappy } from "../src/node/snappy-blocks.ts";
import { xxh32 } from "../src/node/xxh32.ts";

const require = createRequire(new URL("../src/node/compression.ts", import.meta.url));
const snappy = require("snappy") as typeof import("snappy");
const lz4 = require("lz4-napi") as typeof import("lz4-napi");

const compressed = ["gzip", "snappy", "lz4", "zstd"] as const satisfies readonly Codec[];
const utf8 = new TextEncoder();
const sentence = utf8.encode("segment offset epoch replica ".repeat(500));
const mebibyte = 1_048_576;

function kindOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof DecompressionError) return error.kind;
    throw error;
  }
  return "none";
}

describe("CRC-32C", () => {
  test("of the digits 1 to 9 is the value that every description of it gives", () => {
    expect(nodeCompression.crc32c(utf8.encode("123456789"))).toBe(0xe3069283);
  });

  test("is not the CRC-32 of zlib", () => {
    expect(nodeCompression.crc32c(sentence)).not.toBe(crc32(sentence));
  });

  test("of a part of an array looks at that part alone", () => {
    const around = utf8.encode("<<<123456789>>>");
    expect(nodeCompression.crc32c(around.subarray(3, 12))).toBe(0xe3069283);
  });
});

describe.each(compressed)("%s", (codec) => {
  test("gives back what it was given, of any size", () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }),
      fc.nat(200_000).map((length) => new Uint8Array(length).map((_, index) => index >> 4)),
    );
    fc.assert(
      fc.property(content, (bytes) => {
        expect(nodeCompression.decompress(codec, nodeCompression.compress(codec, bytes), bytes.length + 1)).toEqual(bytes);
      }),
      { numRuns: 50 },
    );
  });

  test("returns plain arrays, whose slices are copies", () => {
    const packed = nodeCompression.compress(codec, sentence);
    expect(Object.getPrototypeOf(packed)).toBe(Uint8Array.prototype);
    expect(Object.getPrototypeOf(nodeCompression.decompress(codec, packed, mebibyte))).toBe(Uint8Array.prototype);
  });

  test("opens up to its cap and not a byte further", () => {
    const packed = nodeCompression.compress(codec, sentence);
    expect(nodeCompression.decompress(codec, packed, sentence.length)).toEqual(sentence);
    expect(kindOf(() => nodeCompression.decompress(codec, packed, sentence.length - 1))).toBe("too-large");
    expect(kindOf(() => nodeCompression.decompress(codec, packed, 1))).toBe("too-large");
  });

  test("64 MiB of zeros stop at a cap of one", () => {
    const bomb = nodeCompression.compress(codec, new Uint8Array(64 * mebibyte));
    expect(kindOf(() => nodeCompression.decompress(codec, bomb, mebibyte))).toBe("too-large");
  });

  test("cut anywhere it is damaged", () => {
    const packed = nodeCompression.compress(codec, sentence.subarray(0, 300));
    for (let length = 0; length < packed.length; length++) {
      // What is left of xerial's framing without its blocks is a sound framing of nothing.
      if (codec === "snappy" && length === 16) continue;
      expect({ length, kind: kindOf(() => nodeCompression.decompress(codec, packed.subarray(0, length), mebibyte)) }).toEqual({
        length,
        kind: "damaged",
      });
    }
  });

  test.each([[[0]], [[0, 0, 0, 0, 0]], [[1, 2, 3, 4, 5, 6, 7, 8]]])("with %j behind it it is damaged", (behind) => {
    const packed = nodeCompression.compress(codec, sentence);
    expect(kindOf(() => nodeCompression.decompress(codec, Uint8Array.from([...packed, ...behind]), mebibyte))).toBe("damaged");
  });

  test("random damage gives an answer within the cap", () => {
    const packed = nodeCompression.compress(codec, sentence);
    const flips = fc.array(fc.tuple(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(flips, (where) => {
        const damaged = packed.slice();
        for (const [at, mask] of where) damaged[at]! ^= mask;
        const cap = sentence.length + 100;
        try {
          expect(nodeCompression.decompress(codec, damaged, cap).length).toBeLessThanOrEqual(cap);
        } catch (error) {
          expect(error).toBeInstanceOf(DecompressionError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("what others write", () => {
  test("gzip of several members is one content", () => {
    const [front, back] = [sentence.subarray(0, 1_000), sentence.subarray(1_000)];
    expect(nodeCompression.decompress("gzip", Buffer.concat([gzipSync(front), gzipSync(back)]), mebibyte)).toEqual(sentence);
  });

  test("zstd of several frames is one content", () => {
    const [front, back] = [sentence.subarray(0, 1_000), sentence.subarray(1_000)];
    expect(nodeCompression.decompress("zstd", Buffer.concat([zstdCompressSync(front), zstdCompressSync(back)]), mebibyte)).toEqual(
      sentence,
    );
  });

  test("snappy as one raw block is read as xerial's framing is", () => {
    expect(nodeCompression.decompress("snappy", snappy.compressSync(sentence), mebibyte)).toEqual(sentence);
  });

  test("lz4 with checksums of block and content is read, and each checksum is believed", () => {
    const frame = lz4.compressFrameSync(Buffer.from(sentence), { blockChecksums: true, contentChecksum: true });
    expect(nodeCompression.decompress("lz4", frame, mebibyte)).toEqual(sentence);
    for (const fromEnd of [1, 9]) {
      const damaged = Uint8Array.from(frame);
      damaged[damaged.length - fromEnd]! ^= 1;
      expect(() => nodeCompression.decompress("lz4", damaged, mebibyte)).toThrow("does not match its checksum");
    }
  });
});

describe("xerial's framing of snappy", () => {
  const header = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1];

  test("is what we write: blocks of 32 KiB behind Kafka's header", () => {
    const packed = nodeCompression.compress("snappy", new Uint8Array(70_000));
    expect([...packed.subarray(0, 16)]).toEqual(header);
    const sizes: number[] = [];
    const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
    for (let at = 16; at < packed.length; at += 4 + view.getInt32(at)) {
      sizes.push((snappy.uncompressSync(packed.subarray(at + 4, at + 4 + view.getInt32(at))) as Buffer).length);
    }
    expect(sizes).toEqual([32_768, 32_768, 70_000 - 65_536]);
  });

  test.each([
    ["a block of no bytes", [...header, 0, 0, 0, 0], "claims 0 bytes"],
    ["a block of a negative size", [...header, 0xff, 0xff, 0xff, 0xff, 1], "claims -1 bytes"],
    ["a block longer than what is left", [...header, 0, 0, 0, 9, 1, 0, 7], "claims 9 bytes, 3 are left"],
    ["a version that we cannot read", [...header.slice(0, 15), 2, 0, 0, 0, 3, 1, 0, 7], "can be read from version 2 on"],
    [
      "a block that claims more than snappy can pack",
      [...header, 0, 0, 0, 4, 0xff, 0xff, 0x3f, 0],
      "4 bytes cannot hold the 1048575 that they claim",
    ],
  ])("refuses %s", (_what, bytes, message) => {
    expect(() => nodeCompression.decompress("snappy", Uint8Array.from(bytes), mebibyte)).toThrow(message);
  });

  test("a length that lies never reaches the library", () => {
    const lies = Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    expect(kindOf(() => decompressSnappy(lies, mebibyte, () => expect.unreachable()))).toBe("too-large");
  });

  test("a literal of a negative length ends, as damage", () => {
    const looping = Uint8Array.from([10, 0xfc, 0xfa, 0xff, 0xff, 0xff]);
    expect(kindOf(() => nodeCompression.decompress("snappy", looping, mebibyte))).toBe("damaged");
  });
});

describe("lz4's frames", () => {
  const frame = (flags: number, blockSize: number, ...blocks: number[]): Uint8Array => {
    const descriptor = Uint8Array.from([flags, blockSize]);
    return Uint8Array.from([0x04, 0x22, 0x4d, 0x18, ...descriptor, (xxh32(descriptor) >>> 8) & 0xff, ...blocks]);
  };
  const end = [0, 0, 0, 0];
  const stored = (...bytes: number[]): number[] => [bytes.length, 0, 0, 0x80, ...bytes];

  test("xxh32 has the values of its specification", () => {
    expect(xxh32(new Uint8Array(0))).toBe(0x02cc5d05);
    expect(xxh32(utf8.encode("a"))).toBe(0x550d7456);
    expect(xxh32(utf8.encode("abc"))).toBe(0x32d153ff);
    expect(xxh32(utf8.encode("Nobody inspects the spammish repetition"))).toBe(0xe2293b2f);
  });

  test("a frame of stored blocks is read", () => {
    expect([...nodeCompression.decompress("lz4", frame(0x60, 0x40, ...stored(1, 2), ...stored(3), ...end), 3)]).toEqual([1, 2, 3]);
  });

  test.each([
    ["blocks that depend on each other", frame(0x40, 0x40, ...end), "depend on each other"],
    ["a dictionary", frame(0x61, 0x40, ...end), "needs a dictionary"],
    ["another version", frame(0xa0, 0x40, ...end), "no known version"],
    ["a block size without a meaning", frame(0x60, 0x30, ...end), "block size 48 means nothing"],
    ["a header that was changed", frame(0x60, 0x40, ...end).with(5, 0x50), "does not match its checksum"],
    ["a block larger than the frame allows", frame(0x60, 0x40, 1, 0, 1, 0x80, ...new Array(65_537).fill(0), ...end), "claims 65537 bytes"],
    ["a frame without an end mark", frame(0x60, 0x40, ...stored(1)), "without its end mark"],
  ])("refuses %s", (_what, bytes, message) => {
    expect(() => nodeCompression.decompress("lz4", bytes, mebibyte)).toThrow(message);
  });

  test("a content size that lies is damage", () => {
    const descriptor = [0x68, 0x40, 4, 0, 0, 0, 0, 0, 0, 0];
    const lying = Uint8Array.from([
      0x04,
      0x22,
      0x4d,
      0x18,
      ...descriptor,
      (xxh32(Uint8Array.from(descriptor)) >>> 8) & 0xff,
      ...stored(1, 2, 3),
      ...end,
    ]);
    expect(() => nodeCompression.decompress("lz4", lying, mebibyte)).toThrow("it holds 3 bytes, not what its header says");
  });

  test("a block is never given more room than it can fill, nor more than one byte past the cap", () => {
    const rooms: number[] = [];
    const spy = (prefixed: Uint8Array): Uint8Array => {
      rooms.push(new DataView(prefixed.buffer).getUint32(0, true));
      return new Uint8Array(10);
    };
    const block = [2, 0, 0, 0, 7, 7];
    decompressLz4Frame(frame(0x60, 0x70, ...block, ...block, ...end), mebibyte, spy);
    decompressLz4Frame(frame(0x60, 0x70, ...block, ...block, ...end), 20, spy);
    expect(rooms).toEqual([512, 512, 21, 11]);
  });
});
