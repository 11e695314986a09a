// Shows the edges of numbers on the wire, and what is remembered of topic ids.

import { uuidToText } from "@varve/model";
import fc from "fast-check";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { TopicIds, topicIdsRememberedMax } from "../src/topic-ids.ts";
import { WireReader } from "../src/wire-reader.ts";
import { int32Size, int64Size, uint32Size, WireWriter } from "../src/wire-writer.ts";
import { sent } from "./contract.ts";

test("an int64 is written as protobufjs writes it and read back, over all safe integers", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(0, -1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53 - 1))),
      (value) => {
        const writer = new WireWriter(int64Size(value));
        writer.int64(value);
        const bytes = sent(writer.finish());
        expect(bytes).toEqual(new Uint8Array(new protobuf.Writer().int64(value).finish()));
        expect(new WireReader(bytes).int64()).toBe(value);
      },
    ),
  );
});

test("32-bit numbers are written as protobufjs writes them and read back", () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(0xffff_ffff), (signed, unsigned) => {
      const writer = new WireWriter(int32Size(signed) + uint32Size(unsigned));
      writer.int32(signed);
      writer.uint32(unsigned);
      const bytes = sent(writer.finish());
      expect(bytes).toEqual(new Uint8Array(new protobuf.Writer().int32(signed).uint32(unsigned).finish()));
      const reader = new WireReader(bytes);
      expect([reader.int32(), reader.uint32(), reader.more]).toEqual([signed, unsigned, false]);
    }),
  );
});

/** What any other implementation writes, over all 64 bits. */
function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}

test("a 64-bit number that we cannot count in reads as NaN", () => {
  const int64 = (value: bigint) => new WireReader(varint(value)).int64();
  expect(int64(2n ** 53n - 1n)).toBe(2 ** 53 - 1);
  expect(int64(2n ** 53n)).toBeNaN();
  expect(int64(2n ** 63n - 1n)).toBeNaN();
  expect(int64(1n - 2n ** 53n)).toBe(1 - 2 ** 53);
  expect(int64(-(2n ** 53n))).toBeNaN();
  expect(int64(-(2n ** 63n))).toBeNaN();
  expect(new WireReader(varint(2n ** 64n - 1n)).uint64()).toBeNaN();
});

test.for([
  { name: "a number of eleven bytes", bytes: [...Array<number>(10).fill(0x80), 0] },
  { name: "a number that is cut off", bytes: [0x80] },
  { name: "no bytes where a number must be", bytes: [] },
])("$name is refused", ({ bytes }) => {
  expect(() => new WireReader(Uint8Array.from(bytes)).uint64()).toThrow(/not a protobuf message/);
});

test.for([
  { name: "field number 0", bytes: [0] },
  { name: "a tag beyond 32 bits", bytes: [0xff, 0xff, 0xff, 0xff, 0x1f, 0] },
])("$name is refused", ({ bytes }) => {
  expect(() => new WireReader(Uint8Array.from(bytes)).tag()).toThrow(/a field without a number/);
});

test.for([
  { name: "a length past the end", bytes: [10, 5, 1, 2] },
  { name: "wire type 6", bytes: [14] },
  { name: "wire type 7", bytes: [15] },
  { name: "the end of a group that was not begun", bytes: [12] },
  { name: "a group without an end", bytes: [11, 8, 1] },
  { name: "a fixed64 of four bytes", bytes: [9, 1, 2, 3, 4] },
])("$name is refused when the field is skipped", ({ bytes }) => {
  const reader = new WireReader(Uint8Array.from(bytes));
  const tag = reader.tag();
  expect(() => reader.skip(tag)).toThrow(/not a protobuf message/);
});

test("a message inside a message cannot read past its own end", () => {
  const reader = new WireReader(Uint8Array.of(10, 2, 18, 3, 1, 2, 3));
  reader.tag();
  reader.enter();
  reader.tag();
  expect(() => reader.bytes()).toThrow(/a length of 3 where 0 bytes are left/);
});

test("a topic id gives the same text whether it is remembered or not, and the bytes back", () => {
  const ids = new TopicIds();
  for (let index = 0; index < 3 * topicIdsRememberedMax; index += 1) {
    const bytes = new Uint8Array(16).fill(index & 255);
    bytes[0] = index >> 8;
    const text = ids.text(bytes)!;
    expect(text).toBe(uuidToText(bytes));
    expect(ids.text(bytes)).toBe(text);
    expect(ids.bytes(text)).toEqual(bytes);
  }
  expect(ids.text(new Uint8Array(15))).toBeUndefined();
});
