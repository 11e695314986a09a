// How operations that failed as a whole cross the wire: our error code as the status' `error`, with the gRPC status that generic clients
// and proxies act on beside it; and the way back, where the other side may be no Varve at all.

import { ClusterError, CorruptionError, type ErrorCode, errorTable, InvariantError } from "@varve/model";
import type { StatusName, StreamStatus } from "@varve/runtime";

/** Codes that are missing here: UNAVAILABLE where a retry may help, else FAILED_PRECONDITION. */
const statusNames: Readonly<Partial<Record<ErrorCode, StatusName>>> = {
  UNKNOWN_SERVER_ERROR: "INTERNAL",
  OFFSET_OUT_OF_RANGE: "OUT_OF_RANGE",
  CORRUPT_MESSAGE: "DATA_LOSS",
  UNKNOWN_TOPIC_OR_PARTITION: "NOT_FOUND",
  UNKNOWN_TOPIC_ID: "NOT_FOUND",
  REQUEST_TIMED_OUT: "DEADLINE_EXCEEDED",
  MESSAGE_TOO_LARGE: "INVALID_ARGUMENT",
  RECORD_LIST_TOO_LARGE: "INVALID_ARGUMENT",
  INVALID_TOPIC_EXCEPTION: "INVALID_ARGUMENT",
  INVALID_REQUIRED_ACKS: "INVALID_ARGUMENT",
  INVALID_TIMESTAMP: "INVALID_ARGUMENT",
  INVALID_PARTITIONS: "INVALID_ARGUMENT",
  INVALID_REPLICATION_FACTOR: "INVALID_ARGUMENT",
  INVALID_REPLICA_ASSIGNMENT: "INVALID_ARGUMENT",
  INVALID_CONFIG: "INVALID_ARGUMENT",
  INVALID_REQUEST: "INVALID_ARGUMENT",
  INVALID_RECORD: "INVALID_ARGUMENT",
  DUPLICATE_RESOURCE: "INVALID_ARGUMENT",
  TOPIC_AUTHORIZATION_FAILED: "PERMISSION_DENIED",
  UNSUPPORTED_VERSION: "UNIMPLEMENTED",
  TOPIC_ALREADY_EXISTS: "ALREADY_EXISTS",
  POLICY_VIOLATION: "RESOURCE_EXHAUSTED",
  THROTTLING_QUOTA_EXCEEDED: "RESOURCE_EXHAUSTED",
};

/** What a status means that names no code of ours: from a proxy, from the transport itself, from another program. */
const errorCodes: Readonly<Partial<Record<StatusName, ErrorCode>>> = {
  INVALID_ARGUMENT: "INVALID_REQUEST",
  DEADLINE_EXCEEDED: "REQUEST_TIMED_OUT",
  NOT_FOUND: "UNKNOWN_TOPIC_OR_PARTITION",
  ALREADY_EXISTS: "TOPIC_ALREADY_EXISTS",
  PERMISSION_DENIED: "TOPIC_AUTHORIZATION_FAILED",
  UNAUTHENTICATED: "TOPIC_AUTHORIZATION_FAILED",
  RESOURCE_EXHAUSTED: "THROTTLING_QUOTA_EXCEEDED",
  OUT_OF_RANGE: "OFFSET_OUT_OF_RANGE",
  UNIMPLEMENTED: "UNSUPPORTED_VERSION",
};

export const okStatus: StreamStatus = { status: "OK", message: "" };

export function failedStatus(error: ErrorCode, message: string): StreamStatus {
  const status = statusNames[error] ?? (errorTable[error].retriable ? "UNAVAILABLE" : "FAILED_PRECONDITION");
  return { status, message, error };
}

/** @param error what a call of the api rejected with. @throws it again where no handler may catch it. */
export function toClusterError(error: unknown): ClusterError {
  if (error instanceof ClusterError) return error;
  if (error instanceof InvariantError || error instanceof CorruptionError) throw error;
  return new ClusterError("UNKNOWN_SERVER_ERROR", error instanceof Error ? error.message : String(error), { cause: error });
}

/** What the end of a stream means to whoever still waits for an answer on it. @param where the other side, for the message. */
export function fromStatus(status: StreamStatus, where: string): ClusterError {
  const named = status.error !== undefined && Object.hasOwn(errorTable, status.error) ? (status.error as ErrorCode) : undefined;
  const code = named ?? errorCodes[status.status] ?? "NETWORK_EXCEPTION";
  return new ClusterError(code, `${where}: ${status.message === "" ? `the stream ended with ${status.status}` : status.message}`);
}
