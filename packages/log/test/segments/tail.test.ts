// What the memory of the newest batches shows: which are in it, whose leave first, and that what was read stays what it was.

import { expect, test } from "vitest";
import { LogTail, TailPool } from "../../src/segments/tail.ts";

/** A batch of `bytes` that all are `value`: a tail does not look inside. */
function batch(bytes: number, value: number): Uint8Array {
  return new Uint8Array(bytes).fill(value);
}

function bytesRead(tail: LogTail, from: number, bytesMax = 1_000, below = 1_000): number[] | undefined {
  return tail.read(from, bytesMax, below)?.chunks.flatMap((chunk) => [...chunk]);
}

test("batches are read back to back, from the one that holds the offset, as far as bytes and bound allow", () => {
  const tail = new LogTail(new TailPool(100));
  tail.add(batch(2, 1), 10, 15);
  tail.add(batch(3, 2), 15, 20);
  tail.add(batch(1, 3), 20, 21);
  expect(tail.start).toBe(10);
  expect(tail.read(12, 1_000, 1_000)).toEqual({
    kind: "batches",
    chunks: [new Uint8Array([1, 1, 2, 2, 2, 3])],
    byteLength: 6,
    nextOffset: 21,
  });
  expect(bytesRead(tail, 15, 4)).toEqual([2, 2, 2, 3]);
  expect(bytesRead(tail, 15, 1)).toEqual([2, 2, 2]);
  expect(tail.read(10, 1_000, 19)).toMatchObject({ byteLength: 2, nextOffset: 15 });
  expect(tail.read(10, 1_000, 14)).toEqual({ kind: "batches", chunks: [], byteLength: 0, nextOffset: 10 });
  expect(tail.read(9, 1_000, 1_000)).toBeUndefined();
});

test("the oldest batches leave first, whosever they are", () => {
  const pool = new TailPool(10);
  const [one, other] = [new LogTail(pool), new LogTail(pool)];
  one.add(batch(4, 1), 0, 1);
  other.add(batch(4, 2), 0, 1);
  one.add(batch(4, 3), 1, 2);
  expect(one.start).toBe(1);
  expect(bytesRead(one, 1)).toEqual([3, 3, 3, 3]);
  expect(bytesRead(other, 0)).toEqual([2, 2, 2, 2]);
  one.add(batch(4, 4), 2, 3);
  expect(other.start).toBeUndefined();
  expect(bytesRead(one, 1)).toEqual([3, 3, 3, 3, 4, 4, 4, 4]);
});

test("what was read does not change when its batch is overwritten", () => {
  const tail = new LogTail(new TailPool(4));
  tail.add(batch(4, 1), 0, 1);
  const read = tail.read(0, 1_000, 1_000);
  tail.add(batch(4, 2), 1, 2);
  expect(read?.chunks).toEqual([batch(4, 1)]);
});

test("a batch that is larger than the memory empties the log's tail, and the next one begins it anew", () => {
  const tail = new LogTail(new TailPool(4));
  tail.add(batch(4, 1), 0, 1);
  tail.add(batch(5, 2), 1, 2);
  expect(tail.start).toBeUndefined();
  tail.add(batch(1, 3), 2, 3);
  expect(bytesRead(tail, 2)).toEqual([3]);
});

test("a cut drops the batches behind it, and those that follow take their offsets", () => {
  const pool = new TailPool(12);
  const [one, other] = [new LogTail(pool), new LogTail(pool)];
  for (const value of [1, 2, 3]) one.add(batch(2, value), value - 1, value);
  one.cut(1);
  one.add(batch(2, 4), 1, 2);
  expect(bytesRead(one, 0)).toEqual([1, 1, 4, 4]);
  // The places of the cut ones are overwritten in their turn without touching what took their offsets.
  other.add(batch(8, 5), 0, 1);
  expect(bytesRead(one, 1)).toEqual([4, 4]);
  other.add(batch(4, 6), 1, 2);
  expect(one.start).toBeUndefined();
  expect(bytesRead(other, 0)).toEqual([5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 6]);
});

test("batches that straddle the pieces of the memory, and its end, come back whole", () => {
  const tail = new LogTail(new TailPool(3 * 1_048_576));
  const sizes = [700_000, 700_000, 1_600_000, 900_000, 2_000_000];
  sizes.forEach((size, at) => {
    tail.add(batch(size, at), at, at + 1);
    const read = tail.read(at, 1, at + 1);
    expect(read?.byteLength).toBe(size);
    expect(read?.chunks[0]?.every((byte) => byte === at)).toBe(true);
  });
  expect(tail.start).toBe(3);
  expect(tail.read(3, 10_000_000, 10)?.byteLength).toBe(2_900_000);
});

test("a memory of no bytes keeps nothing", () => {
  const tail = new LogTail(new TailPool(0));
  tail.add(batch(1, 1), 0, 1);
  expect(tail.start).toBeUndefined();
});
