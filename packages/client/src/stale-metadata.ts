// Which failures say that what is known of a topic may no longer be true.

import type { ErrorCode } from "@varve/model";

/** Codes after which it is worth asking again who leads the partition. */
const staleCodes: ReadonlySet<ErrorCode> = new Set([
  "NOT_LEADER_OR_FOLLOWER",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "UNKNOWN_TOPIC_ID",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "INCONSISTENT_TOPIC_ID",
  "KAFKA_STORAGE_ERROR",
  "NETWORK_EXCEPTION",
  "BROKER_NOT_AVAILABLE",
]);

/** Whether the failure may come from metadata that is no longer true. */
export function saysStaleMetadata(code: ErrorCode): boolean {
  return staleCodes.has(code);
}
