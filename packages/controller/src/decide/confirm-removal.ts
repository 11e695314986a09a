// A broker has deleted its logs of removed topics. Once every holder has, the topic is forgotten.

import type { MetadataImage, MetadataRecord } from "@varve/metadata";
import type { NodeId, TopicId } from "@varve/model";
import type { Decision } from "./decision.ts";

/** @param topicIds those that are not removed, or not held by the broker, change nothing: a broker may repeat itself. */
export function confirmRemoval(image: MetadataImage, brokerId: NodeId, topicIds: readonly TopicId[]): Decision<void> {
  const records: MetadataRecord[] = [];
  for (const topicId of new Set(topicIds)) {
    const holders = image.removedTopics.get(topicId);
    if (holders?.includes(brokerId) !== true) continue;
    records.push({ kind: "removed-topic", topicId, holders: holders.filter((holder) => holder !== brokerId) });
  }
  return { records, response: undefined };
}
