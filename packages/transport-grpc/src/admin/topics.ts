// ListTopics, DescribeTopics, CreateTopics, DeleteTopics and CreatePartitions.

import type { DeletedTopic, NewTopic, Outcome, TopicDescription, TopicPage, TopicReference, TopicSummary } from "@varve/api";
import { adminMethods } from "@varve/proto";
import { topicConfigEntriesMax } from "../limits.ts";
import { type AdminOperation, operation } from "./operation.ts";
import { bounded, fromOutcome, fromTopicId, invalidRequest, toOutcome, toTopicId } from "./values.ts";

export interface ListTopicsRequest {
  readonly after: string;
  readonly limit: number | undefined;
}

export const listTopics: AdminOperation<ListTopicsRequest, TopicPage> = operation(adminMethods.ListTopics, {
  toRequest: ({ after, limit }) => ({ after, limit: limit === 0 ? undefined : limit }),
  fromRequest: ({ after, limit }) => ({ after, limit: limit ?? 0 }),
  toResult: (message) => ({
    topics: message.topics.map((topic) => ({
      name: topic.name,
      topicId: toTopicId(topic.topicId, "topic_id"),
      partitionCount: topic.partitionCount,
      replicationFactor: topic.replicationFactor,
    })),
    more: message.more,
  }),
  fromResult: (page) => ({ topics: page.topics.map((topic) => ({ ...topic, topicId: fromTopicId(topic.topicId) })), more: page.more }),
  call: (api, { after, limit }, signal) => api.listTopics(after, limit, signal),
});

export const describeTopics: AdminOperation<readonly TopicReference[], readonly Outcome<TopicDescription>[]> = operation(
  adminMethods.DescribeTopics,
  {
    toRequest: toReferences,
    fromRequest: fromReferences,
    toResult: (message) =>
      message.topics.map((topic) =>
        toOutcome(topic, ({ name, topicId, partitions }) => ({
          name,
          topicId: toTopicId(topicId, "topic_id"),
          partitions: partitions.map((partition) => ({
            partition: partition.partition,
            leader: partition.leaderId,
            leaderEpoch: partition.leaderEpoch,
            replicas: partition.replicas,
            inSyncReplicas: partition.inSyncReplicas,
          })),
        })),
      ),
    fromResult: (outcomes) => ({
      topics: outcomes.map((outcome) =>
        fromOutcome(outcome, ({ name, topicId, partitions }) => ({
          name,
          topicId: fromTopicId(topicId),
          partitions: partitions.map(({ leader, ...partition }) => ({ ...partition, leaderId: leader })),
        })),
      ),
    }),
    call: (api, topics, signal) => api.describeTopics(topics, signal),
  },
);

export interface CreateTopicsRequest {
  readonly topics: readonly NewTopic[];
  readonly validateOnly: boolean;
}

export const createTopics: AdminOperation<CreateTopicsRequest, readonly Outcome<TopicSummary>[]> = operation(adminMethods.CreateTopics, {
  toRequest: (message) => ({
    topics: bounded(message.topics, "topics").map((topic) => ({
      name: topic.name,
      partitionCount: topic.partitionCount === 0 ? undefined : topic.partitionCount,
      replicationFactor: topic.replicationFactor === 0 ? undefined : topic.replicationFactor,
      config: toConfig(topic.config),
    })),
    validateOnly: message.validateOnly,
  }),
  fromRequest: ({ topics, validateOnly }) => ({
    topics: topics.map((topic) => ({
      name: topic.name,
      partitionCount: topic.partitionCount ?? 0,
      replicationFactor: topic.replicationFactor ?? 0,
      config: Object.fromEntries(topic.config),
    })),
    validateOnly,
  }),
  toResult: (message) =>
    message.topics.map((topic) =>
      toOutcome(topic, ({ name, topicId, partitionCount, replicationFactor }) => ({
        name,
        topicId: toTopicId(topicId, "topic_id"),
        partitionCount,
        replicationFactor,
      })),
    ),
  fromResult: (outcomes) => ({
    topics: outcomes.map((outcome) => fromOutcome(outcome, (topic) => ({ ...topic, topicId: fromTopicId(topic.topicId) }))),
  }),
  call: (api, { topics, validateOnly }, signal) => api.createTopics(topics, validateOnly, signal),
});

export const deleteTopics: AdminOperation<readonly TopicReference[], readonly Outcome<DeletedTopic>[]> = operation(
  adminMethods.DeleteTopics,
  {
    toRequest: toReferences,
    fromRequest: fromReferences,
    toResult: (message) =>
      message.topics.map((topic) => toOutcome(topic, ({ name, topicId }) => ({ name, topicId: toTopicId(topicId, "topic_id") }))),
    fromResult: (outcomes) => ({
      topics: outcomes.map((outcome) => fromOutcome(outcome, ({ name, topicId }) => ({ name, topicId: fromTopicId(topicId) }))),
    }),
    call: (api, topics, signal) => api.deleteTopics(topics, signal),
  },
);

export interface CreatePartitionsRequest {
  readonly topicName: string;
  readonly partitionCount: number;
  readonly validateOnly: boolean;
}

export const createPartitions: AdminOperation<CreatePartitionsRequest, void> = operation(adminMethods.CreatePartitions, {
  toRequest: ({ name, partitionCount, validateOnly }) => ({ topicName: name, partitionCount, validateOnly }),
  fromRequest: ({ topicName, partitionCount, validateOnly }) => ({ name: topicName, partitionCount, validateOnly }),
  toResult: () => undefined,
  fromResult: () => ({}),
  call: (api, request, signal) => api.createPartitions(request.topicName, request.partitionCount, request.validateOnly, signal),
});

/** Keys are the client's; as a map they meet no property that an object has by birth. */
export function toConfig(config: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const entries = Object.entries(config);
  if (entries.length > topicConfigEntriesMax) {
    throw invalidRequest(`a topic's config has ${entries.length} keys, the limit is ${topicConfigEntriesMax}`);
  }
  return new Map(entries);
}

function toReferences(message: { readonly names: readonly string[]; readonly topicIds: readonly Uint8Array[] }): readonly TopicReference[] {
  const names = message.names.map((name) => ({ name }));
  const ids = message.topicIds.map((bytes) => ({ topicId: toTopicId(bytes, "topic_ids") }));
  return bounded([...names, ...ids], "names and topic_ids");
}

function fromReferences(topics: readonly TopicReference[]): {
  readonly names: readonly string[];
  readonly topicIds: readonly Uint8Array[];
} {
  return {
    names: topics.flatMap((topic) => ("name" in topic ? [topic.name] : [])),
    topicIds: topics.flatMap((topic) => ("name" in topic ? [] : [fromTopicId(topic.topicId)])),
  };
}

/** Answers come in the order of the message, which has names before ids; this is the order in which they were asked for. */
export function inRequestOrder<T>(topics: readonly TopicReference[], outcomes: readonly T[]): readonly T[] {
  const nameCount = topics.filter((topic) => "name" in topic).length;
  const names = outcomes.slice(0, nameCount).values();
  const ids = outcomes.slice(nameCount).values();
  return topics.flatMap((topic) => ("name" in topic ? names : ids).next().value ?? []);
}
