// The values that several messages share: ids, offsets, outcomes. What comes off the wire is checked here, once.

import type { Outcome } from "@varve/api";
import { ClusterError, errorName, errorTable, type Failure, type Offset, type TopicId, uuidFromText, uuidToText } from "@varve/model";
import type { contract } from "@varve/proto";
import { entriesMax } from "../limits.ts";

const idLength = 16;

export function invalidRequest(message: string): ClusterError {
  return new ClusterError("INVALID_REQUEST", message);
}

export function toTopicId(bytes: Uint8Array, field: string): TopicId {
  if (bytes.length !== idLength) throw invalidRequest(`${field} has ${bytes.length} bytes, an id has ${idLength}`);
  return uuidToText(bytes) as TopicId;
}

export function fromTopicId(topicId: TopicId): Uint8Array {
  return uuidFromText(topicId);
}

export function toOffset(value: number, field: string): Offset {
  if (!Number.isSafeInteger(value) || value < 0) throw invalidRequest(`${field} is not in [0, 2^53)`);
  return value as Offset;
}

export function toSafeInteger(value: number, field: string): number {
  if (!Number.isSafeInteger(value)) throw invalidRequest(`${field} is not within ±2^53`);
  return value;
}

/** @throws {ClusterError} INVALID_REQUEST when a request has more than `entriesMax` of something. */
export function bounded<T>(items: readonly T[], field: string): readonly T[] {
  if (items.length > entriesMax) throw invalidRequest(`${field} has ${items.length} elements, the limit is ${entriesMax}`);
  return items;
}

/** The `error` of an item that failed; an item without one is well. */
export function fromFailure(failure: Failure): contract.ErrorInput {
  return { code: errorTable[failure.code].code, message: failure.message };
}

export function toFailure(error: contract.Error): Failure {
  return { code: errorName(error.code), message: error.message };
}

/** One item of an answer: its error, or the fields that `message` makes of its value. */
export function fromOutcome<T, Message extends object>(
  outcome: Outcome<T>,
  message: (value: T) => Message,
): Message | { readonly error: contract.ErrorInput } {
  return outcome.kind === "failed" ? { error: fromFailure(outcome.failure) } : message(outcome.value);
}

export function toOutcome<T, Message extends { readonly error?: contract.Error | null | undefined }>(
  message: Message,
  value: (message: Message) => T,
): Outcome<T> {
  const { error } = message;
  if (error !== null && error !== undefined && error.code !== 0) return { kind: "failed", failure: toFailure(error) };
  return { kind: "ok", value: value(message) };
}
