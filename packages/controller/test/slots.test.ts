// The slot files and the stored values: their bytes as the drawings say, and what is not believed.

import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeSlot, encodeSlot, SlotPair } from "../src/quorum-of-one/slots.ts";
import {
  decodeEntry,
  decodeState,
  decodeValue,
  encodeEntry,
  encodeState,
  encodeValue,
  entryKey,
  parseKey,
  snapshotKey,
} from "../src/quorum-of-one/stored-values.ts";
import { compression, inProcess } from "./platform.ts";

const slot = { batch: 258, term: 3, vote: 4, commitIndex: 70_000 };

/** Bytes as numbers of `size` bytes, big-endian. */
const fields = (...list: readonly (readonly [value: number, size: number])[]) =>
  Uint8Array.from(
    list.flatMap(([value, size]) => Array.from({ length: size }, (_, at) => Math.floor(value / 256 ** (size - 1 - at)) % 256)),
  );

test("a slot lies in 64 bytes as drawn: magic, checksum, version, vote, batch, term, commit index, zeros", () => {
  const body = fields([1, 4], [5, 4], [258, 8], [3, 8], [70_000, 8], [0, 8], [0, 8], [0, 8]);
  expect(encodeSlot(slot, compression)).toEqual(
    Uint8Array.from([...new TextEncoder().encode("VSLT"), ...fields([compression.crc32c(body), 4]), ...body]),
  );
});

const slots = fc.record({
  batch: fc.maxSafeNat(),
  term: fc.maxSafeNat(),
  vote: fc.option(fc.nat(2 ** 31 - 1), { nil: undefined }),
  commitIndex: fc.maxSafeNat(),
});

test("a slot comes back as it was, and with any bit turned or any byte missing not at all", () => {
  fc.assert(
    fc.property(slots, fc.nat(511), (state, bit) => {
      const bytes = encodeSlot(state, compression);
      expect(decodeSlot(bytes, compression)).toEqual(state);
      const turned = bytes.slice();
      turned[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeSlot(turned, compression)).toBeUndefined();
      expect(decodeSlot(bytes.subarray(0, bit >> 3), compression)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test("slots take turns, and the newest whole one counts", () =>
  inProcess(async ({ disk }) => {
    await disk.makeFolder("c");
    const pair = await SlotPair.open(disk, compression, "c");
    expect(pair.newest).toBeUndefined();
    await pair.create({ ...slot, batch: 0 });
    for (const batch of [1, 2, 3]) await pair.write({ ...slot, batch });
    await pair.close();
    const file = await disk.open("c/slot-1", "write");
    expect(file.size).toBe(64);

    const again = await SlotPair.open(disk, compression, "c");
    expect(again.newest).toEqual({ ...slot, batch: 3 });
    await again.close();
    file.writeSync(Uint8Array.of(0xff), 20);
    const torn = await SlotPair.open(disk, compression, "c");
    expect(torn.newest).toEqual({ ...slot, batch: 2 });
    await torn.write({ ...slot, batch: 3 });
    await torn.close();
    await disk.unlink("c/slot-0");
    const missing = await SlotPair.open(disk, compression, "c");
    expect(missing.newest).toEqual({ ...slot, batch: 3 });
    await missing.write({ ...slot, batch: 4 });
    await missing.close();
    expect((await SlotPair.open(disk, compression, "c")).newest).toEqual({ ...slot, batch: 4 });
  }));

test("a stored value names its key and its batch under its checksum, as drawn", () => {
  const body = Uint8Array.from([...fields([5, 2]), ...new TextEncoder().encode("state"), ...fields([9, 8]), 1, 2, 3]);
  const value = encodeValue("state", 9, Uint8Array.of(1, 2, 3), compression);
  expect(value).toEqual(Uint8Array.from([...fields([compression.crc32c(body), 4]), ...body]));
  expect(decodeValue("state", value, compression)).toEqual({ batch: 9, payload: Uint8Array.of(1, 2, 3) });
});

test("a value under another key, with a turned bit or a byte short is not believed", () => {
  const key = entryKey(12);
  const value = encodeValue(key, 9, Uint8Array.of(1, 2, 3), compression);
  expect(decodeValue(entryKey(13), value, compression)).toBeUndefined();
  expect(decodeValue("entry", value, compression)).toBeUndefined();
  for (let bit = 0; bit < value.length * 8; bit += 1) {
    const turned = value.slice();
    turned[bit >> 3]! ^= 1 << (bit & 7);
    expect(decodeValue(key, turned, compression)).toBeUndefined();
  }
  for (let length = 0; length < value.length; length += 1) expect(decodeValue(key, value.subarray(0, length), compression)).toBeUndefined();
});

test("the state lies in 56 bytes as drawn, with and without a snapshot, and an unknown version is named", () => {
  const snapshot = { index: 60_000, term: 2, partCount: 7 };
  const state = { term: 3, vote: undefined, commitIndex: 70_000, lastIndex: 70_001, snapshot };
  const bytes = fields([1, 4], [0, 4], [3, 8], [70_000, 8], [70_001, 8], [60_000, 8], [2, 8], [7, 4], [0, 4]);
  expect(encodeState(state)).toEqual(bytes);
  expect(decodeState(bytes)).toEqual(state);
  const without = { term: 1, vote: 0, commitIndex: 0, lastIndex: 0, snapshot: undefined };
  expect(decodeState(encodeState(without))).toEqual(without);
  expect(decodeState(fields([2, 4], [0, 80]))).toEqual({ unknownVersion: 2 });
  expect(decodeState(bytes.subarray(0, 55))).toBeUndefined();
  expect(decodeState(Uint8Array.of(0, 0))).toBeUndefined();
});

test("an entry is its term and its payload", () => {
  expect(encodeEntry(258, Uint8Array.of(7))).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2, 7));
  expect(decodeEntry(Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2, 7))).toEqual({ term: 258, payload: Uint8Array.of(7) });
  expect(decodeEntry(Uint8Array.of(0, 0, 0, 0, 0, 0, 1))).toBeUndefined();
});

test("keys are ordered as their numbers are", () => {
  expect([entryKey(9), entryKey(10), snapshotKey(9, 2), snapshotKey(9, 10), snapshotKey(10, 0), "state"]).toEqual(
    [entryKey(9), entryKey(10), snapshotKey(9, 2), snapshotKey(9, 10), snapshotKey(10, 0), "state"].sort(),
  );
  expect([parseKey(entryKey(10)), parseKey(snapshotKey(9, 2)), parseKey("entry/1"), parseKey("other")]).toEqual([
    { kind: "entry", index: 10 },
    { kind: "snapshot", index: 9, part: 2 },
    undefined,
    undefined,
  ]);
});
