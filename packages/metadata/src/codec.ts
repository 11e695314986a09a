// One metadata record as protobuf and back: ids are text here and bytes there. Every value is checked on the way in, so that whoever
// holds a MetadataRecord need not. Contract: proto/varve/v1/metadata.proto.

import type { NodeId, TopicId } from "@varve/model";
import { ClusterError, InvariantError, uuidFromText, uuidToText, validateTopicName } from "@varve/model";
import type { contract } from "@varve/proto";
import { decodeMetadataRecord, encodeMetadataRecord } from "@varve/proto";
import type { MetadataRecord } from "./record.ts";

/** Characters of a broker's address: the longest DNS name, a colon and a port fit. */
export const addressLengthMax = 261;
/** Characters of a configuration's key or value. */
export const configTextLengthMax = 4096;

const int32Max = 2 ** 31 - 1;

/** The bytes are fresh. */
export function encodeRecord(record: MetadataRecord): Uint8Array {
  return encodeMetadataRecord(toMessage(record));
}

/**
 * @throws {InvariantError} when the bytes are no record or one that cannot be: whoever stores them checks that they are those that
 * were written, so the fault is ours.
 * @throws {ClusterError} UNSUPPORTED_VERSION for a kind of record that this version does not know.
 */
export function decodeRecord(bytes: Uint8Array): MetadataRecord {
  try {
    return fromMessage(decodeMetadataRecord(bytes));
  } catch (error) {
    if (error instanceof ClusterError && error.code === "UNSUPPORTED_VERSION") throw error;
    throw new InvariantError(`metadata record: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function toMessage(record: MetadataRecord): contract.MetadataRecordInput {
  switch (record.kind) {
    case "cluster":
      return { cluster: { clusterId: record.clusterId } };
    case "broker": {
      const { brokerId, incarnation, epoch, address } = record;
      return { broker: { brokerId, incarnation: uuidFromText(incarnation), epoch, address } };
    }
    case "topic":
      return { topic: { topicId: uuidFromText(record.topicId), name: record.name } };
    case "partition": {
      const { topicId, partition, replicas, inSyncReplicas, leader, leaderEpoch, partitionEpoch } = record;
      const shared = { topicId: uuidFromText(topicId), partition, inSyncReplicas, leaderId: leader, leaderEpoch, partitionEpoch };
      return { partition: { ...shared, replicas } };
    }
    case "partition-change": {
      const { topicId, partition, inSyncReplicas, leader, leaderEpoch, partitionEpoch } = record;
      return {
        partitionChange: { topicId: uuidFromText(topicId), partition, inSyncReplicas, leaderId: leader, leaderEpoch, partitionEpoch },
      };
    }
    case "remove-topic":
      return { removeTopic: { topicId: uuidFromText(record.topicId) } };
    case "removed-topic":
      return { removedTopic: { topicId: uuidFromText(record.topicId), holders: record.holders } };
    case "topic-config":
      return { topicConfig: { topicId: uuidFromText(record.topicId), key: record.key, value: record.value } };
    case "producer-ids":
      return { producerIds: { nextProducerId: record.nextProducerId } };
  }
}

function fromMessage(message: contract.MetadataRecord): MetadataRecord {
  if (message.cluster != null) return { kind: "cluster", clusterId: uuid("cluster_id", message.cluster.clusterId) };
  if (message.broker != null) {
    const { brokerId, incarnation, epoch, address } = message.broker;
    return {
      kind: "broker",
      brokerId: int32("broker_id", brokerId),
      incarnation: uuidToText(incarnation),
      epoch: whole("epoch", epoch, 1),
      address: text("address", address, addressLengthMax),
    };
  }
  if (message.topic != null) {
    validateTopicName(message.topic.name);
    return { kind: "topic", topicId: topicId(message.topic.topicId), name: message.topic.name };
  }
  if (message.partition != null) {
    const replicas = nodes("replicas", message.partition.replicas);
    const inSyncReplicas = nodes("in_sync_replicas", message.partition.inSyncReplicas);
    check(replicas.length > 0, "replicas are empty");
    check(
      inSyncReplicas.every((node) => replicas.includes(node)),
      `in_sync_replicas ${inSyncReplicas} are not among replicas ${replicas}`,
    );
    return { kind: "partition", ...leadership(message.partition, inSyncReplicas), replicas };
  }
  if (message.partitionChange != null) {
    const inSyncReplicas = nodes("in_sync_replicas", message.partitionChange.inSyncReplicas);
    return { kind: "partition-change", ...leadership(message.partitionChange, inSyncReplicas) };
  }
  if (message.removeTopic != null) return { kind: "remove-topic", topicId: topicId(message.removeTopic.topicId) };
  if (message.removedTopic != null) {
    const { topicId: id, holders } = message.removedTopic;
    return { kind: "removed-topic", topicId: topicId(id), holders: nodes("holders", holders) };
  }
  if (message.topicConfig != null) {
    const { topicId: id, key, value } = message.topicConfig;
    const checked = value == null ? undefined : text("value", value, configTextLengthMax);
    return { kind: "topic-config", topicId: topicId(id), key: text("key", key, configTextLengthMax), value: checked };
  }
  if (message.producerIds != null) {
    return { kind: "producer-ids", nextProducerId: whole("next_producer_id", message.producerIds.nextProducerId, 1) };
  }
  throw new ClusterError("UNSUPPORTED_VERSION", "the metadata log holds a record of a kind that this version does not know");
}

/** What a new and a changed partition have in common. */
function leadership(message: contract.PartitionRecord | contract.PartitionChangeRecord, inSyncReplicas: readonly NodeId[]) {
  const leader = message.leaderId == null ? undefined : int32("leader_id", message.leaderId);
  check(inSyncReplicas.length > 0, "in_sync_replicas are empty");
  check(leader === undefined || inSyncReplicas.includes(leader), `leader_id ${leader} is not among in_sync_replicas ${inSyncReplicas}`);
  return {
    topicId: topicId(message.topicId),
    partition: int32("partition", message.partition),
    inSyncReplicas,
    leader,
    leaderEpoch: int32("leader_epoch", message.leaderEpoch),
    partitionEpoch: int32("partition_epoch", message.partitionEpoch),
  };
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new RangeError(what);
}

function whole(field: string, value: number, min: number): number {
  check(Number.isSafeInteger(value) && value >= min, `${field} is a whole number from ${min} to 2^53 - 1, not ${value}`);
  return value;
}

function int32(field: string, value: number): number {
  check(Number.isInteger(value) && value >= 0 && value <= int32Max, `${field} is a whole number from 0 to 2^31 - 1, not ${value}`);
  return value;
}

function text(field: string, value: string, lengthMax: number): string {
  check(value.length <= lengthMax, `${field} has ${value.length} characters, the limit is ${lengthMax}`);
  return value;
}

function uuid(field: string, value: string): string {
  try {
    return uuidToText(uuidFromText(value));
  } catch (error) {
    throw new RangeError(`${field}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function topicId(bytes: Uint8Array): TopicId {
  return uuidToText(bytes) as TopicId;
}

function nodes(field: string, ids: readonly number[]): readonly NodeId[] {
  for (const id of ids) int32(field, id);
  check(new Set(ids).size === ids.length, `${field} ${ids} name a broker twice`);
  return ids;
}
