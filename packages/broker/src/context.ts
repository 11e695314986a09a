// What every handler is given: the broker's parts, and the bounds that it keeps.

import type { LogStore } from "@varve/log";
import type { Compression, NodeId } from "@varve/model";
import type { Clock, Counter, Logger } from "@varve/runtime";
import type { AnswerDeadlines } from "./answer-deadlines.ts";
import type { ControllerConnection } from "./metadata-feed.ts";
import type { Partitions } from "./partitions.ts";
import type { ProducerIds } from "./producer-ids.ts";

export interface BrokerLimits {
  /** The longest that a write may ask to wait for its answer, and the default. */
  readonly produceTimeoutMsMax: number;
  readonly produceTimeoutMsDefault: number;
  /** The longest that a fetch may wait for its bytes. */
  readonly fetchWaitMsMax: number;
  /** The most bytes of batches in one answer, but for a first batch that is larger. */
  readonly fetchBytesMax: number;
  readonly topicsPerPageMax: number;
}

export interface BrokerMetrics {
  readonly producedBytes: Counter;
  readonly producedBatches: Counter;
  readonly refusedBatches: Counter<"code">;
  readonly fetchedBytes: Counter;
}

export interface BrokerContext {
  readonly nodeId: NodeId;
  readonly clock: Clock;
  readonly compression: Compression;
  readonly logger: Logger;
  readonly logs: LogStore;
  readonly partitions: Partitions;
  readonly controller: ControllerConnection;
  readonly producerIds: ProducerIds;
  readonly deadlines: AnswerDeadlines;
  readonly limits: BrokerLimits;
  readonly metrics: BrokerMetrics;
}
