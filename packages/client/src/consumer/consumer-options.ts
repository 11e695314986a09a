// What a consumer is told: what to read, from where to where, and what to do when that cannot be done.

import type { Offset } from "@varve/model";
import type { DamagedRecordsError } from "../errors.ts";
import type { TopicPartition } from "../leader-calls.ts";
import type { Place } from "./locator.ts";

/** A partition to be read, and where from when it is not where the others begin. */
export interface Assignment extends TopicPartition {
  readonly from?: Place | undefined;
}

/** Where reading ends: never, at what is committed when it begins, or before an offset or a time. */
export type Until = "never" | "end" | { readonly offset: Offset | number } | { readonly timestamp: number };

/** Defaults and bounds of the numbers are in `consumerBounds`. */
export interface ConsumerOptions {
  /** Default "latest": what is written from now on. */
  readonly from?: Place | undefined;
  /** Default "never". */
  readonly until?: Until | undefined;
  /** Of each named topic; all, and those that are added later, when they are not given. */
  readonly partitions?: readonly number[] | undefined;
  /** Ends the consumer at once: whoever waits gets its reason. */
  readonly signal?: AbortSignal | undefined;
  /** The log does not hold what is to be read next, or was deleted and created again. Default "throw". */
  readonly onOutOfRange?: "throw" | "earliest" | "latest" | undefined;
  /** Records that cannot be read. Default "throw"; a function is told, and chooses. */
  readonly onDamaged?: "throw" | "skip" | ((error: DamagedRecordsError) => "throw" | "skip") | undefined;
  readonly maxWaitMs?: number | undefined;
  readonly minBytes?: number | undefined;
  readonly maxBytes?: number | undefined;
  readonly partitionMaxBytes?: number | undefined;
  /** What one broker may send ahead of what was consumed. */
  readonly prefetchBytes?: number | undefined;
}
