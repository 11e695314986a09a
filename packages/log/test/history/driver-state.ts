// What a history has come to, life after life: the models, the configurations, and where the steps stand.

import { defaults, type PartitionId, type TopicConfig, topicConfigTable, toTopicId } from "@varve/model";
import { PartitionModel } from "./model.ts";

/** What outlives the process: the model, and where the history stands. */
export class DriverState {
  readonly models: readonly PartitionModel[];
  readonly configs: TopicConfig[];
  readonly segmentBytes: number;
  cursor = 0;
  marks = 0;
  producers = 0;
  refusedChanges = 0;
  capacityBytes: number | undefined;
  /** What this life found, in words. */
  found: string | undefined;
  /** The store said that its disk failed. */
  hasFailed = false;
  /** This life ends because something was refused. */
  wasRefused = false;

  constructor(partitions: number, segmentBytes: number) {
    this.models = Array.from({ length: partitions }, (_, number) => new PartitionModel(`p${number}`));
    this.segmentBytes = segmentBytes;
    this.configs = this.models.map(() => this.config("fsync"));
  }

  config(durability: "fsync" | "replicated"): TopicConfig {
    return {
      ...defaults(topicConfigTable),
      durability,
      "segment.bytes": this.segmentBytes,
      "index.interval.bytes": 256,
      "retention.bytes": 2 * this.segmentBytes,
    };
  }
}

/** Topic ids differ only in a digit, so that a mix-up of partitions would not be hidden by luck. */
export function idOf(partition: number): PartitionId {
  return { topicId: toTopicId("AAAAAAAAAAAAAAAAAAAAAA"), partition };
}
