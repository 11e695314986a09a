// Makes this broker what the metadata says: a log for each of its replicas, the lead where it leads, no log of a removed topic.
// A log that the metadata does not mention is left alone: missing metadata is no reason to delete data, a removal is.

import type { LogStore, PartitionLog } from "@varve/log";
import type { MetadataDelta, PartitionImage, TopicImage } from "@varve/metadata";
import type { NodeId, PartitionId, TopicId } from "@varve/model";
import { Partition } from "@varve/partition";
import type { Logger } from "@varve/runtime";
import type { Partitions } from "../partitions.ts";

export interface TopicsApplierParts {
  readonly nodeId: NodeId;
  readonly logs: LogStore;
  readonly partitions: Partitions;
  readonly logger: Logger;
  /** Told of the removed topics of which nothing is left here. It must not wait for the controller, which may be waiting for the applier. */
  readonly removed: (topicIds: readonly TopicId[]) => void;
}

/** Resolves when the change is in force here, and durable where it made or removed logs. */
export async function applyTopics(parts: TopicsApplierParts, delta: MetadataDelta): Promise<void> {
  for (const topic of delta.topicsRemoved) closeTopic(parts, topic);
  await dropRemoved(parts, delta);
  for (const topic of delta.topicsAdded) {
    for (const [number, image] of topic.partitions) await applyPartition(parts, topic, number, image);
  }
  for (const { after, configChanged, partitions } of delta.topicsChanged) {
    for (const change of partitions) if (change.kind !== "removed") await applyPartition(parts, after, change.key, change.after);
    if (configChanged) for (const partition of parts.partitions.ofTopic(after.topicId)) await partition.configure(after.config);
  }
}

async function applyPartition(parts: TopicsApplierParts, topic: TopicImage, number: number, image: PartitionImage): Promise<void> {
  const { nodeId, logs, partitions } = parts;
  if (!image.replicas.includes(nodeId)) return;
  const id: PartitionId = { topicId: topic.topicId, partition: number };
  let partition = partitions.get(id);
  if (partition === undefined) {
    const found = logs.get(id);
    const log = found ?? (await logs.create(id, topic.name, topic.config));
    if (found !== undefined) await found.configure(topic.config);
    partition = new Partition(topic.name, log, topic.config);
    partitions.add(partition);
  }
  if (image.leader !== nodeId) return;
  partition.lead({ leaderEpoch: image.leaderEpoch, replicas: image.replicas, inSyncReplicas: image.inSyncReplicas });
}

function closeTopic({ partitions, logger }: TopicsApplierParts, topic: TopicImage): void {
  for (const partition of [...partitions.ofTopic(topic.topicId)]) {
    partition.close({ code: "UNKNOWN_TOPIC_ID", message: `topic ${topic.name} (${topic.topicId}) was deleted` });
    partitions.remove(partition.id);
  }
  logger.info("a topic was deleted", { topic: topic.name, topicId: topic.topicId });
}

/** Deletes what is left of topics that were removed, in this life or while this broker was down. */
async function dropRemoved({ nodeId, logs, removed }: TopicsApplierParts, delta: MetadataDelta): Promise<void> {
  const held = new Set<TopicId>();
  for (const change of delta.after.removedTopics.changesSince(delta.before.removedTopics)) {
    if (change.kind !== "removed" && change.after.includes(nodeId)) held.add(change.key);
  }
  if (held.size === 0) return;
  const left: PartitionLog[] = [...logs.logs()].filter(({ id }) => held.has(id.topicId));
  for (const { id } of left) await logs.drop(id);
  removed([...held]);
}
