// Produce and fetch: record batches in and out of partitions.

import type { Failure, Offset, PartitionId } from "@varve/model";

/** When a write is answered: never; in the leader's log; on the disks of all in-sync replicas. */
export type Acks = "none" | "leader" | "all";

export interface ProduceRequest {
  readonly acks: Acks;
  /** How long the answer may take, in milliseconds; past it each entry without an outcome fails with REQUEST_TIMED_OUT. */
  readonly timeoutMs: number;
  /** At most one entry for each partition. */
  readonly entries: readonly ProduceEntry[];
}

export interface ProduceEntry {
  readonly id: PartitionId;
  /** The epoch that the client believes in; undefined skips the check. */
  readonly leaderEpoch: number | undefined;
  /** One record batch with base offset 0. It becomes the cluster's: it is stamped in place. */
  readonly batch: Uint8Array;
}

export type ProduceResult =
  | {
      readonly kind: "stored";
      readonly baseOffset: Offset;
      /** The broker's time, for a topic of LogAppendTime. */
      readonly appendTimeMs: number | undefined;
      readonly logStart: Offset;
    }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface FetchRequest {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Asked whenever records are gathered: what whoever sends the answer can take by then, should it be less than `maxBytes`. */
  readonly bytesMaxNow?: () => number;
  readonly entries: readonly FetchEntry[];
}

export interface FetchEntry {
  readonly id: PartitionId;
  /** The next record that is wanted. */
  readonly from: Offset;
  readonly maxBytes: number;
  readonly leaderEpoch: number | undefined;
}

export type FetchResult =
  | {
      readonly kind: "batches";
      readonly highWatermark: Offset;
      readonly logStart: Offset;
      /** Whole batches back to back; the first may begin before `from`. Shared memory: not to be changed. */
      readonly chunks: readonly Uint8Array[];
      readonly byteLength: number;
    }
  | {
      readonly kind: "failed";
      readonly failure: Failure;
      /** With OFFSET_OUT_OF_RANGE: what the log holds. */
      readonly highWatermark?: Offset;
      readonly logStart?: Offset;
      /** With CORRUPT_MESSAGE: where reading can go on behind the damage. */
      readonly resumeAt?: Offset;
    };
