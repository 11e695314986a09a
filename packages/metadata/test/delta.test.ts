// Deltas: what appliers are told, for a batch of records and for a snapshot alike.

import type { TopicId } from "@varve/model";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deltaBetween, emptyImage, type MetadataImage, type PartitionImage, replayAll, snapshotRecords } from "../src/index.ts";
import { histories, topicIdOf, uuidOf } from "./random-records.ts";

const partition = (topic: number, number: number) =>
  ({
    kind: "partition",
    topicId: topicIdOf(topic),
    partition: number,
    replicas: [1],
    inSyncReplicas: [1],
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
  }) as const;

const before = replayAll(emptyImage, [
  { kind: "broker", brokerId: 1, incarnation: uuidOf(50), epoch: 1, address: "127.0.0.1:9092" },
  { kind: "topic", topicId: topicIdOf(1), name: "orders" },
  partition(1, 0),
  { kind: "topic", topicId: topicIdOf(2), name: "payments" },
  partition(2, 0),
  { kind: "topic", topicId: topicIdOf(3), name: "events" },
  partition(3, 0),
]);

test("a topic deleted and created again under one name is one topic less and another one more", () => {
  const after = replayAll(before, [
    { kind: "remove-topic", topicId: topicIdOf(1) },
    { kind: "topic", topicId: topicIdOf(4), name: "orders" },
    partition(4, 0),
  ]);
  const delta = deltaBetween(before, after);
  expect(delta.topicsRemoved).toEqual([before.topics.get(topicIdOf(1))]);
  expect(delta.topicsAdded).toEqual([after.topics.get(topicIdOf(4))]);
  expect([delta.topicsChanged, delta.brokers]).toEqual([[], []]);
});

test("a topic that goes within one batch is in no delta", () => {
  const after = replayAll(before, [
    { kind: "topic", topicId: topicIdOf(4), name: "short" },
    { kind: "remove-topic", topicId: topicIdOf(4) },
  ]);
  const { topicsAdded, topicsRemoved, topicsChanged } = deltaBetween(before, after);
  expect([topicsAdded, topicsRemoved, topicsChanged]).toEqual([[], [], []]);
});

test("a changed topic names its new and changed partitions, and whether its configuration changed", () => {
  const after = replayAll(before, [
    partition(2, 1),
    { kind: "partition-change", topicId: topicIdOf(3), partition: 0, inSyncReplicas: [1], leader: 1, leaderEpoch: 1, partitionEpoch: 1 },
    { kind: "topic-config", topicId: topicIdOf(3), key: "retention.ms", value: "1" },
  ]);
  const { topicsChanged } = deltaBetween(before, after);
  expect(topicsChanged.map(({ after: { name }, configChanged, partitions }) => ({ name, configChanged, partitions }))).toEqual([
    {
      name: "payments",
      configChanged: false,
      partitions: [{ kind: "added", key: 1, after: after.topics.get(topicIdOf(2))!.partitions.get(1) }],
    },
    {
      name: "events",
      configChanged: true,
      partitions: [
        {
          kind: "changed",
          key: 0,
          before: before.topics.get(topicIdOf(3))!.partitions.get(0),
          after: after.topics.get(topicIdOf(3))!.partitions.get(0),
        },
      ],
    },
  ]);
});

test("a broker that registered again is a changed broker", () => {
  const after = replayAll(before, [{ kind: "broker", brokerId: 1, incarnation: uuidOf(51), epoch: 2, address: "127.0.0.1:9092" }]);
  expect(deltaBetween(before, after).brokers.map(({ kind, key }) => [kind, key])).toEqual([["changed", 1]]);
});

/** What an applier that knows nothing but deltas holds. */
class Follower {
  readonly partitions = new Map<TopicId, Map<number, PartitionImage>>();

  take(from: MetadataImage, to: MetadataImage): void {
    const delta = deltaBetween(from, to);
    for (const { topicId } of delta.topicsRemoved) expect(this.partitions.delete(topicId)).toBe(true);
    for (const { topicId, partitions } of delta.topicsAdded) this.partitions.set(topicId, new Map(partitions));
    for (const { after, partitions } of delta.topicsChanged) {
      const held = this.partitions.get(after.topicId)!;
      for (const change of partitions) if (change.kind !== "removed") held.set(change.key, change.after);
    }
  }
}

const plain = (image: MetadataImage) => new Map([...image.topics].map(([topicId, { partitions }]) => [topicId, new Map(partitions)]));

test("who applies the deltas of a history cut anywhere holds the partitions of the image", () => {
  fc.assert(
    fc.property(histories, fc.array(fc.nat(120), { maxLength: 5 }), (records, cuts) => {
      const follower = new Follower();
      let image = emptyImage;
      let from = 0;
      for (const cut of [...cuts.sort((one, other) => one - other), records.length]) {
        const next = replayAll(image, records.slice(from, cut));
        follower.take(image, next);
        image = next;
        from = Math.max(from, cut);
      }
      expect(follower.partitions).toEqual(plain(image));
    }),
    { numRuns: 100 },
  );
});

test("a snapshot of the same state changes nothing, and one of a later state changes what the records between did", () => {
  fc.assert(
    fc.property(histories, fc.nat(120), (records, cut) => {
      const early = replayAll(emptyImage, records.slice(0, cut));
      const late = replayAll(emptyImage, records);
      const installed = replayAll(emptyImage, snapshotRecords(late));
      const { brokers, topicsAdded, topicsRemoved, topicsChanged } = deltaBetween(late, installed);
      expect([brokers, topicsAdded, topicsRemoved, topicsChanged]).toEqual([[], [], [], []]);

      const follower = new Follower();
      follower.take(emptyImage, early);
      follower.take(early, installed);
      expect(follower.partitions).toEqual(plain(late));
    }),
    { numRuns: 100 },
  );
});
