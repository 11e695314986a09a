// What the metadata log holds: one tagged union, the words of proto/varve/v1/metadata.proto with our types. Bytes are codec.ts's,
// meaning is replay.ts's.

import type { NodeId, TopicId } from "@varve/model";

/** Written once, before any other. */
export interface ClusterRecord {
  readonly kind: "cluster";
  /** A UUID as 22 characters. */
  readonly clusterId: string;
}

/** A broker has registered, or registered again with a new incarnation. */
export interface BrokerRecord {
  readonly kind: "broker";
  readonly brokerId: NodeId;
  /** A UUID as 22 characters, drawn at each start of the broker. */
  readonly incarnation: string;
  /** Above every broker epoch before it. */
  readonly epoch: number;
  /** `host:port` of its listener for clients. */
  readonly address: string;
}

export interface TopicRecord {
  readonly kind: "topic";
  readonly topicId: TopicId;
  readonly name: string;
}

/** A new partition, numbered on from those that its topic has. */
export interface PartitionRecord {
  readonly kind: "partition";
  readonly topicId: TopicId;
  readonly partition: number;
  /** The preferred leader first; at least one, none twice. */
  readonly replicas: readonly NodeId[];
  /** Some of `replicas`, at least one. */
  readonly inSyncReplicas: readonly NodeId[];
  /** One of `inSyncReplicas`; undefined while nobody leads. */
  readonly leader: NodeId | undefined;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
}

/** Another leader, leader epoch or in-sync set. */
export interface PartitionChangeRecord {
  readonly kind: "partition-change";
  readonly topicId: TopicId;
  readonly partition: number;
  readonly inSyncReplicas: readonly NodeId[];
  readonly leader: NodeId | undefined;
  /** Not below the one before. */
  readonly leaderEpoch: number;
  /** One above the one before. */
  readonly partitionEpoch: number;
}

export interface RemoveTopicRecord {
  readonly kind: "remove-topic";
  readonly topicId: TopicId;
}

/** Who may still hold logs of a removed topic. */
export interface RemovedTopicRecord {
  readonly kind: "removed-topic";
  readonly topicId: TopicId;
  /** None twice; empty when all have dropped theirs, and the topic is forgotten. */
  readonly holders: readonly NodeId[];
}

/** One key of a topic's configuration. */
export interface TopicConfigRecord {
  readonly kind: "topic-config";
  readonly topicId: TopicId;
  readonly key: string;
  /** As `printValue` prints it; undefined puts the default in force again. */
  readonly value: string | undefined;
}

/** Producer ids below `nextProducerId` are handed out, or will be by the broker that asked for their block. */
export interface ProducerIdsRecord {
  readonly kind: "producer-ids";
  /** Above the one before. */
  readonly nextProducerId: number;
}

export type MetadataRecord =
  | ClusterRecord
  | BrokerRecord
  | TopicRecord
  | PartitionRecord
  | PartitionChangeRecord
  | RemoveTopicRecord
  | RemovedTopicRecord
  | TopicConfigRecord
  | ProducerIdsRecord;
