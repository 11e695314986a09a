// What can be wrong with a history: one row per anomaly. All of them are errors of the cluster (or of the client) unless the options
// of the check allow one. The first thirteen are Jepsen's (correctness.md 3.4); the others are promises of our own.

import type { Key } from "../history.ts";

export const anomalyTable = {
  "inconsistent-offsets": "one offset of a key holds two values",
  duplicate: "one value stands at two offsets of a key although its producer was idempotent",
  "lost-write": "a value that was stored lies below the last one that was read, and nobody ever read it",
  G1a: "a value was read whose send failed for certain",
  "int-poll-skip": "within one poll, values were left out between two that were read",
  "int-nonmonotonic-poll": "within one poll, a value was read again or went backwards",
  "int-send-skip": "within one send of a producer, somebody else's value stands between two of its own; always allowed",
  "int-nonmonotonic-send": "two values of one send stand in another order than they were sent in",
  "poll-skip": "between two polls of one consumer, values were left out",
  "nonmonotonic-poll": "between two polls of one consumer, a value was read again or went backwards",
  "nonmonotonic-send": "values of two sends of one producer stand in another order than they were sent in",
  unseen: "a value that was acknowledged was never read, though everything was read at the end",
  "unexpected-read": "a value was read that nobody sent to this key",
  "lost-consumed": "a value that a consumer had read is gone",
  "hole-below-acked": "an acknowledged value is gone and a later one, written before anything could be lost, is there",
  resurrected: "what was deleted has come back: a record, or one of a deleted topic",
  "offset-gap": "a consumer's offsets do not follow one another",
  "wrong-start": "a consumer began elsewhere than it was told to",
  "final-gap": "the log's end, or a part of it, was not read at the end",
  "watermark-fell": "the high watermark fell",
  "watermark-below-acked": "the high watermark lies at or below an acknowledged offset",
  "log-start-fell": "the log start fell",
  "log-start-rose": "records were deleted that nobody had asked to delete",
} as const;

export type AnomalyType = keyof typeof anomalyTable;

export interface Anomaly {
  readonly type: AnomalyType;
  readonly key: Key;
  /** Which values, offsets and operations. */
  readonly what: string;
}

/** Where the checks put what they find. */
export type Report = (type: AnomalyType, key: Key, what: string) => void;
