// Delete topics: each on its own, in the order of the request. The record is what allows brokers to delete data; nothing else does.

import type { DeletedTopic, Outcome, TopicReference } from "@varve/api";
import type { MetadataImage, MetadataRecord } from "@varve/metadata";
import type { TopicId } from "@varve/model";
import { ClusterError, toFailure } from "@varve/model";
import { requestTopicsMax } from "../limits.ts";
import type { Decision } from "./decision.ts";
import { findTopic } from "./find-topic.ts";

/** @throws {ClusterError} INVALID_REQUEST when there are more than `requestTopicsMax` topics. */
export function deleteTopics(image: MetadataImage, topics: readonly TopicReference[]): Decision<readonly Outcome<DeletedTopic>[]> {
  if (topics.length > requestTopicsMax) {
    throw new ClusterError("INVALID_REQUEST", `${topics.length} topics in one request, the limit is ${requestTopicsMax}`);
  }
  const records: MetadataRecord[] = [];
  const removed = new Set<TopicId>();
  const response = topics.map((reference): Outcome<DeletedTopic> => {
    try {
      const { topicId, name } = findTopic(image, reference);
      if (removed.has(topicId)) throw new ClusterError("INVALID_REQUEST", `the request names the topic ${name} (${topicId}) twice`);
      removed.add(topicId);
      records.push({ kind: "remove-topic", topicId });
      return { kind: "ok", value: { name, topicId } };
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      return { kind: "failed", failure: toFailure(error) };
    }
  });
  return { records, response };
}
