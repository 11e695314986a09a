// replay(image, record) → image: what each record does to the state. Total over records that a controller wrote; anything else is refused,
// because a state that no decision led to must not be built upon.

import type { NodeId, TopicConfigKey, TopicId } from "@varve/model";
import { InvariantError, invariant, parseTopicConfig, topicConfigTable } from "@varve/model";
import type { MetadataImage, PartitionImage, TopicImage } from "./image.ts";
import { canCollide, defaultTopicConfig, unifiedName } from "./image.ts";
import type {
  BrokerRecord,
  ClusterRecord,
  MetadataRecord,
  PartitionChangeRecord,
  PartitionRecord,
  ProducerIdsRecord,
  RemovedTopicRecord,
  RemoveTopicRecord,
  TopicConfigRecord,
  TopicRecord,
} from "./record.ts";
import { SortedMap } from "./sorted-map.ts";

/** @throws {InvariantError} when no controller can have written `record` after the records that made `image`. O(√topics). */
export function replay(image: MetadataImage, record: MetadataRecord): MetadataImage {
  switch (record.kind) {
    case "cluster":
      return replayCluster(image, record);
    case "broker":
      return replayBroker(image, record);
    case "topic":
      return replayTopic(image, record);
    case "partition":
      return replayPartition(image, record);
    case "partition-change":
      return replayPartitionChange(image, record);
    case "remove-topic":
      return replayRemoveTopic(image, record);
    case "removed-topic":
      return replayRemovedTopic(image, record);
    case "topic-config":
      return replayTopicConfig(image, record);
    case "producer-ids":
      return replayProducerIds(image, record);
  }
}

export function replayAll(image: MetadataImage, records: Iterable<MetadataRecord>): MetadataImage {
  let state = image;
  for (const record of records) state = replay(state, record);
  return state;
}

function replayCluster(image: MetadataImage, { clusterId }: ClusterRecord): MetadataImage {
  invariant(image.clusterId === undefined, `cluster record ${clusterId}: the cluster already is ${image.clusterId}`);
  return { ...image, clusterId };
}

function replayBroker(image: MetadataImage, { brokerId, incarnation, epoch, address }: BrokerRecord): MetadataImage {
  const before = image.brokers.get(brokerId)?.epoch ?? 0;
  invariant(epoch > before, `broker ${brokerId}: its epoch rises from ${before} to ${epoch}`);
  return {
    ...image,
    brokers: image.brokers.set(brokerId, { id: brokerId, incarnation, epoch, address }),
    lastBrokerEpoch: Math.max(image.lastBrokerEpoch, epoch),
  };
}

function replayTopic(image: MetadataImage, { topicId, name }: TopicRecord): MetadataImage {
  invariant(!image.topics.has(topicId), `topic ${topicId} (${name}): its id is taken`);
  invariant(!image.topicIds.has(name), `topic ${topicId}: the name ${name} is taken`);
  const topic: TopicImage = { topicId, name, partitions: SortedMap.empty(), configTexts: SortedMap.empty(), config: defaultTopicConfig };
  return {
    ...image,
    topics: image.topics.set(topicId, topic),
    topicIds: image.topicIds.set(name, topicId),
    collidingNames: canCollide(name) ? image.collidingNames.set(unifiedName(name), name) : image.collidingNames,
  };
}

function replayPartition(image: MetadataImage, record: PartitionRecord): MetadataImage {
  const { replicas, leader, leaderEpoch, partitionEpoch } = record;
  const topic = existing(image, record.topicId, record.kind);
  invariant(record.partition === topic.partitions.size, `${topic.name}: partition ${record.partition} follows ${topic.partitions.size}`);
  const inSyncReplicas = sameNodes(record.inSyncReplicas, replicas) ? replicas : record.inSyncReplicas;
  const partitions = topic.partitions.set(record.partition, { replicas, inSyncReplicas, leader, leaderEpoch, partitionEpoch });
  return { ...withTopic(image, { ...topic, partitions }), partitionCount: image.partitionCount + 1 };
}

function replayPartitionChange(image: MetadataImage, record: PartitionChangeRecord): MetadataImage {
  const { leader, leaderEpoch, partitionEpoch } = record;
  const topic = existing(image, record.topicId, record.kind);
  const before = topic.partitions.get(record.partition);
  const where = `${topic.name}-${record.partition}`;
  if (before === undefined) throw new InvariantError(`${where} changes and does not exist`);
  invariant(partitionEpoch === before.partitionEpoch + 1, `${where}: partition epoch ${partitionEpoch} follows ${before.partitionEpoch}`);
  invariant(leaderEpoch >= before.leaderEpoch, `${where}: leader epoch falls from ${before.leaderEpoch} to ${leaderEpoch}`);
  const stranger = record.inSyncReplicas.find((node) => !before.replicas.includes(node));
  invariant(stranger === undefined, `${where}: ${stranger} is in sync and no replica of ${before.replicas.join(", ")}`);
  const inSyncReplicas = sameNodes(record.inSyncReplicas, before.replicas) ? before.replicas : record.inSyncReplicas;
  const after = { replicas: before.replicas, inSyncReplicas, leader, leaderEpoch, partitionEpoch };
  return withTopic(image, { ...topic, partitions: topic.partitions.set(record.partition, after) });
}

function replayRemoveTopic(image: MetadataImage, { topicId, kind }: RemoveTopicRecord): MetadataImage {
  const { name, partitions } = existing(image, topicId, kind);
  return {
    ...image,
    topics: image.topics.delete(topicId),
    topicIds: image.topicIds.delete(name),
    collidingNames: canCollide(name) ? image.collidingNames.delete(unifiedName(name)) : image.collidingNames,
    removedTopics: withHolders(image, topicId, holdersOf(partitions.values())),
    partitionCount: image.partitionCount - partitions.size,
  };
}

/** Every broker with a replica of any of the partitions, in rising order. */
function holdersOf(partitions: Iterable<PartitionImage>): readonly NodeId[] {
  const holders = new Set<NodeId>();
  for (const { replicas } of partitions) for (const node of replicas) holders.add(node);
  return [...holders].sort((some, other) => some - other);
}

function replayRemovedTopic(image: MetadataImage, { topicId, holders }: RemovedTopicRecord): MetadataImage {
  invariant(!image.topics.has(topicId), `topic ${topicId} exists and is called removed`);
  return { ...image, removedTopics: withHolders(image, topicId, holders) };
}

function withHolders({ removedTopics }: MetadataImage, topicId: TopicId, holders: readonly NodeId[]): MetadataImage["removedTopics"] {
  return holders.length === 0 ? removedTopics.delete(topicId) : removedTopics.set(topicId, holders);
}

function replayTopicConfig(image: MetadataImage, { topicId, key, value, kind }: TopicConfigRecord): MetadataImage {
  const topic = existing(image, topicId, kind);
  invariant(Object.hasOwn(topicConfigTable, key), `${topic.name}: ${key} is not a topic configuration of this version`);
  const known = key as TopicConfigKey;
  const configTexts = value === undefined ? topic.configTexts.delete(known) : topic.configTexts.set(known, value);
  if (configTexts === topic.configTexts) return image;
  const parsed = parseTopicConfig(new Map(configTexts));
  if ("problems" in parsed) throw new InvariantError(`${topic.name}: ${parsed.problems.join("; ")}`);
  const config = configTexts.size === 0 ? defaultTopicConfig : { ...defaultTopicConfig, ...parsed.values };
  return withTopic(image, { ...topic, configTexts, config });
}

function replayProducerIds(image: MetadataImage, { nextProducerId }: ProducerIdsRecord): MetadataImage {
  invariant(nextProducerId > image.nextProducerId, `the next producer id rises from ${image.nextProducerId} to ${nextProducerId}`);
  return { ...image, nextProducerId };
}

function existing(image: MetadataImage, topicId: TopicId, kind: MetadataRecord["kind"]): TopicImage {
  const topic = image.topics.get(topicId);
  if (topic === undefined) throw new InvariantError(`${kind} record: no topic has the id ${topicId}`);
  return topic;
}

function withTopic(image: MetadataImage, topic: TopicImage): MetadataImage {
  return { ...image, topics: image.topics.set(topic.topicId, topic) };
}

function sameNodes(some: readonly NodeId[], others: readonly NodeId[]): boolean {
  return some.length === others.length && some.every((node, at) => node === others[at]);
}
