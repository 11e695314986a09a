// Create topics: what is written, what is refused and with which words, and that one topic's fault is not another's.

import { readFileSync } from "node:fs";
import type { NewTopic } from "@varve/api";
import { replayAll, snapshotRecords } from "@varve/metadata";
import { expect, test } from "vitest";
import { createTopics, noTopicId } from "../src/decide/create-topics.ts";
import { partitionsMax, requestPartitionsMax, requestTopicsMax, topicPartitionsMax, topicsMax } from "../src/limits.ts";
import { clusterOf, newTopic, onePartition, topicIdOf, topicIds, withTopics } from "./images.ts";

const alone = clusterOf(0);

function create(image: typeof alone, topics: readonly NewTopic[], validateOnly = false) {
  return createTopics(image, { topics, validateOnly, topicIds: topicIds(100, topics.length), defaults: onePartition });
}

/** The only outcome, when it is a failure, as code and message. */
function refusal(image: typeof alone, topic: NewTopic) {
  const [outcome] = create(image, [topic]).response;
  return outcome?.kind === "failed" ? [outcome.failure.code, outcome.failure.message] : outcome?.kind;
}

test("a topic is written with its configuration and its partitions, led by their first replicas from epoch 0 on", () => {
  const topic = newTopic("orders", { partitionCount: 2, config: new Map([["retention.ms", "1d"]]) });
  expect(create(alone, [topic])).toEqual({
    records: [
      { kind: "topic", topicId: topicIdOf(100), name: "orders" },
      { kind: "topic-config", topicId: topicIdOf(100), key: "retention.ms", value: "86400000" },
      ...[0, 1].map((partition) => ({
        kind: "partition",
        topicId: topicIdOf(100),
        partition,
        replicas: [0],
        inSyncReplicas: [0],
        leader: 0,
        leaderEpoch: 0,
        partitionEpoch: 0,
      })),
    ],
    response: [{ kind: "ok", value: { name: "orders", topicId: topicIdOf(100), partitionCount: 2, replicationFactor: 1 } }],
  });
});

test("what is not asked for comes from the defaults, with no more replicas than there are brokers", () => {
  const defaults = { partitionCount: 6, replicationFactor: 3 };
  const factor = (image: typeof alone) => {
    const { response } = createTopics(image, { topics: [newTopic("a")], validateOnly: false, topicIds: [topicIdOf(1)], defaults });
    return response[0]?.kind === "ok" ? [response[0].value.partitionCount, response[0].value.replicationFactor] : response[0];
  };
  expect([factor(alone), factor(clusterOf(1, 2)), factor(clusterOf(1, 2, 3, 4))]).toEqual([
    [6, 1],
    [6, 2],
    [6, 3],
  ]);
});

test("each topic has its own outcome, in the order of the request", () => {
  const image = withTopics(alone, 1, newTopic("here"));
  const { records, response } = create(image, [newTopic("a"), newTopic("here"), newTopic(".."), newTopic("b")]);
  expect(response.map((outcome) => (outcome.kind === "ok" ? outcome.value.name : outcome.failure.code))).toEqual([
    "a",
    "TOPIC_ALREADY_EXISTS",
    "INVALID_TOPIC_EXCEPTION",
    "b",
  ]);
  expect(records.flatMap((record) => (record.kind === "topic" ? [record.name] : []))).toEqual(["a", "b"]);
});

test("a name that stands twice in a request is refused wherever it stands", () => {
  const { records, response } = create(alone, [newTopic("a"), newTopic("b"), newTopic("a")]);
  expect(response.map((outcome) => (outcome.kind === "ok" ? "ok" : outcome.failure.code))).toEqual([
    "INVALID_REQUEST",
    "ok",
    "INVALID_REQUEST",
  ]);
  expect(records.filter(({ kind }) => kind === "topic")).toHaveLength(1);
});

test("validating only answers as if, without an id and without a record", () => {
  const { records, response } = create(alone, [newTopic("orders", { partitionCount: 3 }), newTopic("a/b")], true);
  expect(records).toEqual([]);
  expect(response[0]).toEqual({ kind: "ok", value: { name: "orders", topicId: noTopicId, partitionCount: 3, replicationFactor: 1 } });
  expect(response[1]).toMatchObject({ kind: "failed", failure: { code: "INVALID_TOPIC_EXCEPTION" } });
});

test.each([
  ["an existing topic", newTopic("taken"), "TOPIC_ALREADY_EXISTS", "topic taken exists"],
  ["no partition", newTopic("a", { partitionCount: 0 }), "INVALID_PARTITIONS", "not 0"],
  ["fewer than no partitions", newTopic("a", { partitionCount: -1 }), "INVALID_PARTITIONS", "not -1"],
  ["half a partition", newTopic("a", { partitionCount: 1.5 }), "INVALID_PARTITIONS", "not 1.5"],
  ["too many partitions", newTopic("a", { partitionCount: topicPartitionsMax + 1 }), "INVALID_PARTITIONS", "1 to 10000"],
  ["no replica", newTopic("a", { replicationFactor: 0 }), "INVALID_REPLICATION_FACTOR", "0 replicas"],
  ["more replicas than brokers", newTopic("a", { replicationFactor: 2 }), "INVALID_REPLICATION_FACTOR", "1 brokers"],
  [
    "an unknown key",
    newTopic("a", { config: new Map([["retention", "1"]]) }),
    "INVALID_CONFIG",
    '"retention" is not a topic configuration',
  ],
  ["a bad value", newTopic("a", { config: new Map([["segment.ms", "soon"]]) }), "INVALID_CONFIG", 'not "soon"'],
] as const)("refuses %s", (_, topic, code, words) => {
  const image = withTopics(alone, 1, newTopic("taken"));
  expect(refusal(image, topic)).toEqual([code, expect.stringContaining(words)]);
});

test("all problems of a configuration come in one answer, and a hundred of them in a bounded one", () => {
  const two = new Map([
    ["retention", "1"],
    ["segment.ms", "soon"],
  ]);
  const [, message] = refusal(alone, newTopic("a", { config: two })) as [string, string];
  expect(message).toContain('"retention" is not a topic configuration');
  expect(message).toContain('segment.ms is a whole number, with or without one of ms, s, m, h, d, not "soon"');

  const hundred = new Map(Array.from({ length: 100 }, (_, at) => [`segment.ms.${at}`, "1"]));
  const [, long] = refusal(alone, newTopic("a", { config: hundred })) as [string, string];
  expect(long.endsWith("; and 80 more")).toBe(true);
});

test("no topic is created while no broker is registered", () => {
  expect(refusal(clusterOf(), newTopic("a"))).toEqual(["INVALID_REPLICATION_FACTOR", "a: 0 replicas, and 0 brokers are registered"]);
});

interface NameRow {
  readonly name: string;
  readonly valid: boolean;
  readonly hasCollisionChars: boolean;
}
const names: readonly NameRow[] = JSON.parse(readFileSync(new URL("fixtures/topic-name.json", import.meta.url), "utf8"));

test.each(names)("the name $name is taken or refused as Kafka does", ({ name, valid }) => {
  const [outcome] = create(alone, [newTopic(name)]).response;
  if (valid) expect(outcome?.kind).toBe("ok");
  else expect(outcome).toMatchObject({ kind: "failed", failure: { code: "INVALID_TOPIC_EXCEPTION" } });
});

test.each(names.filter(({ valid, hasCollisionChars }) => valid && hasCollisionChars))("$name collides with its twin", ({ name }) => {
  const twin = /\./.test(name) ? name.replace(".", "_") : name.replace("_", ".");
  const image = withTopics(alone, 1, newTopic(name));
  expect(refusal(image, newTopic(twin))).toEqual(["INVALID_TOPIC_EXCEPTION", expect.stringContaining(`collides with topic ${name}`)]);
});

test("two names of one request collide as well, until the first of them is deleted", () => {
  const { response, records } = create(alone, [newTopic("a.b_c"), newTopic("a_b.c"), newTopic("a-b-c")]);
  expect(response.map(({ kind }) => kind)).toEqual(["ok", "failed", "ok"]);
  const image = replayAll(alone, [...records, { kind: "remove-topic", topicId: topicIdOf(100) }]);
  expect(
    createTopics(image, { topics: [newTopic("a_b.c")], validateOnly: false, topicIds: [topicIdOf(200)], defaults: onePartition }).response,
  ).toMatchObject([{ kind: "ok" }]);
});

test("a request with more topics than allowed fails as a whole", () => {
  const topics = Array.from({ length: requestTopicsMax + 1 }, (_, at) => newTopic(`t${at}`));
  expect(() => create(alone, topics)).toThrow("1001 topics in one request, the limit is 1000");
  expect(create(alone, topics.slice(1)).response.every(({ kind }) => kind === "ok")).toBe(true);
});

test("a request creates partitions up to its limit, and the topic that would pass it fails alone", () => {
  const half = requestPartitionsMax / 2;
  const { response } = create(alone, [
    newTopic("a", { partitionCount: half }),
    newTopic("b", { partitionCount: half + 1 }),
    newTopic("c", { partitionCount: half }),
  ]);
  expect(response.map((outcome) => (outcome.kind === "ok" ? "ok" : outcome.failure))).toEqual([
    "ok",
    { code: "POLICY_VIOLATION", message: "b: 10001 new partitions in one request, the limit is 10000" },
    "ok",
  ]);
});

test("a cluster takes its last topic and its last partition, and not one more", () => {
  let image = alone;
  for (let round = 0; round < topicsMax / requestTopicsMax; round += 1) {
    const topics = Array.from({ length: requestTopicsMax }, (_, at) => newTopic(`t${round}-${at}`, { partitionCount: 10 }));
    if (round === 9) topics[0] = newTopic("t9-0", { partitionCount: 9 });
    image = withTopics(image, 10_000 + round * requestTopicsMax, ...topics);
  }
  expect([image.topics.size, image.partitionCount]).toEqual([topicsMax, partitionsMax - 1]);
  expect(refusal(image, newTopic("more"))).toEqual(["POLICY_VIOLATION", "more: the cluster has 10000 topics, which is the limit"]);

  const fewer = replayAll(image, [{ kind: "remove-topic", topicId: image.topicIds.get("t9-0")! }]);
  expect(refusal(fewer, newTopic("more", { partitionCount: 10 }))).toBe("ok");
  expect(refusal(fewer, newTopic("more", { partitionCount: 11 }))).toEqual([
    "POLICY_VIOLATION",
    "more: the cluster would have 100001 partitions, the limit is 100000",
  ]);
});

test("partitions go round the brokers, from topic to topic too, and every leader's followers differ", () => {
  let image = clusterOf(3, 5, 9);
  image = withTopics(image, 1, newTopic("a"), newTopic("b"), newTopic("c", { partitionCount: 6 }));
  const replicas = (topic: number) =>
    [...image.topics.get(topicIdOf(topic))!.partitions.values()].map((partition) => partition.replicas.join());
  expect([replicas(1), replicas(2), replicas(3)]).toEqual([["3,5,9"], ["5,9,3"], ["9,3,5", "3,5,9", "5,9,3", "9,5,3", "3,9,5", "5,3,9"]]);
  expect([...snapshotRecords(image)].filter(({ kind }) => kind === "partition")).toHaveLength(8);
});
