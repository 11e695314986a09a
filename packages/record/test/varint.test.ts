// Zig-zag varints agree with Kafka's, byte for byte, in both directions and on odd input.

import { describe, expect, test } from "vitest";
import { readVarint, readVarlong, VarintError, varintSize, varlongSize, writeVarint, writeVarlong } from "../src/varint.ts";
import { fromHex, table, toHex } from "./golden.ts";

interface Row {
  readonly value: string;
  readonly varint?: string;
  readonly varlong?: string;
}

interface Reading {
  readonly value?: string;
  readonly bytesUsed?: number;
  readonly exception?: string;
}

const rows = table<Row>("varint");
const odd = table<{ readonly bytes: string; readonly varint: Reading; readonly varlong: Reading }>("varint-reading");

describe("int32", () => {
  const int32Rows = rows.filter((row) => row.varint !== undefined);

  test("every number of Kafka's table is written as Kafka writes it", () => {
    expect(int32Rows.length).toBeGreaterThan(100);
    for (const { value, varint } of int32Rows) {
      const bytes = new Uint8Array(10);
      const end = writeVarint(bytes, 0, Number(value));
      expect({ value, hex: toHex(bytes.subarray(0, end)) }).toEqual({ value, hex: varint });
      expect(varintSize(Number(value))).toBe(end);
    }
  });

  test("every number of Kafka's table is read back", () => {
    for (const { value, varint } of int32Rows) {
      const bytes = fromHex(varint!);
      const cursor = { bytes, at: 0, end: bytes.length };
      expect(readVarint(cursor)).toBe(Number(value));
      expect(cursor.at).toBe(bytes.length);
    }
  });
});

describe("int64", () => {
  const safeRows = rows.filter((row) => Number.isSafeInteger(Number(row.value)));
  const unsafeRows = rows.filter((row) => !Number.isSafeInteger(Number(row.value)));

  test("every safe integer of Kafka's table is written as Kafka writes it", () => {
    expect(safeRows.length).toBeGreaterThan(100);
    for (const { value, varlong } of safeRows) {
      const bytes = new Uint8Array(10);
      const end = writeVarlong(bytes, 0, Number(value));
      expect({ value, hex: toHex(bytes.subarray(0, end)) }).toEqual({ value, hex: varlong });
      expect(varlongSize(Number(value))).toBe(end);
    }
  });

  test("every safe integer of Kafka's table is read back", () => {
    for (const { value, varlong } of safeRows) {
      const bytes = fromHex(varlong!);
      const cursor = { bytes, at: 0, end: bytes.length };
      expect(readVarlong(cursor)).toBe(Number(value));
      expect(cursor.at).toBe(bytes.length);
    }
  });

  test("the ends of the safe range survive", () => {
    for (const value of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 31, -(2 ** 31) - 1]) {
      const bytes = new Uint8Array(10);
      const end = writeVarlong(bytes, 0, value);
      expect(end).toBe(varlongSize(value));
      expect(readVarlong({ bytes, at: 0, end })).toBe(value);
    }
  });

  test("what no JavaScript number can hold is never read as a safe integer", () => {
    expect(unsafeRows.length).toBeGreaterThan(10);
    for (const { value, varlong } of unsafeRows) {
      const bytes = fromHex(varlong!);
      const read = readVarlong({ bytes, at: 0, end: bytes.length });
      expect({ value, isSafe: Number.isSafeInteger(read), sign: Math.sign(read) }).toEqual({
        value,
        isSafe: false,
        sign: Math.sign(Number(value)),
      });
    }
  });
});

describe("odd input", () => {
  test.each(["varint", "varlong"] as const)("a %s that is padded, too long or cut is read or refused as Kafka does", (kind) => {
    expect(odd).toHaveLength(16);
    const read = kind === "varint" ? readVarint : readVarlong;
    for (const row of odd) {
      const expected = row[kind];
      const bytes = fromHex(row.bytes);
      const cursor = { bytes, at: 0, end: bytes.length };
      if (expected.exception !== undefined) {
        expect(() => read(cursor), row.bytes).toThrow(VarintError);
      } else if (Number.isSafeInteger(Number(expected.value))) {
        expect({ bytes: row.bytes, value: read(cursor), used: cursor.at }).toEqual({
          bytes: row.bytes,
          value: Number(expected.value),
          used: expected.bytesUsed,
        });
      } else {
        expect({ bytes: row.bytes, isSafe: Number.isSafeInteger(read(cursor)) }).toEqual({ bytes: row.bytes, isSafe: false });
      }
    }
  });

  test("a number never reads past the cursor's end, though the bytes go on", () => {
    const bytes = fromHex("80808001");
    expect(() => readVarint({ bytes, at: 0, end: 2 })).toThrow("begins at byte 0 and runs past the end at 2");
    expect(() => readVarlong({ bytes, at: 1, end: 3 })).toThrow("begins at byte 1 and runs past the end at 3");
  });
});
