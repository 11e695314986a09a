// A key lands in the partition that Kafka's clients choose, and sequences wrap as theirs do.

import { expect, test } from "vitest";
import { murmur2, partitionForKey } from "../src/murmur2.ts";
import { sequenceMinus, sequencePlus } from "../src/sequence.ts";
import { fromHex, table } from "./golden.ts";

const keys = table<{ readonly key: string; readonly murmur2: number; readonly partition: Readonly<Record<string, number>> }>("murmur2");
const sequences = table<{ readonly sequence: number; readonly by: number; readonly plus: number; readonly minus: number }>("sequence");

test("every key of Kafka's table has Kafka's hash and Kafka's partition for every partition count", () => {
  expect(keys).toHaveLength(500);
  for (const row of keys) {
    const key = fromHex(row.key);
    expect({ key: row.key, hash: murmur2(key) }).toEqual({ key: row.key, hash: row.murmur2 });
    for (const [count, partition] of Object.entries(row.partition)) expect(partitionForKey(key, Number(count))).toBe(partition);
  }
});

test("a sequence goes from 2^31 - 1 to 0, and back", () => {
  expect(sequences).toHaveLength(10);
  for (const { sequence, by, plus, minus } of sequences) {
    expect({ sequence, by, plus: sequencePlus(sequence, by), minus: sequenceMinus(sequence, by) }).toEqual({ sequence, by, plus, minus });
  }
});
