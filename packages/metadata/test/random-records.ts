// Random histories of records that a controller could have written: the same draws give the same records.

import type { TopicId } from "@varve/model";
import { toTopicId, uuidToText } from "@varve/model";
import fc from "fast-check";
import { canCollide, emptyImage, type MetadataImage, type MetadataRecord, replay, unifiedName } from "../src/index.ts";

export const topicIdOf = (number: number): TopicId => toTopicId(uuidOf(number));

export function uuidOf(number: number): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, number);
  return uuidToText(bytes);
}

const draw = fc.record({ what: fc.nat(6), which: fc.nat(30), how: fc.nat(1000) });

/** Records, each valid after those before it. */
export const histories: fc.Arbitrary<readonly MetadataRecord[]> = fc.array(draw, { maxLength: 120, size: "max" }).map((draws) => {
  const records: MetadataRecord[] = [];
  let image = emptyImage;
  for (const { what, which, how } of draws) {
    const record = next(image, topicIdOf(records.length), what, which, how);
    if (record === undefined) continue;
    records.push(record);
    image = replay(image, record);
  }
  return records;
});

function next(image: MetadataImage, freshId: TopicId, what: number, which: number, how: number): MetadataRecord | undefined {
  if (image.clusterId === undefined) return { kind: "cluster", clusterId: uuidOf(how) };
  const [removed] = image.removedTopics;
  if (what === 6 && how % 2 === 0 && removed !== undefined) {
    return { kind: "removed-topic", topicId: removed[0], holders: removed[1].slice(1) };
  }
  const topics = [...image.topics.values()];
  const topic = topics[which % Math.max(topics.length, 1)];
  const brokerId = which % 4;
  if (what === 0) {
    const epoch = image.lastBrokerEpoch + 1 + (how % 3);
    return { kind: "broker", brokerId, incarnation: uuidOf(how), epoch, address: `10.0.0.${which}:${9000 + how}` };
  }
  if (what === 1 || topic === undefined) {
    const name = `topic${which % 2 === 0 ? "." : "-"}${how % 40}`;
    const collides = canCollide(name) && image.collidingNames.has(unifiedName(name));
    if (image.topicIds.has(name) || collides) return undefined;
    return { kind: "topic", topicId: freshId, name };
  }
  const { topicId, partitions } = topic;
  const partition = partitions.get(how % Math.max(partitions.size, 1));
  if (what === 2 || (what === 3 && partition === undefined)) {
    const replicas = how % 2 === 0 ? [brokerId] : [brokerId, brokerId + 1, brokerId + 2];
    const inSyncReplicas = how % 3 === 0 ? replicas.slice(0, 1) : replicas;
    const leader = how % 5 === 0 ? undefined : brokerId;
    const epochs = { leaderEpoch: how % 7, partitionEpoch: how % 11 };
    return { kind: "partition", topicId, partition: partitions.size, replicas, inSyncReplicas, leader, ...epochs };
  }
  if (what === 3 && partition !== undefined) {
    const leader = partition.replicas[how % partition.replicas.length]!;
    const inSyncReplicas = how % 2 === 0 ? partition.replicas : [leader];
    const epochs = { leaderEpoch: partition.leaderEpoch + (how % 2), partitionEpoch: partition.partitionEpoch + 1 };
    return { kind: "partition-change", topicId, partition: how % partitions.size, inSyncReplicas, leader, ...epochs };
  }
  if (what === 4) return { kind: "remove-topic", topicId };
  if (what === 5) {
    const value = how % 4 === 0 ? undefined : String(1000 + how);
    return { kind: "topic-config", topicId, key: how % 2 === 0 ? "retention.ms" : "segment.ms", value };
  }
  return { kind: "producer-ids", nextProducerId: image.nextProducerId + 1 + how };
}
