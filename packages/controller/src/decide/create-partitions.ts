// Add partitions to a topic. What was in it stays where it is; keys may go to other partitions from now on.

import type { MetadataImage } from "@varve/metadata";
import { ClusterError } from "@varve/model";
import type { Decision } from "./decision.ts";
import { findTopic } from "./find-topic.ts";
import { checkPartitionCount, checkPartitionLimits, newPartitions } from "./new-partitions.ts";
import { place } from "./placement.ts";

export interface CreatePartitionsRequest {
  readonly topicName: string;
  /** The new total. */
  readonly partitionCount: number;
  readonly validateOnly: boolean;
}

/**
 * @throws {ClusterError} UNKNOWN_TOPIC_OR_PARTITION; INVALID_PARTITIONS when the total is not above the present one, or too high;
 * INVALID_REPLICATION_FACTOR when there are fewer brokers than replicas; POLICY_VIOLATION.
 */
export function createPartitions(image: MetadataImage, request: CreatePartitionsRequest): Decision<void> {
  const { partitionCount, validateOnly } = request;
  const { topicId, name, partitions } = findTopic(image, { name: request.topicName });
  checkPartitionCount(name, partitionCount);
  const present = partitions.size;
  if (partitionCount <= present) {
    throw new ClusterError("INVALID_PARTITIONS", `${name} has ${present} partitions; ${partitionCount} would not be more`);
  }
  checkPartitionLimits(image, name, 0, partitionCount - present);
  const replicas = partitions.get(0)!.replicas;
  const brokers = [...image.brokers.keys()];
  if (brokers.length < replicas.length) {
    const what = `${name}: ${replicas.length} replicas, and ${brokers.length} brokers are registered`;
    throw new ClusterError("INVALID_REPLICATION_FACTOR", what);
  }
  if (validateOnly) return { records: [], response: undefined };
  const first = Math.max(brokers.indexOf(replicas[0]!), 0);
  return {
    records: newPartitions(topicId, present, place(brokers, first, present, partitionCount, replicas.length)),
    response: undefined,
  };
}
