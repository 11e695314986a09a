// The drawing of the batch header and the constants that the code uses say the same.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as layout from "../src/layout.ts";

const sizes: Readonly<Record<string, number>> = { int8: 1, int16: 2, int32: 4, uint32: 4, int64: 8 };

interface DrawnField {
  readonly at: number;
  readonly name: string;
  readonly type: string;
}

function drawing(): readonly DrawnField[] {
  const source = readFileSync(new URL("../src/layout.ts", import.meta.url), "utf8");
  const rows = source.matchAll(/^\/\/ +(\d+) {2}(\w+) +(int8|int16|int32|uint32|int64|bytes) /gm);
  return [...rows].map(([, at, name, type]) => ({ at: Number(at), name: name!, type: type! }));
}

test("every field of the drawing stands where its constant says", () => {
  const constants = Object.entries(layout).filter(([name]) => name.endsWith("At") && name !== "checksummedAt");
  const drawn = drawing().map((field) => [`${field.name}At`, field.at]);
  expect(drawn).toHaveLength(14);
  expect(Object.fromEntries(drawn)).toEqual(Object.fromEntries(constants));
});

test("the fields of the drawing follow each other without a gap, up to the records", () => {
  const fields = drawing();
  for (const [index, field] of fields.slice(0, -1).entries()) {
    expect({ behind: field.name, at: field.at + sizes[field.type]! }).toEqual({ behind: field.name, at: fields[index + 1]!.at });
  }
  expect(layout.batchHeaderBytes).toBe(layout.recordsAt);
});

test("the checksum covers everything from the attributes on, and the length counts from behind itself", () => {
  expect(layout.checksummedAt).toBe(layout.attributesAt);
  expect(layout.batchLengthOffsetBytes).toBe(layout.batchLengthAt + 4);
});
