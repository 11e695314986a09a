// What changed between two images. Appliers see nothing else: a batch of records, a snapshot that replaces the state and the state found
// at the start all reach them as a delta, so there is one code path.

import type { BrokerImage, MetadataImage, PartitionImage, TopicImage } from "./image.ts";
import type { Change } from "./sorted-map.ts";

/** One topic that both images hold and that changed. */
export interface TopicDelta {
  readonly before: TopicImage;
  readonly after: TopicImage;
  readonly configChanged: boolean;
  /** Added and changed, by partition number; a partition never goes without its topic. */
  readonly partitions: readonly Change<number, PartitionImage>[];
}

export interface MetadataDelta {
  readonly before: MetadataImage;
  readonly after: MetadataImage;
  readonly brokers: readonly Change<number, BrokerImage>[];
  /** A topic that was deleted and created again under one name stands among the removed and among the added, with two ids. */
  readonly topicsRemoved: readonly TopicImage[];
  readonly topicsAdded: readonly TopicImage[];
  readonly topicsChanged: readonly TopicDelta[];
}

/** O(what changed) when `after` was made from `before`; for any two images it is what differs in value. */
export function deltaBetween(before: MetadataImage, after: MetadataImage): MetadataDelta {
  const topicsRemoved: TopicImage[] = [];
  const topicsAdded: TopicImage[] = [];
  const topicsChanged: TopicDelta[] = [];
  for (const change of after.topics.changesSince(before.topics)) {
    if (change.kind === "added") topicsAdded.push(change.after);
    else if (change.kind === "removed") topicsRemoved.push(change.before);
    else {
      const delta = topicDelta(change.before, change.after);
      if (delta.configChanged || delta.partitions.length > 0) topicsChanged.push(delta);
    }
  }
  const brokers = [...after.brokers.changesSince(before.brokers)].filter((change) => !isSame(change, sameBroker));
  return { before, after, brokers, topicsRemoved, topicsAdded, topicsChanged };
}

function topicDelta(before: TopicImage, after: TopicImage): TopicDelta {
  return {
    before,
    after,
    configChanged: after.configTexts.changesSince(before.configTexts).next().done !== true,
    partitions: [...after.partitions.changesSince(before.partitions)].filter((change) => !isSame(change, samePartition)),
  };
}

/** Whether a change is none: images that were built apart hold equal values in different objects. */
function isSame<K, V>(change: Change<K, V>, same: (before: V, after: V) => boolean): boolean {
  return change.kind === "changed" && same(change.before, change.after);
}

/** A registration raises the epoch. */
function sameBroker(before: BrokerImage, after: BrokerImage): boolean {
  return before.epoch === after.epoch;
}

/** A change raises the partition epoch. */
function samePartition(before: PartitionImage, after: PartitionImage): boolean {
  return before.partitionEpoch === after.partitionEpoch;
}
