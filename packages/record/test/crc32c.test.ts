// The checksum in JavaScript, the native one and Kafka's are the same.

import { nodeCompression } from "@varve/runtime/node";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c, crc32cInScript, nativeCrcBytesMin } from "../src/crc32c.ts";
import { fromHex, table } from "./golden.ts";

const rows = table<{ readonly bytes: string; readonly crc32c: number }>("crc32c");

test("every row of Kafka's table has Kafka's checksum", () => {
  expect(rows).toHaveLength(57);
  for (const row of rows) {
    const bytes = fromHex(row.bytes);
    expect(crc32cInScript(bytes)).toBe(row.crc32c);
    expect(nodeCompression.crc32c(bytes)).toBe(row.crc32c);
  }
});

test("a part of an array has the same checksum in JavaScript and natively, whatever its length and position", () => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 3 * nativeCrcBytesMin });
  const part = bytes.chain((all) => fc.tuple(fc.constant(all), fc.nat(all.length), fc.nat(all.length)));
  fc.assert(
    fc.property(part, ([all, one, other]) => {
      const [from, to] = [Math.min(one, other), Math.max(one, other)];
      const native = nodeCompression.crc32c(all.subarray(from, to));
      expect(crc32cInScript(all, from, to)).toBe(native);
      expect(crc32c(all, from, to, nodeCompression)).toBe(native);
    }),
  );
});

test("short input never reaches the native code, long input always does", () => {
  const asked: number[] = [];
  const spy = { ...nodeCompression, crc32c: (bytes: Uint8Array) => asked.push(bytes.length) };
  crc32c(new Uint8Array(4096), 0, nativeCrcBytesMin - 1, spy);
  crc32c(new Uint8Array(4096), 100, 100 + nativeCrcBytesMin, spy);
  expect(asked).toEqual([nativeCrcBytesMin]);
});
