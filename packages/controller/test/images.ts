// Images for tests of decisions: brokers by number, topics by a line each.

import type { ConfigChange, NewTopic } from "@varve/api";
import { emptyImage, type MetadataImage, type MetadataRecord, replayAll } from "@varve/metadata";
import { type TopicId, toTopicId, uuidToText } from "@varve/model";
import { createTopics } from "../src/decide/create-topics.ts";

export function uuidOf(number: number): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, number);
  return uuidToText(bytes);
}

export const topicIdOf = (number: number): TopicId => toTopicId(uuidOf(number));

export const topicIds = (from: number, count: number): readonly TopicId[] => Array.from({ length: count }, (_, at) => topicIdOf(from + at));

export const onePartition = { partitionCount: 1, replicationFactor: 3 };

export function newTopic(name: string, rest: Partial<NewTopic> = {}): NewTopic {
  return { name, partitionCount: undefined, replicationFactor: undefined, config: new Map(), ...rest };
}

export function configChange(topicName: string, rest: Partial<ConfigChange> = {}): ConfigChange {
  return { topicName, set: new Map(), unset: [], validateOnly: false, ...rest };
}

/** A cluster with brokers of these ids and no topic. */
export function clusterOf(...brokerIds: readonly number[]): MetadataImage {
  const brokers = brokerIds.map((brokerId, at): MetadataRecord => {
    return { kind: "broker", brokerId, incarnation: uuidOf(1000 + brokerId), epoch: at + 1, address: `127.0.0.1:${9000 + brokerId}` };
  });
  return replayAll(emptyImage, [{ kind: "cluster", clusterId: uuidOf(1) }, ...brokers]);
}

/** `image` with these topics as well; the first of them gets `topicIdOf(from)`. */
export function withTopics(image: MetadataImage, from: number, ...topics: readonly NewTopic[]): MetadataImage {
  const request = { topics, validateOnly: false, topicIds: topicIds(from, topics.length), defaults: onePartition };
  const { records, response } = createTopics(image, request);
  const failed = response.find(({ kind }) => kind === "failed");
  if (failed !== undefined) throw new Error(JSON.stringify(failed));
  return replayAll(image, records);
}
