// What a caller gives to be sent, and its shape as the batch builder takes it.

import { ClusterError } from "@varve/model";
import type { HeaderField, RecordField } from "@varve/record";

/** Headers in their order: as pairs, which may repeat a key, or as an object. */
export type HeadersInput = readonly (readonly [key: string, value: RecordField])[] | Readonly<Record<string, RecordField>>;

export interface ProducerRecord {
  /** Records of one key go to one partition, in the order in which they were sent. */
  readonly key?: RecordField | undefined;
  /** Text is sent as UTF-8. `null` deletes the key from a compacted topic. */
  readonly value: RecordField;
  readonly headers?: HeadersInput | undefined;
  /** Milliseconds since the Unix epoch; now, when it is not given. */
  readonly timestamp?: number | undefined;
  /** Chosen by key when it is not given, or evenly where there is no key. */
  readonly partition?: number | undefined;
}

/** @throws {ClusterError} INVALID_RECORD where a key or value is neither text nor bytes nor null. */
export function checkFields(key: unknown, value: unknown): void {
  if (!isField(key)) throw badField("key", key);
  if (!isField(value)) throw badField("value", value);
}

/** @throws {ClusterError} as `checkFields`. */
export function headerFields(headers: HeadersInput): readonly HeaderField[] {
  const pairs: Iterable<readonly [string, RecordField]> = isPairs(headers) ? headers : Object.entries(headers);
  const fields: HeaderField[] = [];
  for (const pair of pairs) {
    // Whoever writes in plain JavaScript may hand over objects.
    if (!Array.isArray(pair)) throw badField("header", pair);
    const [key, value] = pair as readonly [string, RecordField];
    if (typeof key !== "string") throw badField("header's key", key);
    if (!isField(value)) throw badField(`header "${key}"`, value);
    fields.push({ key, value });
  }
  return fields;
}

function isPairs(headers: HeadersInput): headers is readonly (readonly [string, RecordField])[] {
  return Array.isArray(headers);
}

function isField(field: unknown): field is RecordField {
  return typeof field === "string" || field === null || field instanceof Uint8Array;
}

function badField(what: string, field: unknown): ClusterError {
  const shape = typeof field === "object" ? "an object" : typeof field;
  return new ClusterError(
    "INVALID_RECORD",
    `a record's ${what} is ${shape}; it is text, a Uint8Array or null (JSON.stringify makes text of an object)`,
  );
}
