// A topic by either of its identities, or the error that says it is not there.

import type { TopicReference } from "@varve/api";
import type { MetadataImage, TopicImage } from "@varve/metadata";
import { topicByName } from "@varve/metadata";
import { ClusterError } from "@varve/model";

/** @throws {ClusterError} UNKNOWN_TOPIC_OR_PARTITION for a name, UNKNOWN_TOPIC_ID for an id. */
export function findTopic(image: MetadataImage, reference: TopicReference): TopicImage {
  const topic = "name" in reference ? topicByName(image, reference.name) : image.topics.get(reference.topicId);
  if (topic !== undefined) return topic;
  if ("topicId" in reference) throw new ClusterError("UNKNOWN_TOPIC_ID", `no topic has the id ${reference.topicId}`);
  const { name } = reference;
  throw new ClusterError("UNKNOWN_TOPIC_OR_PARTITION", `no topic ${JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name)}`);
}
