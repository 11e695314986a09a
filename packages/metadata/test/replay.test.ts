// What each record does to the image, what no record may do, and that a snapshot rebuilds the image.

import { InvariantError } from "@varve/model";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  defaultTopicConfig,
  emptyImage,
  type MetadataImage,
  type MetadataRecord,
  replay,
  replayAll,
  snapshotLength,
  snapshotRecords,
  topicByName,
  topicConfigOf,
} from "../src/index.ts";
import { histories, topicIdOf, uuidOf } from "./random-records.ts";

const orders = topicIdOf(1);
const partition0 = {
  kind: "partition",
  topicId: orders,
  partition: 0,
  replicas: [1, 2],
  inSyncReplicas: [1, 2],
  leader: 1,
  leaderEpoch: 3,
  partitionEpoch: 4,
} as const;
const change = { kind: "partition-change", topicId: orders, partition: 0, inSyncReplicas: [2], leader: 2 } as const;
const base: readonly MetadataRecord[] = [
  { kind: "cluster", clusterId: uuidOf(99) },
  { kind: "broker", brokerId: 1, incarnation: uuidOf(50), epoch: 7, address: "127.0.0.1:9092" },
  { kind: "topic", topicId: orders, name: "orders.eu" },
  partition0,
  { kind: "producer-ids", nextProducerId: 1000 },
];
const image = replayAll(emptyImage, base);

test("records make the cluster, its brokers, its topics by id and by name, and its partitions", () => {
  expect(image.clusterId).toBe(uuidOf(99));
  expect([...image.brokers.values()]).toEqual([{ id: 1, incarnation: uuidOf(50), epoch: 7, address: "127.0.0.1:9092" }]);
  expect(image.lastBrokerEpoch).toBe(7);
  expect(topicByName(image, "orders.eu")?.topicId).toBe(orders);
  expect(topicByName(image, "orders")).toBeUndefined();
  expect(image.collidingNames.get("orders_eu")).toBe("orders.eu");
  expect(image.topics.get(orders)?.partitions.get(0)).toEqual({
    replicas: [1, 2],
    inSyncReplicas: [1, 2],
    leader: 1,
    leaderEpoch: 3,
    partitionEpoch: 4,
  });
  expect(image.partitionCount).toBe(1);
  expect(image.nextProducerId).toBe(1000);
});

test("a changed partition keeps its replicas and takes the rest from the record", () => {
  const after = replay(image, { ...change, leaderEpoch: 4, partitionEpoch: 5 });
  expect(after.topics.get(orders)?.partitions.get(0)).toEqual({
    replicas: [1, 2],
    inSyncReplicas: [2],
    leader: 2,
    leaderEpoch: 4,
    partitionEpoch: 5,
  });
  expect(image.topics.get(orders)?.partitions.get(0)?.leader).toBe(1);
});

test("a removed topic takes its name, its partitions and its place among colliding names with it", () => {
  const after = replay(image, { kind: "remove-topic", topicId: orders });
  expect([after.topics.size, after.topicIds.size, after.collidingNames.size, after.partitionCount]).toEqual([0, 0, 0, 0]);
});

test("a configuration is the defaults with what was set laid over them, until it is unset", () => {
  expect(topicConfigOf(image, orders)).toBe(defaultTopicConfig);
  const set = replay(image, { kind: "topic-config", topicId: orders, key: "retention.ms", value: "5000" });
  expect(topicConfigOf(set, orders)).toEqual({ ...defaultTopicConfig, "retention.ms": 5000 });
  const unset = replay(set, { kind: "topic-config", topicId: orders, key: "retention.ms", value: undefined });
  expect(topicConfigOf(unset, orders)).toBe(defaultTopicConfig);
  expect(topicConfigOf(image, topicIdOf(2))).toBe(defaultTopicConfig);
});

const impossible: readonly (readonly [string, MetadataRecord])[] = [
  ["a second cluster id", { kind: "cluster", clusterId: uuidOf(98) }],
  ["a broker epoch that does not rise", { kind: "broker", brokerId: 1, incarnation: uuidOf(51), epoch: 7, address: "a:1" }],
  ["a topic id that is taken", { kind: "topic", topicId: orders, name: "payments" }],
  ["a topic name that is taken", { kind: "topic", topicId: topicIdOf(2), name: "orders.eu" }],
  ["a partition of no topic", { ...partition0, topicId: topicIdOf(2) }],
  ["a partition that leaves a gap", { ...partition0, partition: 2 }],
  ["a partition that exists", partition0],
  ["a change of no topic", { ...change, topicId: topicIdOf(2), leaderEpoch: 4, partitionEpoch: 5 }],
  ["a change of no partition", { ...change, partition: 1, leaderEpoch: 4, partitionEpoch: 5 }],
  ["a partition epoch that does not rise by one", { ...change, leaderEpoch: 4, partitionEpoch: 6 }],
  ["a leader epoch that falls", { ...change, leaderEpoch: 2, partitionEpoch: 5 }],
  ["a stranger in sync", { ...change, inSyncReplicas: [2, 3], leaderEpoch: 4, partitionEpoch: 5 }],
  ["the removal of no topic", { kind: "remove-topic", topicId: topicIdOf(2) }],
  ["the configuration of no topic", { kind: "topic-config", topicId: topicIdOf(2), key: "retention.ms", value: "1" }],
  ["an unknown configuration key", { kind: "topic-config", topicId: orders, key: "__proto__", value: "1" }],
  ["a configuration value out of bounds", { kind: "topic-config", topicId: orders, key: "segment.ms", value: "0" }],
  ["a next producer id that does not rise", { kind: "producer-ids", nextProducerId: 1000 }],
];

test.each(impossible)("refuses %s, and leaves the image as it was", (_, record) => {
  const before = [...snapshotRecords(image)];
  expect(() => replay(image, record)).toThrow(InvariantError);
  expect([...snapshotRecords(image)]).toEqual(before);
});

const numbers = ({ clusterId, partitionCount, lastBrokerEpoch, nextProducerId }: MetadataImage) => ({
  clusterId,
  partitionCount,
  lastBrokerEpoch,
  nextProducerId,
});

test("the snapshot of any image rebuilds it, and is the same whatever way led there", () => {
  fc.assert(
    fc.property(histories, (records) => {
      const made = replayAll(emptyImage, records);
      const snapshot = [...snapshotRecords(made)];
      const rebuilt = replayAll(emptyImage, snapshot);
      expect(rebuilt.brokers).toEqual(made.brokers);
      expect(rebuilt.topics).toEqual(made.topics);
      expect(rebuilt.topicIds).toEqual(made.topicIds);
      expect(rebuilt.collidingNames).toEqual(made.collidingNames);
      expect(numbers(rebuilt)).toEqual(numbers(made));
      expect([...snapshotRecords(rebuilt)]).toEqual(snapshot);
      const configs = snapshot.filter(({ kind }) => kind === "topic-config").length;
      expect(snapshotLength(made)).toBeGreaterThanOrEqual(snapshot.length - configs);
    }),
    { numRuns: 200 },
  );
});

test("after any history the counts and the index of names agree with the topics", () => {
  fc.assert(
    fc.property(histories, (records) => {
      const made = replayAll(emptyImage, records);
      const topics = [...made.topics.values()];
      expect(made.partitionCount).toBe(topics.reduce((sum, { partitions }) => sum + partitions.size, 0));
      expect([...made.topicIds].map(([name, id]) => made.topics.get(id)?.name === name)).toEqual(topics.map(() => true));
      for (const { partitions } of topics) expect([...partitions.keys()]).toEqual([...Array(partitions.size).keys()]);
    }),
    { numRuns: 100 },
  );
});

test("a removed topic is remembered until every broker that held it has said that it is gone", () => {
  const removed = replay(image, { kind: "remove-topic", topicId: orders });
  expect(removed.topics.has(orders)).toBe(false);
  expect([...removed.removedTopics]).toEqual([[orders, [1, 2]]]);
  const half = replay(removed, { kind: "removed-topic", topicId: orders, holders: [2] });
  expect([...half.removedTopics]).toEqual([[orders, [2]]]);
  const gone = replay(half, { kind: "removed-topic", topicId: orders, holders: [] });
  expect(gone.removedTopics.size).toBe(0);
});

test("a topic that exists cannot be called removed", () => {
  expect(() => replay(image, { kind: "removed-topic", topicId: orders, holders: [1] })).toThrow(InvariantError);
});
