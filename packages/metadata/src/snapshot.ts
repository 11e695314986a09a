// An image as the records that rebuild it. Equal images give equal records in one order, whatever way led to them.

import type { MetadataImage } from "./image.ts";
import type { MetadataRecord } from "./record.ts";

/** Records that turn the empty image into `image`; drawn one by one, so that a long snapshot can be taken in steps. */
export function* snapshotRecords(image: MetadataImage): Generator<MetadataRecord> {
  if (image.clusterId !== undefined) yield { kind: "cluster", clusterId: image.clusterId };
  if (image.nextProducerId > 0) yield { kind: "producer-ids", nextProducerId: image.nextProducerId };
  for (const { id, incarnation, epoch, address } of image.brokers.values()) {
    yield { kind: "broker", brokerId: id, incarnation, epoch, address };
  }
  for (const { topicId, name, configTexts, partitions } of image.topics.values()) {
    yield { kind: "topic", topicId, name };
    for (const [key, value] of configTexts) yield { kind: "topic-config", topicId, key, value };
    for (const [partition, state] of partitions) yield { kind: "partition", topicId, partition, ...state };
  }
  for (const [topicId, holders] of image.removedTopics) yield { kind: "removed-topic", topicId, holders };
}

/** About how many records `snapshotRecords` gives: configurations are not counted. */
export function snapshotLength(image: MetadataImage): number {
  return 2 + image.brokers.size + image.topics.size + image.partitionCount + image.removedTopics.size;
}
