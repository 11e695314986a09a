// Calls about partitions that only their leaders answer: split by leader, sent, put together again in the order of the request, and
// repeated for those whose leader has moved.

import type { Outcome } from "@varve/api";
import { ClusterError, type PartitionId } from "@varve/model";
import { type Connection, FinalError } from "./brokers.ts";
import type { ClientContext } from "./client-context.ts";
import { abandonable } from "./deadline.ts";
import type { TopicMetadata } from "./metadata-cache.ts";
import { saysStaleMetadata } from "./stale-metadata.ts";

/** Entries of one request; see the transport's limit. */
const entriesPerCallMax = 1_000;

/** One partition, as people name it. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface LeaderCall<Item extends TopicPartition, Entry, Value> {
  readonly what: string;
  readonly entryOf: (item: Item, id: PartitionId, leaderEpoch: number) => Entry;
  /** May be repeated. */
  readonly call: (connection: Connection, entries: readonly Entry[], signal: AbortSignal) => Promise<readonly Outcome<Value>[]>;
}

/**
 * @returns one value for each item, in their order.
 * @throws {ClusterError} the first failure that does not pass; the signal's reason.
 */
export async function callLeaders<Item extends TopicPartition, Entry, Value>(
  context: ClientContext,
  operation: LeaderCall<Item, Entry, Value>,
  items: readonly Item[],
  signal: AbortSignal | undefined,
): Promise<readonly Value[]> {
  const values = new Map<Item, Value>();
  await context.brokers.retry(
    operation.what,
    async (within) => {
      const open = items.filter((item) => !values.has(item));
      for (const [address, led] of await byLeader(context, open, within)) {
        for (let at = 0; at < led.length; at += entriesPerCallMax) {
          await callOne(context, operation, address, led.slice(at, at + entriesPerCallMax), values, within);
        }
      }
    },
    signal,
  );
  return items.map((item) => values.get(item)!);
}

interface Led<Item> {
  readonly item: Item;
  readonly id: PartitionId;
  readonly leaderEpoch: number;
}

async function byLeader<Item extends TopicPartition>(
  context: ClientContext,
  items: readonly Item[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly Led<Item>[]>> {
  const led = new Map<string, Led<Item>[]>();
  for (const item of items) {
    const { topicId, partitions } = await knownTopic(context, item, signal);
    const partition = partitions[item.partition]!;
    if (partition.leader === undefined) {
      await abandonable(context.metadata.refresh(item.topic), signal);
      throw new ClusterError("NOT_LEADER_OR_FOLLOWER", `${item.topic}-${item.partition} has no leader that is known`);
    }
    const entry = { item, id: { topicId, partition: item.partition }, leaderEpoch: partition.leaderEpoch };
    const others = led.get(partition.leader);
    if (others === undefined) led.set(partition.leader, [entry]);
    else others.push(entry);
  }
  return led;
}

/** What is known of the topic, with the partition. Looks again before it says that there is none. */
async function knownTopic(context: ClientContext, item: TopicPartition, signal: AbortSignal): Promise<TopicMetadata> {
  const { topic, partition } = item;
  try {
    const known = await context.metadata.resolve(topic, signal);
    if (partition in known.partitions) return known;
    await abandonable(context.metadata.refresh(topic), signal);
    const again = await context.metadata.resolve(topic, signal);
    if (partition in again.partitions) return again;
  } catch (error) {
    throw signal.aborted ? error : new FinalError(error);
  }
  throw new FinalError(new ClusterError("UNKNOWN_TOPIC_OR_PARTITION", `topic ${topic} has no partition ${partition}`));
}

async function callOne<Item extends TopicPartition, Entry, Value>(
  context: ClientContext,
  operation: LeaderCall<Item, Entry, Value>,
  address: string,
  led: readonly Led<Item>[],
  values: Map<Item, Value>,
  signal: AbortSignal,
): Promise<void> {
  const entries = led.map(({ item, id, leaderEpoch }) => operation.entryOf(item, id, leaderEpoch));
  let failed: ClusterError | undefined;
  try {
    const outcomes = await operation.call(context.brokers.at(address), entries, signal);
    outcomes.forEach((outcome, at) => {
      if (outcome.kind === "ok") values.set(led[at]!.item, outcome.value);
      else failed ??= new ClusterError(outcome.failure.code, outcome.failure.message);
    });
  } catch (error) {
    if (signal.aborted || !(error instanceof ClusterError)) throw error;
    failed = error;
  }
  if (failed === undefined) return;
  if (saysStaleMetadata(failed.code)) {
    const topics = [...new Set(led.map(({ item }) => item.topic))];
    await abandonable(Promise.all(topics.map((topic) => context.metadata.refresh(topic))), signal);
  }
  throw failed;
}
