// The other operations, one table each: delete topics, add partitions, change configurations, register brokers, hand out producer ids.

import { type MetadataImage, replayAll, topicConfigOf } from "@varve/metadata";
import { ClusterError } from "@varve/model";
import fc from "fast-check";
import { expect, test } from "vitest";
import { allocateProducerIds } from "../src/decide/allocate-producer-ids.ts";
import { alterConfigs } from "../src/decide/alter-configs.ts";
import { confirmRemoval } from "../src/decide/confirm-removal.ts";
import { createPartitions } from "../src/decide/create-partitions.ts";
import { deleteTopics } from "../src/decide/delete-topics.ts";
import { initCluster } from "../src/decide/init-cluster.ts";
import { place } from "../src/decide/placement.ts";
import { registerBroker } from "../src/decide/register-broker.ts";
import { partitionsMax, producerIdBlockLength, requestPartitionsMax, requestTopicsMax, topicPartitionsMax } from "../src/limits.ts";
import { clusterOf, configChange, newTopic, topicIdOf, uuidOf, withTopics } from "./images.ts";

const cluster = withTopics(clusterOf(0), 1, newTopic("orders", { partitionCount: 3 }), newTopic("payments"));
const orders = topicIdOf(1);
const payments = topicIdOf(2);

/** Code and message of what `decide` throws. */
function refusal(decide: () => unknown): readonly [string, string] {
  try {
    decide();
  } catch (error) {
    if (error instanceof ClusterError) return [error.code, error.message];
    throw error;
  }
  throw new Error("it was not refused");
}

test("topics are deleted by name and by id, each with its outcome", () => {
  const { records, response } = deleteTopics(cluster, [
    { topicId: payments },
    { name: "none" },
    { topicId: topicIdOf(9) },
    { name: "orders" },
  ]);
  expect(response).toEqual([
    { kind: "ok", value: { name: "payments", topicId: payments } },
    { kind: "failed", failure: { code: "UNKNOWN_TOPIC_OR_PARTITION", message: 'no topic "none"' } },
    { kind: "failed", failure: { code: "UNKNOWN_TOPIC_ID", message: `no topic has the id ${topicIdOf(9)}` } },
    { kind: "ok", value: { name: "orders", topicId: orders } },
  ]);
  expect(records).toEqual([
    { kind: "remove-topic", topicId: payments },
    { kind: "remove-topic", topicId: orders },
  ]);
});

test("a topic named twice, once by name and once by id, is deleted once", () => {
  const { records, response } = deleteTopics(cluster, [{ name: "orders" }, { topicId: orders }]);
  expect(response.map((outcome) => (outcome.kind === "ok" ? "ok" : outcome.failure.code))).toEqual(["ok", "INVALID_REQUEST"]);
  expect(records).toHaveLength(1);
});

test("a request to delete more topics than allowed fails as a whole", () => {
  const topics = Array.from({ length: requestTopicsMax + 1 }, () => ({ name: "orders" }));
  expect(refusal(() => deleteTopics(cluster, topics))[0]).toBe("INVALID_REQUEST");
});

const more = (partitionCount: number, validateOnly = false) => ({ topicName: "orders", partitionCount, validateOnly });

test("partitions are added behind those that are there, on as many replicas", () => {
  const three = withTopics(clusterOf(1, 2, 3), 1, newTopic("orders", { partitionCount: 2, replicationFactor: 2 }));
  const { records } = createPartitions(three, more(4));
  expect(records.map((record) => record.kind === "partition" && [record.partition, record.replicas.join()])).toEqual([
    [2, "3,1"],
    [3, "1,3"],
  ]);
  const grown = replayAll(three, records);
  expect([...grown.topics.get(orders)!.partitions.values()].map(({ replicas }) => replicas[0])).toEqual([1, 2, 3, 1]);
});

test("validating only adds nothing", () => {
  expect(createPartitions(cluster, more(4, true)).records).toEqual([]);
});

test.each([
  ["as many as there are", more(3), "INVALID_PARTITIONS", "orders has 3 partitions; 3 would not be more"],
  ["fewer than there are", more(2), "INVALID_PARTITIONS", "2 would not be more"],
  ["none", more(0), "INVALID_PARTITIONS", "1 to 10000 partitions, not 0"],
  ["more than a topic may have", more(topicPartitionsMax + 1), "INVALID_PARTITIONS", "not 10001"],
  ["more for no topic", { ...more(4), topicName: "none" }, "UNKNOWN_TOPIC_OR_PARTITION", 'no topic "none"'],
] as const)("refuses %s", (_, request, code, words) => {
  expect(refusal(() => createPartitions(cluster, request))).toEqual([code, expect.stringContaining(words)]);
});

test("partitions are added up to the limits of a topic, a request and the cluster", () => {
  const small = withTopics(clusterOf(0), 1, newTopic("orders"));
  expect(createPartitions(small, more(requestPartitionsMax)).records).toHaveLength(requestPartitionsMax - 1);
  let full = small;
  for (let at = 0; at < 9; at += 1) full = withTopics(full, 10 + at, newTopic(`big${at}`, { partitionCount: topicPartitionsMax }));
  full = withTopics(full, 30, newTopic("rest", { partitionCount: 9_000 }));
  const left = partitionsMax - full.partitionCount;
  expect(createPartitions(full, more(1 + left)).records).toHaveLength(left);
  expect(refusal(() => createPartitions(full, more(2 + left)))).toEqual([
    "POLICY_VIOLATION",
    "orders: the cluster would have 100001 partitions, the limit is 100000",
  ]);
});

const entries = (list: Record<string, string>) => new Map(Object.entries(list));

test("a configuration changes key by key, and the rest of it stays", () => {
  const image = withTopics(clusterOf(0), 1, newTopic("orders", { config: entries({ "retention.ms": "5s", "segment.ms": "1m" }) }));
  const { records } = alterConfigs(image, configChange("orders", { set: entries({ "retention.ms": "7s" }), unset: ["segment.ms"] }));
  expect(records).toEqual([
    { kind: "topic-config", topicId: orders, key: "retention.ms", value: "7000" },
    { kind: "topic-config", topicId: orders, key: "segment.ms", value: undefined },
  ]);
  expect(topicConfigOf(replayAll(image, records), orders)).toMatchObject({ "retention.ms": 7000, "segment.ms": 604_800_000 });
});

test("what is in force already is not written again", () => {
  const image = withTopics(clusterOf(0), 1, newTopic("orders", { config: entries({ "retention.ms": "5000" }) }));
  const change = configChange("orders", { set: entries({ "retention.ms": "5s" }), unset: ["segment.ms", "segment.ms"] });
  expect(alterConfigs(image, change).records).toEqual([]);
});

test("a change says all its problems at once, and then changes nothing", () => {
  const change = configChange("orders", {
    set: entries({ "segment.ms": "0", "retention.ms": "1", retention: "1" }),
    unset: ["retention.ms", "seconds", "__proto__"],
  });
  const [code, message] = refusal(() => alterConfigs(cluster, change));
  expect(code).toBe("INVALID_CONFIG");
  expect(message).toContain('"retention.ms" is both set and unset; "seconds" is not a topic configuration; "__proto__" is not');
  expect(message).toContain("segment.ms lies between 1 and 9007199254740991, not at 0");
  expect(message).toContain('"retention" is not a topic configuration; they are');
});

test("a change of no topic, and one that is only validated", () => {
  expect(refusal(() => alterConfigs(cluster, configChange("none")))[0]).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  const change = configChange("orders", { set: entries({ "retention.ms": "1" }), validateOnly: true });
  expect(alterConfigs(cluster, change).records).toEqual([]);
  expect(refusal(() => alterConfigs(cluster, { ...change, set: entries({ "retention.ms": "x" }) }))[0]).toBe("INVALID_CONFIG");
});

const registration = (incarnation: number, brokerId = 0) => ({ brokerId, incarnation: uuidOf(incarnation), address: "127.0.0.1:9092" });

const epochs = (image: MetadataImage) =>
  [...image.topics.values()].map(({ partitions }) => [...partitions.values()].map((one) => `${one.leader}@${one.leaderEpoch}`).join(" "));

test("a broker that registers anew leads in a new epoch, in every partition that it leads, also when it is alone", () => {
  const first = registerBroker(cluster, registration(7));
  expect(first.response).toEqual({ epoch: 2 });
  const once = replayAll(cluster, first.records);
  expect([epochs(cluster), epochs(once)]).toEqual([
    ["0@0 0@0 0@0", "0@0"],
    ["0@1 0@1 0@1", "0@1"],
  ]);
  const twice = replayAll(once, registerBroker(once, registration(8)).records);
  expect([epochs(twice), twice.brokers.get(0)?.epoch, twice.brokers.get(0)?.incarnation]).toEqual([["0@2 0@2 0@2", "0@2"], 3, uuidOf(8)]);
});

test("a registration leaves the partitions that others lead as they are", () => {
  const three = withTopics(clusterOf(1, 2, 3), 1, newTopic("orders", { partitionCount: 3 }));
  const after = replayAll(three, registerBroker(three, registration(7, 2)).records);
  expect(epochs(after)).toEqual(["1@0 2@1 3@0"]);
  expect(after.brokers.get(2)?.epoch).toBe(4);
});

test("the same registration again is answered with the same epoch, and writes nothing", () => {
  const once = replayAll(cluster, registerBroker(cluster, registration(7)).records);
  expect(registerBroker(once, registration(7))).toEqual({ records: [], response: { epoch: 2 } });
  expect(registerBroker(once, { ...registration(7), address: "127.0.0.1:9093" }).response).toEqual({ epoch: 3 });
});

test.each([
  ["a negative id", { ...registration(7), brokerId: -1 }, "its id"],
  ["half an id", { ...registration(7), brokerId: 0.5 }, "its id"],
  ["an id of 2^31", { ...registration(7), brokerId: 2 ** 31 }, "its id"],
  ["no address", { ...registration(7), address: "" }, "its address has 0 characters"],
  ["an address of 262 characters", { ...registration(7), address: "a".repeat(262) }, "its address has 262 characters"],
  ["an incarnation that is no UUID", { ...registration(7), incarnation: "seven" }, "its incarnation: a UUID has 22 characters"],
] as const)("refuses a registration with %s", (_, request, words) => {
  expect(refusal(() => registerBroker(cluster, request))).toEqual(["INVALID_REQUEST", expect.stringContaining(words)]);
});

test("blocks of producer ids follow one another without a gap or an overlap", () => {
  let image = cluster;
  const blocks = [1, 2, 3].map(() => {
    const { records, response } = allocateProducerIds(image);
    image = replayAll(image, records);
    return response;
  });
  expect(blocks).toEqual([0, 1, 2].map((block) => ({ first: block * producerIdBlockLength, count: producerIdBlockLength })));
});

test("producer ids that are used up are refused, not begun again", () => {
  const last = replayAll(cluster, [{ kind: "producer-ids", nextProducerId: Number.MAX_SAFE_INTEGER - 5 }]);
  expect(refusal(() => allocateProducerIds(last))[0]).toBe("POLICY_VIOLATION");
});

test("a cluster is given its id once", () => {
  expect(initCluster(cluster, uuidOf(5)).records).toEqual([]);
  expect(initCluster({ ...cluster, clusterId: undefined }, uuidOf(5)).records).toEqual([{ kind: "cluster", clusterId: uuidOf(5) }]);
});

test("replicas of a partition are different brokers, and leaders and replicas are spread evenly", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.nat(8),
      fc.nat(8),
      fc.integer({ min: 1, max: 60 }),
      (count, factor, first, partitions) => {
        const brokers = Array.from({ length: count }, (_, at) => at * 3 + 1);
        const replicationFactor = 1 + (factor % count);
        const placed = place(brokers, first % count, 0, partitions, replicationFactor);
        const leaders = new Map<number, number>();
        for (const replicas of placed) {
          expect(new Set(replicas).size).toBe(replicationFactor);
          leaders.set(replicas[0]!, (leaders.get(replicas[0]!) ?? 0) + 1);
        }
        expect(Math.max(...leaders.values()) - Math.floor(partitions / count)).toBeLessThanOrEqual(1);
        expect(place(brokers, first % count, 5, partitions + 5, replicationFactor).slice(0, -5)).toEqual(placed.slice(5));
      },
    ),
  );
});

test("a broker that has dropped its logs of removed topics is taken off their holders, once", () => {
  const removed = replayAll(cluster, deleteTopics(cluster, [{ name: "orders" }, { name: "payments" }]).records);
  const [holder, ...others] = removed.removedTopics.get(orders)!;
  const { records } = confirmRemoval(removed, holder!, [orders, orders, topicIdOf(77)]);
  expect(records).toEqual([{ kind: "removed-topic", topicId: orders, holders: others }]);
  const after = replayAll(removed, records);
  expect(confirmRemoval(after, holder!, [orders]).records).toEqual([]);
  expect(after.removedTopics.get(payments)).toEqual(removed.removedTopics.get(payments));
});
