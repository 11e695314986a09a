// The cluster's metadata as a log of typed records → immutable image → delta. Deciding what to write is packages/controller.

export { addressLengthMax, configTextLengthMax, decodeRecord, encodeRecord } from "./codec.ts";
export type { MetadataDelta, TopicDelta } from "./delta.ts";
export { deltaBetween } from "./delta.ts";
export type { BrokerImage, MetadataImage, PartitionImage, TopicImage } from "./image.ts";
export { canCollide, defaultTopicConfig, emptyImage, topicByName, topicConfigOf, unifiedName } from "./image.ts";
export type * from "./record.ts";
export { decodeRecords, encodeRecords, RecordListWriter } from "./record-list.ts";
export { replay, replayAll } from "./replay.ts";
export { snapshotLength, snapshotRecords } from "./snapshot.ts";
export type { Change } from "./sorted-map.ts";
export { SortedMap } from "./sorted-map.ts";
