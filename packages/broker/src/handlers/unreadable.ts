// A read that the disk refused, as part of an answer: one bad sector must not take the other partitions of a request with it.

import { type Failure, failureOf } from "@varve/model";
import { DiskError } from "@varve/runtime";

/** @throws what is neither a failure of the disk nor one of the operation. */
export function unreadable(error: unknown): Failure {
  if (error instanceof DiskError) return { code: "KAFKA_STORAGE_ERROR", message: error.message };
  return failureOf(error);
}
