// What every handler is given: the broker's parts, and what it counts.

import type { LogStore } from "@varve/log";
import type { Compression, NodeId } from "@varve/model";
import type { Clock, Counter, Logger } from "@varve/runtime";
import type { AnswerDeadlines } from "./answer-deadlines.ts";
import type { FetchRoom } from "./fetch-room.ts";
import type { ControllerConnection } from "./metadata-feed.ts";
import type { Partitions } from "./partitions.ts";
import type { ProducerIds } from "./producer-ids.ts";

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
  readonly fetchRoom: FetchRoom;
  readonly metrics: BrokerMetrics;
}
