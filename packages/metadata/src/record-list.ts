// Many metadata records as bytes: each behind its length as an unsigned varint (protobuf's delimited form), so that lists join by
// concatenation. One list is what a decision appends, or one part of a snapshot.

import { InvariantError } from "@varve/model";
import { decodeRecord, encodeRecord } from "./codec.ts";
import type { MetadataRecord } from "./record.ts";

/** Gathers records until the caller has enough of them. */
export class RecordListWriter {
  private parts: Uint8Array[] = [];
  private length = 0;

  /** Bytes that `take` would give now. */
  get byteLength(): number {
    return this.length;
  }

  add(record: MetadataRecord): void {
    const bytes = encodeRecord(record);
    const prefix = lengthPrefix(bytes.length);
    this.parts.push(prefix, bytes);
    this.length += prefix.length + bytes.length;
  }

  /** @returns the list so far, as fresh bytes; the next one begins empty. */
  take(): Uint8Array {
    const list = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      list.set(part, at);
      at += part.length;
    }
    this.parts = [];
    this.length = 0;
    return list;
  }
}

export function encodeRecords(records: Iterable<MetadataRecord>): Uint8Array {
  const writer = new RecordListWriter();
  for (const record of records) writer.add(record);
  return writer.take();
}

/** Decodes one record after the other, as they are asked for. @throws as `decodeRecord`; {InvariantError} when a length leads past the end. */
export function* decodeRecords(list: Uint8Array): Generator<MetadataRecord> {
  let at = 0;
  while (at < list.length) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = list[at];
      if (byte === undefined || shift > 28) throw new InvariantError(`metadata records: no length at byte ${at} of ${list.length}`);
      at += 1;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (length > list.length - at) throw new InvariantError(`metadata records: ${length} bytes at byte ${at} of ${list.length}`);
    yield decodeRecord(list.subarray(at, at + length));
    at += length;
  }
}

function lengthPrefix(length: number): Uint8Array {
  const bytes: number[] = [];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
