// The record that a value stands for: key, value, headers and size follow from its number, so that a reader can check every byte
// of what it is given without a table of what was sent.

import type { Value } from "./history.ts";

/** A record as a producer takes it. */
export interface SentRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [key: string, value: string | null])[];
}

/** A record as a consumer gives it. */
export interface ReadRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
}

/** How many keys the records of a history have. */
const keyCount = 24;
const idHeader = "id";
const text = new TextDecoder();

/** @param paddingBytesMax how much larger than its number a record's value may be. */
export function recordOf(value: Value, paddingBytesMax: number): SentRecord {
  const draw = mix(value);
  const key = draw % 5 === 0 ? null : keyOf(draw);
  const padding = paddingBytesMax === 0 ? "" : paddingOf(draw, mix(draw) % (paddingBytesMax + 1));
  // Most bear their number in the value; some in a header, with a value that is there, empty, or null.
  if (draw % 7 !== 0) return { key, value: `v#${value};${padding}`, headers: draw % 3 === 0 ? extraHeaders(draw) : [] };
  const body = draw % 2 === 0 ? padding : draw % 3 === 0 ? "" : null;
  return { key, value: body, headers: [[idHeader, `v#${value};`], ...extraHeaders(draw)] };
}

/** The number that a record bears; undefined when it is none of ours. */
export function numberOf(record: ReadRecord): Value | undefined {
  const header = record.headers.find(({ key }) => key === idHeader)?.value;
  const found = /^v#(\d+);/.exec(text.decode((header ?? record.value ?? new Uint8Array(0)).subarray(0, 24)))?.[1];
  return found === undefined ? undefined : Number(found);
}

/** What is wrong with a record that bears the number `value`; undefined when every byte is as it was sent. */
export function differenceOf(record: ReadRecord, value: Value, paddingBytesMax: number): string | undefined {
  const sent = recordOf(value, paddingBytesMax);
  if (!isSame(record.key, sent.key)) return `value ${value}: another key`;
  if (!isSame(record.value, sent.value)) return `value ${value}: another value`;
  if (record.headers.length !== sent.headers.length)
    return `value ${value}: ${record.headers.length} headers, ${sent.headers.length} were sent`;
  for (const [at, [key, body]] of sent.headers.entries()) {
    const header = record.headers[at];
    if (header?.key !== key || !isSame(header.value, body)) return `value ${value}: another header ${at}`;
  }
  return undefined;
}

function keyOf(draw: number): string {
  return `key-${draw % keyCount}`;
}

function extraHeaders(draw: number): readonly (readonly [string, string | null])[] {
  return draw % 11 === 0
    ? [
        ["source", `n${draw % 9}`],
        ["source", null],
        ["", ""],
      ]
    : [];
}

/** Half of them compress well. */
function paddingOf(draw: number, bytes: number): string {
  if (draw % 2 === 0) return "varve ".repeat(bytes / 6 + 1).slice(0, bytes);
  const turns = Math.floor(bytes / noise.length);
  const from = draw % (noise.length - (bytes % noise.length));
  return noise.repeat(turns) + noise.slice(from, from + (bytes % noise.length));
}

/** What compresses badly: made once, since every record is made when it is sent and each time it is read. */
const noise = noiseOf(65_536);

function noiseOf(length: number): string {
  const parts: string[] = [];
  for (let at = 0, state = 1; at < length; at += parts.at(-1)!.length) {
    state = mix(state + 1);
    parts.push(state.toString(36));
  }
  return parts.join("").slice(0, length);
}

function isSame(bytes: Uint8Array | null, sent: string | null): boolean {
  if (bytes === null || sent === null) return bytes === null && sent === null;
  return bytes.length === sent.length && text.decode(bytes) === sent;
}

/** 31 bits of a number, well spread. Source: MurmurHash3, fmix32. */
function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) & 0x7fffffff;
}
