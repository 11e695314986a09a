// Records as bytes: what goes in comes out, and what cannot be a record does not come out.

import { ClusterError, InvariantError } from "@varve/model";
import { encodeMetadataRecord } from "@varve/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeRecord, decodeRecords, encodeRecord, encodeRecords, type MetadataRecord, RecordListWriter } from "../src/index.ts";
import { histories, topicIdOf, uuidOf } from "./random-records.ts";

const id = new Uint8Array(16).fill(7);

test("every kind of record comes back as it was, with ids as text", () => {
  const records: readonly MetadataRecord[] = [
    { kind: "cluster", clusterId: uuidOf(1) },
    { kind: "broker", brokerId: 0, incarnation: uuidOf(2), epoch: 2 ** 53 - 1, address: "127.0.0.1:9092" },
    { kind: "topic", topicId: topicIdOf(3), name: "orders" },
    {
      kind: "partition",
      topicId: topicIdOf(3),
      partition: 2 ** 31 - 1,
      replicas: [2, 0, 1],
      inSyncReplicas: [0, 2],
      leader: 0,
      leaderEpoch: 5,
      partitionEpoch: 9,
    },
    {
      kind: "partition-change",
      topicId: topicIdOf(3),
      partition: 0,
      inSyncReplicas: [1],
      leader: undefined,
      leaderEpoch: 6,
      partitionEpoch: 10,
    },
    { kind: "remove-topic", topicId: topicIdOf(3) },
    { kind: "removed-topic", topicId: topicIdOf(3), holders: [2, 0] },
    { kind: "removed-topic", topicId: topicIdOf(3), holders: [] },
    { kind: "topic-config", topicId: topicIdOf(3), key: "cleanup.policy", value: "" },
    { kind: "topic-config", topicId: topicIdOf(3), key: "retention.ms", value: undefined },
    { kind: "producer-ids", nextProducerId: 1000 },
  ];
  for (const record of records) expect(decodeRecord(encodeRecord(record))).toEqual(record);
  expect([...decodeRecords(encodeRecords(records))]).toEqual(records);
});

test("lists of records join by concatenation, and a writer begins anew after each take", () => {
  fc.assert(
    fc.property(histories, histories, (some, others) => {
      const writer = new RecordListWriter();
      const parts = [some, others].map((records) => {
        for (const record of records) writer.add(record);
        const length = writer.byteLength;
        const list = writer.take();
        expect(list.length).toBe(length);
        return list;
      });
      const joined = Uint8Array.from(parts.flatMap((part) => [...part]));
      expect([...decodeRecords(joined)]).toEqual([...some, ...others]);
    }),
    { numRuns: 30 },
  );
});

const partition = { topicId: id, partition: 0, replicas: [1, 2], inSyncReplicas: [1], leaderId: 1, leaderEpoch: 0, partitionEpoch: 0 };

test.each([
  ["a cluster id that is no UUID", { cluster: { clusterId: "orders" } }, "cluster_id"],
  ["an incarnation of 15 bytes", { broker: { brokerId: 1, incarnation: id.subarray(1), epoch: 1, address: "a:1" } }, "16 bytes"],
  ["a negative broker id", { broker: { brokerId: -1, incarnation: id, epoch: 1, address: "a:1" } }, "broker_id"],
  ["broker epoch 0", { broker: { brokerId: 1, incarnation: id, epoch: 0, address: "a:1" } }, "epoch"],
  ["an epoch over 2^53", { broker: { brokerId: 1, incarnation: id, epoch: 2 ** 60, address: "a:1" } }, "epoch"],
  ["an address of 300 characters", { broker: { brokerId: 1, incarnation: id, epoch: 1, address: "a".repeat(300) } }, "address"],
  ["a topic id of no bytes", { topic: { topicId: new Uint8Array(), name: "orders" } }, "16 bytes"],
  ["a topic named ..", { topic: { topicId: id, name: ".." } }, "reserved"],
  ["a partition below 0", { partition: { ...partition, partition: -1 } }, "partition"],
  ["a partition without replicas", { partition: { ...partition, replicas: [] } }, "replicas are empty"],
  ["a replica named twice", { partition: { ...partition, replicas: [1, 1] } }, "twice"],
  ["nobody in sync", { partition: { ...partition, inSyncReplicas: [] } }, "in_sync_replicas are empty"],
  ["a stranger in sync", { partition: { ...partition, inSyncReplicas: [3] } }, "not among replicas"],
  ["a leader that is not in sync", { partition: { ...partition, leaderId: 2 } }, "leader_id 2"],
  ["a negative leader epoch", { partition: { ...partition, leaderEpoch: -1 } }, "leader_epoch"],
  ["a changed partition with nobody in sync", { partitionChange: { topicId: id, partition: 0, inSyncReplicas: [] } }, "empty"],
  ["a configuration value of 5,000 characters", { topicConfig: { topicId: id, key: "k", value: "v".repeat(5000) } }, "value"],
  ["a holder named twice", { removedTopic: { topicId: id, holders: [1, 1] } }, "twice"],
  ["next producer id 0", { producerIds: { nextProducerId: 0 } }, "next_producer_id"],
] as const)("refuses %s", (_, message, named) => {
  const bytes = encodeMetadataRecord(message);
  expect(() => decodeRecord(bytes)).toThrow(InvariantError);
  expect(() => decodeRecord(bytes)).toThrow(named);
});

test("a kind of record that a newer version added is named as that, not as damage", () => {
  const fieldNumber99 = Uint8Array.from([0x9a, 0x06, 0x02, 0x08, 0x01]);
  expect(() => decodeRecord(fieldNumber99)).toThrow(expect.objectContaining({ code: "UNSUPPORTED_VERSION" }));
  expect(() => decodeRecord(fieldNumber99)).toThrow(ClusterError);
});

test("bytes that are cut or changed give records or an error, never anything else", () => {
  fc.assert(
    fc.property(histories, fc.nat(), fc.nat(255), fc.boolean(), (records, at, value, isCut) => {
      const list = encodeRecords(records);
      if (list.length === 0) return;
      const damaged = isCut ? list.slice(0, at % list.length) : list.with(at % list.length, value);
      try {
        for (const record of decodeRecords(damaged)) encodeRecord(record);
      } catch (error) {
        if (!(error instanceof InvariantError || (error instanceof ClusterError && error.code === "UNSUPPORTED_VERSION"))) throw error;
      }
    }),
    { numRuns: 300 },
  );
});
