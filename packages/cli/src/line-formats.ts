// Records as lines, there and back. `text`: the value, without newlines in it. `exact`: as text, but the newline is part of the value, so
// that bytes come back as they were. `json`: an object a line, which holds everything.

import { Buffer, isUtf8 } from "node:buffer";
import type { ProducerRecord, RecordHeader } from "@varve/client";
import { UsageError } from "./command.ts";
import { CommandError } from "./failure.ts";

/** Makes a record of a line, newline included where it has one. @throws {CommandError} for a line that is none. */
export type ParseLine = (line: Buffer) => ProducerRecord;

/** What every record has, whatever its line says. */
export interface Fixed {
  readonly key: string | undefined;
  readonly partition: number | undefined;
  readonly headers: readonly (readonly [string, string])[];
}

const newline = 10;

/** @param separator between key and value. */
export function lineParser(format: "text" | "exact" | "json", separator: Buffer | undefined, fixed: Fixed): ParseLine {
  if (format === "json") return (line) => fromJson(line.toString("utf8"), fixed);
  const { key: fixedKey, partition } = fixed;
  const headers = fixed.headers.length === 0 ? undefined : fixed.headers;
  const keepsNewline = format === "exact";
  // A search for one byte is several times faster than one for bytes.
  const needle = separator?.length === 1 ? separator[0]! : separator;
  return (line) => {
    const end = !keepsNewline && line.at(-1) === newline ? line.length - 1 : line.length;
    const at = needle === undefined ? -1 : line.indexOf(needle);
    if (at < 0 || at + separator!.length > end) return { key: fixedKey, value: line.subarray(0, end), headers, partition };
    return { key: line.subarray(0, at), value: line.subarray(at + separator!.length, end), headers, partition };
  };
}

function fromJson(text: string, fixed: Fixed): ProducerRecord {
  let object: unknown;
  try {
    object = JSON.parse(text);
  } catch (error) {
    throw new CommandError("failed", error instanceof Error ? error.message : String(error));
  }
  if (typeof object !== "object" || object === null || Array.isArray(object)) {
    throw new CommandError("failed", `a record is an object, as in {"key":"c42","value":"paid"}, not ${text.trim().slice(0, 40)}`);
  }
  const { key, value, headers, timestamp, partition } = object as Record<string, unknown>;
  const given = {
    key: key === undefined ? fixed.key : field(key),
    value: field(value),
    headers: [...fixed.headers, ...headerPairs(headers)],
  };
  return {
    ...given,
    timestamp: optionalNumber("timestamp", timestamp),
    partition: fixed.partition ?? optionalNumber("partition", partition),
  };
}

/** Text as it is, `{ "b64": … }` as bytes, null and nothing as null, other JSON as its text. */
function field(value: unknown): string | Uint8Array | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  if (typeof value === "object" && "b64" in value && typeof value.b64 === "string" && Object.keys(value).length === 1)
    return Buffer.from(value.b64, "base64");
  return JSON.stringify(value);
}

function headerPairs(headers: unknown): readonly (readonly [string, string | Uint8Array | null])[] {
  if (headers === undefined || headers === null) return [];
  const pairs: readonly unknown[] = Array.isArray(headers) ? headers : typeof headers === "object" ? Object.entries(headers) : [headers];
  return pairs.map((pair) => {
    if (Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string") return [pair[0], field(pair[1])] as const;
    throw new CommandError("failed", 'headers are pairs, as in [["tenant","a"]], or an object');
  });
}

function optionalNumber(name: string, value: unknown): number | undefined {
  if (value === undefined || value === null || typeof value === "number") return value ?? undefined;
  throw new CommandError("failed", `${name} is a number, not ${JSON.stringify(value)}`);
}

/** What a consumer hands out of a record. */
export interface ReadRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  headers(): readonly RecordHeader[];
}

/** As one JSON object; `lineParser` reads it back. */
export function toJson(topic: string, partition: number, record: ReadRecord): Record<string, unknown> {
  const { offset, timestamp, key, value } = record;
  const headers = record.headers().map((header) => [header.key, jsonField(header.value)]);
  return { topic, partition, offset, timestamp, key: jsonField(key), value: jsonField(value), headers };
}

/** Text where the bytes are UTF-8, else `{ "b64": … }`. */
export function jsonField(bytes: Uint8Array | null): string | { readonly b64: string } | null {
  if (bytes === null) return null;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString("utf8") : { b64: buffer.toString("base64") };
}

/** A separator as written on a command line: `\t`, `\n` and `\\` mean one character each. @throws {UsageError} */
export function separatorBytes(text: string): Buffer {
  if (text === "") throw new UsageError(["--key-separator is empty; it is the text between key and value, as in \\t"]);
  const characters: Readonly<Record<string, string>> = { "\\t": "\t", "\\n": "\n", "\\\\": "\\" };
  return Buffer.from(text.replaceAll(/\\[tn\\]/g, (written) => characters[written]!));
}
