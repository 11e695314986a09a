// Administration: topics, their configuration, their offsets, the cluster. Look-ups are repeated at other brokers until one answers; a
// change is sent once, since nobody knows of an unanswered one whether it took effect.

import type {
  ClusterDescription,
  ConfigEntry,
  DeletedTopic,
  DeleteRecordsEntry,
  ListedOffset,
  ListOffsetsEntry,
  NewTopic,
  OffsetPosition,
  Outcome,
  TopicDescription,
  TopicSummary,
} from "@varve/api";
import { ClusterError, type Offset } from "@varve/model";
import type { ClientContext } from "./client-context.ts";
import { callLeaders, type LeaderCall, type TopicPartition } from "./leader-calls.ts";

/** Names in one answer to `listTopics`; all of them are gathered. */
const topicsPerPage = 1_000;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ChangeOptions extends CallOptions {
  /** Checks the change without making it. */
  readonly validateOnly?: boolean | undefined;
}

export interface TopicSpec {
  readonly name: string;
  /** The cluster's default when it is not given. */
  readonly partitions?: number | undefined;
  readonly replicationFactor?: number | undefined;
  /** Kafka's keys, and `durability`. */
  readonly config?: Readonly<Record<string, string | number | boolean>> | undefined;
}

export interface ConfigChanges {
  readonly set?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Keys that go back to their defaults. */
  readonly unset?: readonly string[] | undefined;
}

/** What a position comes to in one partition. */
export interface PartitionOffset extends TopicPartition {
  /** Undefined when no record is that new. */
  readonly offset: Offset | undefined;
  readonly timestamp: number | undefined;
  readonly leaderEpoch: number;
}

/** "earliest" record, "latest": behind the last committed one, or the first record that is not older. */
export type Position = "earliest" | "latest" | { readonly timestamp: number };

export interface RecordsBefore {
  readonly partition: number;
  /** The new first offset; everything that is committed goes when it is not given. */
  readonly before?: Offset | undefined;
}

export class Admin {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  describeCluster(options: CallOptions = {}): Promise<ClusterDescription> {
    return this.#context.brokers.lookUp("describing the cluster", ({ admin }, signal) => admin.describeCluster(signal), options.signal);
  }

  /** All topics, by name in order of code units. */
  async listTopics(options: CallOptions = {}): Promise<readonly TopicSummary[]> {
    const topics: TopicSummary[] = [];
    for (let more = true; more; ) {
      const after = topics.at(-1)?.name ?? "";
      const page = await this.#context.brokers.lookUp(
        "listing topics",
        ({ admin }, signal) => admin.listTopics(after, topicsPerPage, signal),
        options.signal,
      );
      topics.push(...page.topics);
      more = page.more && page.topics.length > 0;
    }
    return topics;
  }

  /** @throws {ClusterError} UNKNOWN_TOPIC_OR_PARTITION. */
  async describeTopic(name: string, options: CallOptions = {}): Promise<TopicDescription> {
    return theOne((await this.describeTopics([name], options))[0]!);
  }

  /** @returns one outcome for each name, in their order. */
  describeTopics(names: readonly string[], options: CallOptions = {}): Promise<readonly Outcome<TopicDescription>[]> {
    const references = names.map((name) => ({ name }));
    return this.#context.brokers.lookUp(
      "describing topics",
      ({ admin }, signal) => admin.describeTopics(references, signal),
      options.signal,
    );
  }

  /** @throws {ClusterError} TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG, … */
  async createTopic(topic: TopicSpec, options: ChangeOptions = {}): Promise<TopicSummary> {
    return theOne((await this.createTopics([topic], options))[0]!);
  }

  /** @returns one outcome for each topic, in their order. */
  async createTopics(topics: readonly TopicSpec[], options: ChangeOptions = {}): Promise<readonly Outcome<TopicSummary>[]> {
    const made: readonly NewTopic[] = topics.map(({ name, partitions, replicationFactor, config }) => ({
      name,
      partitionCount: partitions,
      replicationFactor,
      config: configMap(config),
    }));
    const { validateOnly = false, signal } = options;
    const outcomes = await this.#context.brokers.once(
      "creating topics",
      ({ admin }, within) => admin.createTopics(made, validateOnly, within),
      signal,
    );
    for (const { name } of topics) this.#context.metadata.forget(name);
    return outcomes;
  }

  /** @throws {ClusterError} UNKNOWN_TOPIC_OR_PARTITION. */
  async deleteTopic(name: string, options: CallOptions = {}): Promise<DeletedTopic> {
    return theOne((await this.deleteTopics([name], options))[0]!);
  }

  /** @returns one outcome for each name, in their order. */
  async deleteTopics(names: readonly string[], options: CallOptions = {}): Promise<readonly Outcome<DeletedTopic>[]> {
    const references = names.map((name) => ({ name }));
    const outcomes = await this.#context.brokers.once(
      "deleting topics",
      ({ admin }, signal) => admin.deleteTopics(references, signal),
      options.signal,
    );
    for (const name of names) this.#context.metadata.forget(name);
    return outcomes;
  }

  /** @param partitions how many the topic has afterwards. */
  async createPartitions(topic: string, partitions: number, options: ChangeOptions = {}): Promise<void> {
    const { validateOnly = false, signal } = options;
    await this.#context.brokers.once(
      `adding partitions to ${topic}`,
      ({ admin }, within) => admin.createPartitions(topic, partitions, validateOnly, within),
      signal,
    );
    await this.#context.metadata.refresh(topic);
  }

  describeConfigs(topic: string, options: CallOptions = {}): Promise<readonly ConfigEntry[]> {
    const what = `describing the configuration of ${topic}`;
    return this.#context.brokers.lookUp(what, ({ admin }, signal) => admin.describeConfigs(topic, signal), options.signal);
  }

  alterConfigs(topic: string, changes: ConfigChanges, options: ChangeOptions = {}): Promise<void> {
    const { validateOnly = false, signal } = options;
    const change = { topicName: topic, set: configMap(changes.set), unset: changes.unset ?? [], validateOnly };
    const what = `changing the configuration of ${topic}`;
    return this.#context.brokers.once(what, ({ admin }, within) => admin.alterConfigs(change, within), signal);
  }

  /** Deletes records from the front of partitions. @returns the first offset that each then has, in the order of the request. */
  deleteRecords(topic: string, records: readonly RecordsBefore[], options: CallOptions = {}): Promise<readonly Offset[]> {
    const operation: LeaderCall<TopicPartition & RecordsBefore, DeleteRecordsEntry, Offset> = {
      what: `deleting records of ${topic}`,
      entryOf: ({ before }, id) => ({ id, before }),
      call: ({ admin }, entries, signal) => admin.deleteRecords(entries, signal),
    };
    const items = records.map((entry) => ({ topic, ...entry }));
    return callLeaders(this.#context, operation, items, options.signal);
  }

  /** @param partitions all of the topic when they are not given. @returns one for each partition, in their order. */
  async listOffsets(
    topic: string,
    position: Position,
    options: CallOptions & { readonly partitions?: readonly number[] | undefined } = {},
  ): Promise<readonly PartitionOffset[]> {
    const partitions = options.partitions ?? [...(await this.#context.metadata.resolve(topic, options.signal)).partitions.keys()];
    return listPositions(
      this.#context,
      partitions.map((partition) => ({ topic, partition, position })),
      options.signal,
    );
  }
}

/** What each position comes to, in the order of the request. */
export async function listPositions(
  context: ClientContext,
  items: readonly (TopicPartition & { readonly position: Position })[],
  signal: AbortSignal | undefined,
): Promise<readonly PartitionOffset[]> {
  const operation: LeaderCall<(typeof items)[number], ListOffsetsEntry, ListedOffset> = {
    what: "listing offsets",
    entryOf: ({ position }, id, leaderEpoch) => ({ id, leaderEpoch, position: apiPosition(position) }),
    call: ({ admin }, entries, within) => admin.listOffsets(entries, within),
  };
  const listed = await callLeaders(context, operation, items, signal);
  return listed.map(({ offset, timestampMs, leaderEpoch }, at) => {
    const { topic, partition } = items[at]!;
    return { topic, partition, offset, timestamp: timestampMs, leaderEpoch };
  });
}

function apiPosition(position: Position): OffsetPosition {
  return typeof position === "string" ? { kind: position } : { kind: "timestamp", timestampMs: position.timestamp };
}

function theOne<T>(outcome: Outcome<T>): T {
  if (outcome.kind === "ok") return outcome.value;
  throw new ClusterError(outcome.failure.code, outcome.failure.message);
}

function configMap(config: TopicSpec["config"]): ReadonlyMap<string, string> {
  return new Map(Object.entries(config ?? {}).map(([key, value]) => [key, String(value)]));
}
