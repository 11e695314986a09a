// Change a topic's configuration, key by key: what the request does not name stays as it is.

import type { ConfigChange } from "@varve/api";
import type { MetadataImage, MetadataRecord } from "@varve/metadata";
import type { TopicConfigKey } from "@varve/model";
import { topicConfigTable } from "@varve/model";
import type { Decision } from "./decision.ts";
import { findTopic } from "./find-topic.ts";
import { checkTopicConfig } from "./topic-config.ts";

/** @throws {ClusterError} UNKNOWN_TOPIC_OR_PARTITION; INVALID_CONFIG with all problems: unknown keys, bad values, keys both set and unset. */
export function alterConfigs(image: MetadataImage, change: ConfigChange): Decision<void> {
  const { topicId, name, configTexts } = findTopic(image, { name: change.topicName });
  const problems: string[] = [];
  for (const key of change.unset) {
    if (change.set.has(key)) problems.push(`${JSON.stringify(key)} is both set and unset`);
    else if (!Object.hasOwn(topicConfigTable, key)) problems.push(`${JSON.stringify(key)} is not a topic configuration`);
  }
  const texts = checkTopicConfig(name, change.set, problems);
  if (change.validateOnly) return { records: [], response: undefined };
  const records: MetadataRecord[] = [];
  for (const [key, value] of texts) {
    if (configTexts.get(key as TopicConfigKey) !== value) records.push({ kind: "topic-config", topicId, key, value });
  }
  for (const key of new Set(change.unset)) {
    if (configTexts.has(key as TopicConfigKey)) records.push({ kind: "topic-config", topicId, key, value: undefined });
  }
  return { records, response: undefined };
}
