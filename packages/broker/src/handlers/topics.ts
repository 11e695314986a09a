// Look-ups in the metadata image: the cluster, its topics, their configuration. What changes them is the controller's.

import type { ClusterDescription, ConfigEntry, Outcome, TopicDescription, TopicPage, TopicReference } from "@varve/api";
import { type MetadataImage, type TopicImage, topicByName } from "@varve/metadata";
import { ClusterError, type Failure, printValue, type TopicConfigKey, topicConfigTable } from "@varve/model";
import type { BrokerContext } from "../context.ts";

/** Topics in one page of a listing, and what a request gets that does not say. */
export const topicsPerPageMax = 1000;

export function describeCluster({ controller, nodeId }: BrokerContext): ClusterDescription {
  const { clusterId, brokers } = controller.image;
  if (clusterId === undefined) throw new ClusterError("BROKER_NOT_AVAILABLE", "the cluster's metadata is not there yet");
  return { clusterId, controllerId: nodeId, brokers: [...brokers.values()].map(({ id, address, epoch }) => ({ id, address, epoch })) };
}

export function listTopics({ controller }: BrokerContext, after: string, limit: number | undefined): TopicPage {
  const pageLength = Math.min(limit ?? topicsPerPageMax, topicsPerPageMax);
  const { topicIds, topics } = controller.image;
  const page: TopicPage["topics"][number][] = [];
  for (const [name, topicId] of topicIds.entriesAbove(after)) {
    if (page.length === pageLength) return { topics: page, more: true };
    const { partitions } = topics.get(topicId)!;
    page.push({ name, topicId, partitionCount: partitions.size, replicationFactor: partitions.get(0)?.replicas.length ?? 0 });
  }
  return { topics: page, more: false };
}

export function describeTopics({ controller }: BrokerContext, references: readonly TopicReference[]): readonly Outcome<TopicDescription>[] {
  return references.map((reference) => {
    const found = find(controller.image, reference);
    return "code" in found ? { kind: "failed", failure: found } : { kind: "ok", value: describe(found) };
  });
}

export function describeConfigs({ controller }: BrokerContext, topicName: string): readonly ConfigEntry[] {
  const topic = find(controller.image, { name: topicName });
  if ("code" in topic) throw new ClusterError(topic.code, topic.message);
  return Object.entries(topicConfigTable).map(([key, property]) => ({
    key,
    value: printValue(topic.config[key as TopicConfigKey]),
    isSet: topic.configTexts.has(key as TopicConfigKey),
    defaultValue: printValue(property.default),
    about: property.about,
  }));
}

function find(image: MetadataImage, reference: TopicReference): TopicImage | Failure {
  if ("name" in reference) {
    const topic = topicByName(image, reference.name);
    return topic ?? { code: "UNKNOWN_TOPIC_OR_PARTITION", message: `there is no topic ${JSON.stringify(reference.name.slice(0, 260))}` };
  }
  return image.topics.get(reference.topicId) ?? { code: "UNKNOWN_TOPIC_ID", message: `no topic has the id ${reference.topicId}` };
}

function describe({ name, topicId, partitions }: TopicImage): TopicDescription {
  return {
    name,
    topicId,
    partitions: [...partitions].map(([partition, { leader, leaderEpoch, replicas, inSyncReplicas }]) => ({
      partition,
      leader,
      leaderEpoch,
      replicas,
      inSyncReplicas,
    })),
  };
}
