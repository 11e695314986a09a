// What checksums and codecs must do with good bytes and with bad ones. Kafka's own bytes are another suite's: see `record`.

import { type Compression, codecs, DecompressionError } from "@varve/model";
import { describe, expect, test } from "vitest";
import { pattern, sameBytes } from "./rig.ts";

const mebibyte = 1_048_576;
const packing = codecs.filter((codec) => codec !== "none");

/** Texts and their CRC-32C. Source: RFC 3720, appendix B.4. */
const checksums: readonly (readonly [what: string, bytes: Uint8Array, crc: number])[] = [
  ["nothing", new Uint8Array(0), 0],
  ["the digits 1 to 9", new TextEncoder().encode("123456789"), 0xe3069283],
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 ones", new Uint8Array(32).fill(255), 0x62a8ab43],
  ["0 to 31", Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
  ["31 to 0", Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
];

const payloads: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ["nothing", new Uint8Array(0)],
  ["one byte", Uint8Array.of(65)],
  ["words that repeat", new TextEncoder().encode("the lake lays down a layer each year; ".repeat(2_000))],
  ["noise", pattern(100_000)],
  ["a mebibyte of zeros", new Uint8Array(mebibyte)],
];

export function compressionContract(name: string, make: () => Compression): void {
  describe(`compression contract: ${name}`, () => {
    test.each(checksums)("the CRC-32C of %s is the standard's", (_, bytes, crc) => {
      expect(make().crc32c(bytes)).toBe(crc);
    });

    test("the CRC-32C of any part of a buffer is what bit by bit gives", () => {
      const compression = make();
      const bytes = pattern(3_000);
      for (const length of [1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 240, 249, 250, 251, 256, 300, 1_000, 2_990]) {
        for (const from of [0, 1, 3, 5, 8]) {
          const part = bytes.subarray(from, from + length);
          expect(compression.crc32c(part)).toBe(bitByBit(part));
        }
      }
    });

    describe.each(packing)("%s", (codec) => {
      test.each(payloads)("gives back %s", (_, bytes) => {
        const compression = make();
        const packed = compression.compress(codec, bytes);
        expect(sameBytes(compression.decompress(codec, packed, bytes.length), bytes)).toBe(true);
      });

      test("reads a part of a buffer, and leaves it as it was", () => {
        const compression = make();
        const packed = compression.compress(codec, pattern(5_000));
        const around = new Uint8Array(packed.length + 20).fill(7);
        around.set(packed, 10);
        const copy = around.slice();
        expect(compression.decompress(codec, around.subarray(10, 10 + packed.length), mebibyte)).toEqual(pattern(5_000));
        expect(around).toEqual(copy);
      });

      test("stops at the bound of the output", () => {
        const compression = make();
        const packed = compression.compress(codec, new Uint8Array(16 * mebibyte));
        expect(kindOf(() => compression.decompress(codec, packed, mebibyte))).toBe("too-large");
        expect(kindOf(() => compression.decompress(codec, packed, 16 * mebibyte - 1))).toBe("too-large");
        expect(compression.decompress(codec, packed, 16 * mebibyte).length).toBe(16 * mebibyte);
      });

      test("refuses bytes that are cut short, at every tenth of their length", () => {
        const compression = make();
        const packed = compression.compress(codec, pattern(20_000));
        for (let tenth = 0; tenth < 10; tenth++) {
          const cut = packed.subarray(0, Math.floor((packed.length * tenth) / 10));
          expect(kindOf(() => compression.decompress(codec, cut, mebibyte))).toBe("damaged");
        }
      });

      test("refuses bytes after its end", () => {
        const compression = make();
        const packed = compression.compress(codec, pattern(1_000));
        const longer = new Uint8Array(packed.length + 3).fill(1);
        longer.set(packed);
        expect(kindOf(() => compression.decompress(codec, longer, mebibyte))).toBe("damaged");
      });

      test("answers damage with an answer or a named error, and nothing else", () => {
        const compression = make();
        const packed = compression.compress(codec, payloads[2]?.[1] as Uint8Array);
        for (let round = 0; round < 300; round++) {
          const damaged = packed.slice();
          const places = pattern(6, round);
          for (let place = 0; place < 6; place += 2) {
            const at = ((places[place] as number) * 7919 + round) % damaged.length;
            damaged[at] = (damaged[at] as number) ^ (1 << ((places[place + 1] as number) & 7));
          }
          expect([undefined, "damaged", "too-large"]).toContain(kindOf(() => compression.decompress(codec, damaged, mebibyte)));
        }
        for (let length = 0; length < 200; length++) {
          expect([undefined, "damaged", "too-large"]).toContain(
            kindOf(() => compression.decompress(codec, pattern(length, length), mebibyte)),
          );
        }
      });
    });
  });
}

/** The kind of error that `call` ends with; undefined when it ends well. Other errors pass through. */
function kindOf(call: () => unknown): DecompressionError["kind"] | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof DecompressionError) return error.kind;
    throw error;
  }
}

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
