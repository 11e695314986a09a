// Create topics: each on its own, in the order of the request; one that fails leaves the others alone.

import type { NewTopic, Outcome, TopicSummary } from "@varve/api";
import type { MetadataImage, MetadataRecord } from "@varve/metadata";
import { canCollide, unifiedName } from "@varve/metadata";
import type { NodeId, TopicId } from "@varve/model";
import { ClusterError, invariant, toFailure, toTopicId, validateTopicName } from "@varve/model";
import { requestTopicsMax, topicsMax } from "../limits.ts";
import type { Decision } from "./decision.ts";
import { checkPartitionCount, checkPartitionLimits, newPartitions } from "./new-partitions.ts";
import { place } from "./placement.ts";
import { checkTopicConfig } from "./topic-config.ts";

/** What a topic is given that asks for nothing. */
export interface TopicDefaults {
  readonly partitionCount: number;
  /** Where there are fewer brokers, their number. */
  readonly replicationFactor: number;
}

export interface CreateTopicsRequest {
  readonly topics: readonly NewTopic[];
  /** Answers as if, and writes nothing. The ids in the answer are `noTopicId`. */
  readonly validateOnly: boolean;
  /** A fresh id for each of `topics`. */
  readonly topicIds: readonly TopicId[];
  readonly defaults: TopicDefaults;
}

/** Kafka's zero UUID: the id of a topic that was only validated. */
export const noTopicId: TopicId = toTopicId("AAAAAAAAAAAAAAAAAAAAAA");

/** What the topics before this one in the request have taken. */
interface Taken {
  readonly names: Set<string>;
  /** By `unifiedName`. */
  readonly collidingNames: Map<string, string>;
  partitionCount: number;
}

/** @throws {ClusterError} INVALID_REQUEST when there are more than `requestTopicsMax` topics. */
export function createTopics(image: MetadataImage, request: CreateTopicsRequest): Decision<readonly Outcome<TopicSummary>[]> {
  const { topics, topicIds, validateOnly } = request;
  if (topics.length > requestTopicsMax) {
    throw new ClusterError("INVALID_REQUEST", `${topics.length} topics in one request, the limit is ${requestTopicsMax}`);
  }
  const brokers = [...image.brokers.keys()];
  const twice = namedTwice(topics);
  const taken: Taken = { names: new Set(), collidingNames: new Map(), partitionCount: 0 };
  const records: MetadataRecord[] = [];
  const response = topics.map((topic, at): Outcome<TopicSummary> => {
    try {
      if (twice.has(topic.name)) throw new ClusterError("INVALID_REQUEST", `the request names the topic ${shown(topic.name)} twice`);
      const created = createTopic(image, taken, topic, topicIds[at]!, brokers, request.defaults);
      if (!validateOnly) records.push(...created.records);
      return { kind: "ok", value: validateOnly ? { ...created.response, topicId: noTopicId } : created.response };
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      return { kind: "failed", failure: toFailure(error) };
    }
  });
  return { records, response };
}

function createTopic(
  image: MetadataImage,
  taken: Taken,
  topic: NewTopic,
  topicId: TopicId,
  brokers: readonly NodeId[],
  defaults: TopicDefaults,
): Decision<TopicSummary> {
  const { name } = topic;
  checkName(image, taken, name);
  const partitionCount = topic.partitionCount ?? defaults.partitionCount;
  checkPartitionCount(name, partitionCount);
  const replicationFactor = topic.replicationFactor ?? Math.min(defaults.replicationFactor, brokers.length);
  if (!Number.isInteger(replicationFactor) || replicationFactor < 1 || replicationFactor > brokers.length) {
    const what = `${name}: ${replicationFactor} replicas, and ${brokers.length} brokers are registered`;
    throw new ClusterError("INVALID_REPLICATION_FACTOR", what);
  }
  const config = checkTopicConfig(name, topic.config);
  if (image.topics.size + taken.names.size >= topicsMax) {
    throw new ClusterError("POLICY_VIOLATION", `${name}: the cluster has ${topicsMax} topics, which is the limit`);
  }
  checkPartitionLimits(image, name, taken.partitionCount, partitionCount);
  invariant(!image.topics.has(topicId), `topic ${name}: the fresh id ${topicId} is taken`);

  // Topics of one partition each would all be led by the first broker if every topic began there.
  const first = (image.partitionCount + taken.partitionCount) % brokers.length;
  taken.names.add(name);
  if (canCollide(name)) taken.collidingNames.set(unifiedName(name), name);
  taken.partitionCount += partitionCount;
  return {
    records: [
      { kind: "topic", topicId, name },
      ...config.map(([key, value]) => ({ kind: "topic-config", topicId, key, value }) as const),
      ...newPartitions(topicId, 0, place(brokers, first, 0, partitionCount, replicationFactor)),
    ],
    response: { name, topicId, partitionCount, replicationFactor },
  };
}

function checkName(image: MetadataImage, taken: Taken, name: string): void {
  validateTopicName(name);
  if (image.topicIds.has(name)) throw new ClusterError("TOPIC_ALREADY_EXISTS", `topic ${name} exists`);
  if (!canCollide(name)) return;
  const other = image.collidingNames.get(unifiedName(name)) ?? taken.collidingNames.get(unifiedName(name));
  if (other === undefined) return;
  throw new ClusterError("INVALID_TOPIC_EXCEPTION", `topic name ${name} collides with topic ${other}: they differ in '.' and '_' only`);
}

function namedTwice(topics: readonly NewTopic[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { name } of topics) {
    if (seen.has(name)) twice.add(name);
    seen.add(name);
  }
  return twice;
}

function shown(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}
