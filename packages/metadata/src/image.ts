// The state of the cluster at one index of the metadata log, as an immutable value. Only replay.ts makes one from another; versions share
// what did not change.

import type { NodeId, TopicConfig, TopicConfigKey, TopicId } from "@varve/model";
import { defaults, topicConfigTable } from "@varve/model";
import { SortedMap } from "./sorted-map.ts";

export interface BrokerImage {
  readonly id: NodeId;
  /** A UUID as 22 characters, drawn at each start of the broker. */
  readonly incarnation: string;
  readonly epoch: number;
  /** `host:port` of its listener for clients. */
  readonly address: string;
}

export interface PartitionImage {
  /** The preferred leader first. */
  readonly replicas: readonly NodeId[];
  readonly inSyncReplicas: readonly NodeId[];
  /** One of `inSyncReplicas`; undefined while nobody leads. */
  readonly leader: NodeId | undefined;
  readonly leaderEpoch: number;
  /** One more with each change of this partition. */
  readonly partitionEpoch: number;
}

export interface TopicImage {
  readonly topicId: TopicId;
  readonly name: string;
  /** By number, from 0 on without a gap. */
  readonly partitions: SortedMap<number, PartitionImage>;
  /** What was set, by key, as `printValue` prints it. */
  readonly configTexts: SortedMap<TopicConfigKey, string>;
  /** What is in force: `configTexts` over the defaults. */
  readonly config: TopicConfig;
}

export interface MetadataImage {
  /** Undefined until the first record. */
  readonly clusterId: string | undefined;
  readonly brokers: SortedMap<NodeId, BrokerImage>;
  readonly topics: SortedMap<TopicId, TopicImage>;
  /** In order of code units: the order of listings. */
  readonly topicIds: SortedMap<string, TopicId>;
  /** Names that hold a `.` or `_`, by `unifiedName`: no two topics may share one. */
  readonly collidingNames: SortedMap<string, string>;
  /** Brokers that may still hold logs of a removed topic: what allows them to delete data, also after a restart. */
  readonly removedTopics: SortedMap<TopicId, readonly NodeId[]>;
  /** Of all topics. */
  readonly partitionCount: number;
  /** The highest that any registration was given; 0 before the first. */
  readonly lastBrokerEpoch: number;
  /** Ids below it are taken. */
  readonly nextProducerId: number;
}

export const emptyImage: MetadataImage = {
  clusterId: undefined,
  brokers: SortedMap.empty(),
  topics: SortedMap.empty(),
  topicIds: SortedMap.empty(),
  collidingNames: SortedMap.empty(),
  removedTopics: SortedMap.empty(),
  partitionCount: 0,
  lastBrokerEpoch: 0,
  nextProducerId: 0,
};

/** One object for every topic that sets nothing. */
export const defaultTopicConfig: TopicConfig = Object.freeze(defaults(topicConfigTable));

export function topicByName(image: MetadataImage, name: string): TopicImage | undefined {
  const topicId = image.topicIds.get(name);
  return topicId === undefined ? undefined : image.topics.get(topicId);
}

/** The configuration in force for a topic; the defaults for one that the image lacks. */
export function topicConfigOf(image: MetadataImage, topicId: TopicId): TopicConfig {
  return image.topics.get(topicId)?.config ?? defaultTopicConfig;
}

/** Kafka reports metrics under names in which `.` and `_` are the same, so two topics that differ only there collide. */
export function unifiedName(name: string): string {
  return name.replaceAll(".", "_");
}

/** Whether `name` can collide with another one. Source: Kafka's Topic.hasCollisionChars; golden/tables/topic-name.json. */
export function canCollide(name: string): boolean {
  return name.includes(".") || name.includes("_");
}
