// What the listener knows of each stream that it serves, and what all of them share.

import type { ClusterApi } from "@varve/api";
import type { Clock, StreamEvents } from "@varve/runtime";
import type { GrpcLimits } from "./limits.ts";
import type { MemoryPool } from "./memory-pool.ts";
import type { TopicIds } from "./topic-ids.ts";
import type { TransportMetrics } from "./transport-metrics.ts";

/** A stream in the listener's hands. */
export interface ServedStream extends StreamEvents {
  /** Begins to end: takes no further request, answers those in flight, then finishes with UNAVAILABLE. */
  drain(): void;
  /** Called now and then: ends what is idle or stalled for too long. @param nowMs monotonic. */
  sweep(nowMs: number): void;
}

/** What the streams of one listener share. */
export interface ServedContext {
  readonly api: ClusterApi;
  readonly clock: Clock;
  readonly limits: GrpcLimits;
  readonly topicIds: TopicIds;
  readonly producePool: MemoryPool;
  readonly metrics: TransportMetrics;
  /** Of all fetch streams: requests that are unanswered, and bytes of answers that wait in the transport for clients who do not take them. */
  readonly fetches: { count: number; unsentBytes: number };
}

export const startingMessage = "the server is starting";
export const drainingMessage = "the server is shutting down";
