// The operations that a cluster offers to its clients, in no protocol: transports call it, the broker fulfils it.

import type { Offset } from "@varve/model";
import type {
  ClusterDescription,
  ConfigChange,
  ConfigEntry,
  DeletedTopic,
  DeleteRecordsEntry,
  ListedOffset,
  ListOffsetsEntry,
  NewTopic,
  Outcome,
  ProducerIdentity,
  TopicDescription,
  TopicPage,
  TopicReference,
  TopicSummary,
} from "./admin.ts";
import type { FetchRequest, FetchResult, ProduceRequest, ProduceResult } from "./data.ts";

/**
 * Every call may reject with `ClusterError` when it failed as a whole; answers with several items hold one for each item of the
 * request, in its order. The signal aborts when nobody waits for the answer any more; what was begun may still take effect.
 */
export interface ClusterApi {
  /**
   * Appends are made in the order of the calls, before the first turn of the loop where the log has room. Resolves when each entry
   * has its outcome; at once, with no results, for acks "none".
   */
  produce(request: ProduceRequest, signal: AbortSignal): Promise<readonly ProduceResult[]>;
  fetch(request: FetchRequest, signal: AbortSignal): Promise<readonly FetchResult[]>;

  describeCluster(signal: AbortSignal): Promise<ClusterDescription>;
  /** Names after `after`, in order of code units. */
  listTopics(after: string, limit: number | undefined, signal: AbortSignal): Promise<TopicPage>;
  describeTopics(topics: readonly TopicReference[], signal: AbortSignal): Promise<readonly Outcome<TopicDescription>[]>;
  createTopics(topics: readonly NewTopic[], validateOnly: boolean, signal: AbortSignal): Promise<readonly Outcome<TopicSummary>[]>;
  deleteTopics(topics: readonly TopicReference[], signal: AbortSignal): Promise<readonly Outcome<DeletedTopic>[]>;
  createPartitions(topicName: string, partitionCount: number, validateOnly: boolean, signal: AbortSignal): Promise<void>;
  describeConfigs(topicName: string, signal: AbortSignal): Promise<readonly ConfigEntry[]>;
  alterConfigs(change: ConfigChange, signal: AbortSignal): Promise<void>;
  /** @returns the log start of each partition, once it is durable. */
  deleteRecords(entries: readonly DeleteRecordsEntry[], signal: AbortSignal): Promise<readonly Outcome<Offset>[]>;
  listOffsets(entries: readonly ListOffsetsEntry[], signal: AbortSignal): Promise<readonly Outcome<ListedOffset>[]>;
  initProducerId(signal: AbortSignal): Promise<ProducerIdentity>;
}
