// Topics, configurations, offsets, the cluster: everything that is not the data path.

import type { Failure, NodeId, Offset, PartitionId, TopicId } from "@varve/model";

/** An item of an answer that holds several. */
export type Outcome<T> = { readonly kind: "ok"; readonly value: T } | { readonly kind: "failed"; readonly failure: Failure };

export interface BrokerDescription {
  readonly id: NodeId;
  readonly address: string;
  readonly epoch: number;
}

export interface ClusterDescription {
  readonly clusterId: string;
  readonly controllerId: NodeId;
  readonly brokers: readonly BrokerDescription[];
}

export interface TopicSummary {
  readonly name: string;
  readonly topicId: TopicId;
  readonly partitionCount: number;
  readonly replicationFactor: number;
}

export interface TopicPage {
  readonly topics: readonly TopicSummary[];
  readonly more: boolean;
}

export interface PartitionDescription {
  readonly partition: number;
  readonly leader: NodeId | undefined;
  readonly leaderEpoch: number;
  readonly replicas: readonly NodeId[];
  readonly inSyncReplicas: readonly NodeId[];
}

export interface TopicDescription {
  readonly name: string;
  readonly topicId: TopicId;
  readonly partitions: readonly PartitionDescription[];
}

/** A topic by either of its identities. */
export type TopicReference = { readonly name: string } | { readonly topicId: TopicId };

export interface NewTopic {
  readonly name: string;
  /** Undefined takes the cluster's default. */
  readonly partitionCount: number | undefined;
  readonly replicationFactor: number | undefined;
  /** Keys and texts of the topic configuration table. */
  readonly config: ReadonlyMap<string, string>;
}

export interface DeletedTopic {
  readonly name: string;
  readonly topicId: TopicId;
}

export interface ConfigEntry {
  readonly key: string;
  readonly value: string;
  readonly isSet: boolean;
  readonly defaultValue: string;
  readonly about: string;
}

export interface ConfigChange {
  readonly topicName: string;
  readonly set: ReadonlyMap<string, string>;
  readonly unset: readonly string[];
  readonly validateOnly: boolean;
}

export interface DeleteRecordsEntry {
  readonly id: PartitionId;
  /** The new first offset; undefined is the high watermark. */
  readonly before: Offset | undefined;
}

export type OffsetPosition =
  | { readonly kind: "earliest" }
  | { readonly kind: "latest" }
  | { readonly kind: "timestamp"; readonly timestampMs: number };

export interface ListOffsetsEntry {
  readonly id: PartitionId;
  readonly position: OffsetPosition;
  readonly leaderEpoch: number | undefined;
}

export interface ListedOffset {
  /** Undefined: no record is that new. Where damaged records may be the first of a time, the first of them. */
  readonly offset: Offset | undefined;
  readonly timestampMs: number | undefined;
  readonly leaderEpoch: number;
}

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}
