// Records of partitions that begin their life: all replicas in sync, the first one leads, in epoch 0.

import type { MetadataImage, PartitionRecord } from "@varve/metadata";
import type { NodeId, TopicId } from "@varve/model";
import { ClusterError } from "@varve/model";
import { partitionsMax, requestPartitionsMax, topicPartitionsMax } from "../limits.ts";

/** @param from number of the first of them. @param placed their replicas, in order. */
export function newPartitions(topicId: TopicId, from: number, placed: readonly (readonly NodeId[])[]): readonly PartitionRecord[] {
  return placed.map((replicas, at) => ({
    kind: "partition",
    topicId,
    partition: from + at,
    replicas,
    inSyncReplicas: replicas,
    leader: replicas[0],
    leaderEpoch: 0,
    partitionEpoch: 0,
  }));
}

/** @throws {ClusterError} INVALID_PARTITIONS when a topic cannot have `partitionCount` partitions. */
export function checkPartitionCount(topicName: string, partitionCount: number): void {
  if (Number.isInteger(partitionCount) && partitionCount >= 1 && partitionCount <= topicPartitionsMax) return;
  throw new ClusterError("INVALID_PARTITIONS", `${topicName}: a topic has 1 to ${topicPartitionsMax} partitions, not ${partitionCount}`);
}

/**
 * @param inRequest partitions that this request has created before these. They are not in `image`.
 * @throws {ClusterError} POLICY_VIOLATION when `count` more are too many for the request or the cluster.
 */
export function checkPartitionLimits(image: MetadataImage, topicName: string, inRequest: number, count: number): void {
  if (inRequest + count > requestPartitionsMax) {
    const what = `${topicName}: ${inRequest + count} new partitions in one request, the limit is ${requestPartitionsMax}`;
    throw new ClusterError("POLICY_VIOLATION", what);
  }
  const total = image.partitionCount + inRequest + count;
  if (total > partitionsMax) {
    throw new ClusterError("POLICY_VIOLATION", `${topicName}: the cluster would have ${total} partitions, the limit is ${partitionsMax}`);
  }
}
