// Lines out of a stream, whatever the pieces it comes in; records out of lines and back.

import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonField, lineParser, separatorBytes, toJson } from "../src/line-formats.ts";
import { LineCutter } from "../src/lines.ts";

function cut(pieces: readonly Buffer[], bytesMax = 1_000): string[] {
  const cutter = new LineCutter(bytesMax);
  const lines: string[] = [];
  for (const piece of pieces) {
    cutter.push(piece);
    for (let line = cutter.next(); line !== undefined; line = cutter.next()) lines.push(line.toString("latin1"));
  }
  const rest = cutter.rest();
  if (rest !== undefined) lines.push(rest.toString("latin1"));
  expect(cutter.count).toBe(lines.length);
  return lines;
}

test("lines come out whole and in order, wherever the pieces end", () => {
  const bytes = fc.array(fc.oneof(fc.constant(10), fc.integer({ min: 0, max: 255 })), { maxLength: 60 });
  fc.assert(
    fc.property(bytes, fc.array(fc.nat({ max: 60 }), { maxLength: 8 }), (all, ends) => {
      const whole = Buffer.from(all);
      const cuts = [0, ...ends.map((end) => Math.min(end, whole.length)).sort((one, other) => one - other), whole.length];
      const pieces = cuts.slice(1).map((end, at) => whole.subarray(cuts[at], end));
      const lines = cut(pieces);
      expect(lines.join("")).toBe(whole.toString("latin1"));
      for (const line of lines.slice(0, -1)) expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(lines).not.toContain("");
    }),
  );
});

test("a line that is longer than allowed is refused as soon as that is known, with its number", () => {
  expect(cut([Buffer.from("1234\n1234\n")], 5)).toEqual(["1234\n", "1234\n"]);
  expect(() => cut([Buffer.from("1234\n123"), Buffer.from("456")], 5)).toThrow("line 2 is longer than 5 bytes");
});

const noFixed = { key: undefined, partition: undefined, headers: [] };
const text = (bytes: unknown) => (bytes instanceof Uint8Array ? Buffer.from(bytes).toString() : bytes);

test.each([
  ["text", "k\tv\n", { key: "k", value: "v" }],
  ["exact", "k\tv\n", { key: "k", value: "v\n" }],
  ["text", "no key\n", { key: undefined, value: "no key" }],
  ["text", "\tempty key", { key: "", value: "empty key" }],
  ["text", "k\tv\tw\n", { key: "k", value: "v\tw" }],
  ["text", "\n", { key: undefined, value: "" }],
  ["exact", "\n", { key: undefined, value: "\n" }],
  ["text", "k\t\n", { key: "k", value: "" }],
] as const)("with a tab between key and value, the %s line %j is %j", (format, line, expected) => {
  const { key, value } = lineParser(format, separatorBytes("\\t"), noFixed)(Buffer.from(line));
  expect({ key: text(key), value: text(value) }).toEqual(expected);
});

test("a separator of several bytes is not found across the newline", () => {
  const parse = lineParser("text", separatorBytes("=\\n"), noFixed);
  expect(text(parse(Buffer.from("k=\n")).value)).toBe("k=");
});

test("any record that is written as JSON is read back as it was", () => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 20 }));
  const headers = fc.array(fc.record({ key: fc.string(), value: bytes }), { maxLength: 3 });
  fc.assert(
    fc.property(bytes, bytes, headers, fc.nat(), (key, value, pairs, timestamp) => {
      const line = JSON.stringify(toJson("t", 3, { offset: 7, timestamp, key, value, headers: () => pairs }));
      const record = lineParser("json", undefined, noFixed)(Buffer.from(line));
      const plain = (field: unknown) => (field === null ? null : Buffer.from(field as string | Uint8Array).toString("hex"));
      expect(record.partition).toBe(3);
      expect(record.timestamp).toBe(timestamp);
      expect([record.key, record.value].map(plain)).toEqual([key, value].map(plain));
      const found = record.headers as readonly (readonly [string, unknown])[];
      expect(found.map(([name, field]) => [name, plain(field)])).toEqual(pairs.map((pair) => [pair.key, plain(pair.value)]));
    }),
  );
});

test("bytes are shown as text only where they are UTF-8", () => {
  expect(jsonField(Buffer.from("ö"))).toBe("ö");
  expect(jsonField(Uint8Array.of(0xc3))).toEqual({ b64: "ww==" });
  expect(jsonField(null)).toBeNull();
});

test.each([
  ["[1]", "a record is an object"],
  ["{", "JSON"],
  ['{"headers":[["a"]]}', "headers are pairs"],
  ['{"timestamp":"now"}', 'timestamp is a number, not "now"'],
])("the JSON line %j is refused with a sentence", (line, message) => {
  expect(() => lineParser("json", undefined, noFixed)(Buffer.from(line))).toThrow(message);
});
