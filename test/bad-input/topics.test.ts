// Shows what a whole server says to administration that is wrong: names, counts, configurations, order. Nothing of it is left behind, in the
// metadata or on the disk, and the next good request works.

import { readdir } from "node:fs/promises";
import { errorName } from "@varve/model";
import { expect, test } from "vitest";
import { callNaively, failureOf, type NaiveClient, type NaiveMessage, onNaiveClients } from "../compat/naive-client.ts";
import { onRealServer, type RealServer } from "../compat/real-server.ts";

/** Ends with one good topic made, and nothing else there. */
function withAdmin(play: (admin: NaiveClient, server: RealServer) => Promise<void>): Promise<void> {
  return onRealServer((server) =>
    onNaiveClients(server.address, async ({ admin }) => {
      await play(admin, server);
      expect(await create(admin, { name: "afterwards" })).toBe("created");
    }),
  );
}

async function create(admin: NaiveClient, topic: NaiveMessage): Promise<string> {
  const { topics } = await callNaively(admin, "CreateTopics", { topics: [topic] });
  return topics[0].error === null ? "created" : errorName(topics[0].error.code);
}

async function names(admin: NaiveClient): Promise<readonly string[]> {
  return (await callNaively(admin, "ListTopics", {})).topics.map(({ name }: NaiveMessage) => name);
}

test.for([
  { what: "nothing", name: "" },
  { what: "a dot", name: "." },
  { what: "two dots", name: ".." },
  { what: "a way up", name: "../../etc/passwd" },
  { what: "a way down", name: "a/b" },
  { what: "a backslash", name: "..\\a" },
  { what: "an absolute path", name: "/tmp/x" },
  { what: "a NUL", name: "a\0b" },
  { what: "a line feed", name: "a\nb" },
  { what: "a space", name: "a b" },
  { what: "250 characters", name: "x".repeat(250) },
  { what: "300 characters", name: "x".repeat(300) },
  { what: "100,000 characters", name: "x".repeat(100_000) },
  { what: "letters of other alphabets", name: "заказы" },
  { what: "half of a surrogate pair", name: "\ud800" },
])("a topic named with $what is INVALID_TOPIC_EXCEPTION, and asked for it is not there", ({ name }) =>
  withAdmin(async (admin, { dataFolder }) => {
    const before = await readdir(dataFolder, { recursive: true });
    expect(await create(admin, { name })).toBe("INVALID_TOPIC_EXCEPTION");
    expect(await names(admin)).toEqual([]);
    expect(await readdir(dataFolder, { recursive: true })).toEqual(before);
    const described = await callNaively(admin, "DescribeTopics", { names: [name] });
    expect(errorName(described.topics[0].error.code)).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    const deleted = await callNaively(admin, "DeleteTopics", { names: [name] });
    expect(errorName(deleted.topics[0].error.code)).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(await failureOf(callNaively(admin, "DescribeConfigs", { topicName: name }))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(await failureOf(callNaively(admin, "AlterConfigs", { topicName: name, set: {} }))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(await failureOf(callNaively(admin, "CreatePartitions", { name, partitionCount: 2 }))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  }),
);

test.for(["__proto__", "constructor", "toString", "hasOwnProperty", "CON", "NUL", "-", "x".repeat(249)])(
  "the odd name %s is a topic like any other, made, found, configured and deleted",
  (name) =>
    withAdmin(async (admin) => {
      expect(await failureOf(callNaively(admin, "DescribeConfigs", { topicName: name }))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
      expect(await create(admin, { name })).toBe("created");
      expect(await create(admin, { name })).toBe("TOPIC_ALREADY_EXISTS");
      expect(await names(admin)).toEqual([name]);
      await callNaively(admin, "AlterConfigs", { topicName: name, set: { "retention.ms": "5" } });
      expect((await callNaively(admin, "DescribeTopics", { names: [name] })).topics[0].error).toBeNull();
      await callNaively(admin, "DeleteTopics", { names: [name] });
      expect(await names(admin)).toEqual([]);
    }),
);

test("names that differ in dot and underscore only collide", () =>
  withAdmin(async (admin) => {
    expect(await create(admin, { name: "a.b" })).toBe("created");
    expect(await create(admin, { name: "a_b" })).toBe("INVALID_TOPIC_EXCEPTION");
    expect(await names(admin)).toEqual(["a.b"]);
  }));

test("counts of partitions and replicas: 0 is the default, what lies outside their bounds has its code", () =>
  withAdmin(async (admin) => {
    const wrong: readonly (readonly [NaiveMessage, string])[] = [
      [{ partitionCount: -1 }, "INVALID_PARTITIONS"],
      // 2^31 is no int32: on the wire it is the least one.
      [{ partitionCount: 2_147_483_648 }, "INVALID_PARTITIONS"],
      [{ partitionCount: 10_001 }, "INVALID_PARTITIONS"],
      [{ partitionCount: 2_147_483_647 }, "INVALID_PARTITIONS"],
      [{ replicationFactor: -1 }, "INVALID_REPLICATION_FACTOR"],
      [{ replicationFactor: 2 }, "INVALID_REPLICATION_FACTOR"],
      [{ replicationFactor: 2_147_483_647 }, "INVALID_REPLICATION_FACTOR"],
    ];
    for (const [change, code] of wrong) expect(await create(admin, { name: "t", ...change }), JSON.stringify(change)).toBe(code);
    expect(await names(admin)).toEqual([]);
    expect(await create(admin, { name: "t", partitionCount: 0, replicationFactor: 0 })).toBe("created");
    const grow = (partitionCount: number) => failureOf(callNaively(admin, "CreatePartitions", { name: "t", partitionCount }));
    for (const count of [0, -1, 1, 10_001, 2_147_483_648]) expect(await grow(count), String(count)).toBe("INVALID_PARTITIONS");
    expect(await grow(2)).toBeUndefined();
    expect((await callNaively(admin, "DescribeTopics", { names: ["t"] })).topics[0].partitions).toHaveLength(2);
  }));

test("configurations: unknown keys, keys that every object has, and values outside their bounds are INVALID_CONFIG and change nothing", () =>
  withAdmin(async (admin) => {
    expect(await create(admin, { name: "t" })).toBe("created");
    const config = async () => (await callNaively(admin, "DescribeConfigs", { topicName: "t" })).entries;
    const before = await config();
    const wrong: readonly Readonly<Record<string, string>>[] = [
      { "no.such.key": "1" },
      Object.fromEntries([["__proto__", "1"]]),
      { constructor: "1" },
      { "": "" },
      { "max.message.bytes": "0" },
      { "max.message.bytes": "-1" },
      { "max.message.bytes": "8388609" },
      { "segment.bytes": "0" },
      { "segment.bytes": "1e9" },
      { "retention.ms": "-2" },
      { "retention.ms": "9007199254740993" },
      { "min.insync.replicas": "0" },
      { durability: "sometimes" },
      { "cleanup.policy": "compact" },
      { "segment.ms": "NaN" },
      { "retention.ms": "x".repeat(10_000) },
      { "retention.ms": "1", "no.such.key": "1" },
    ];
    for (const set of wrong) {
      const shown = JSON.stringify(set).slice(0, 100);
      expect(await failureOf(callNaively(admin, "AlterConfigs", { topicName: "t", set })), shown).toBe("INVALID_CONFIG");
      expect(await create(admin, { name: "other", config: set }), shown).toBe("INVALID_CONFIG");
    }
    expect(await failureOf(callNaively(admin, "AlterConfigs", { topicName: "t", unset: ["no.such.key"] }))).toBe("INVALID_CONFIG");
    expect(await config()).toEqual(before);
    expect(await names(admin)).toEqual(["t"]);
    expect(Object.hasOwn(Object.prototype, "no.such.key")).toBe(false);
  }));

test("what is wrong with long texts is said in few words: a message is a header of the answer, and headers are bounded", () =>
  withAdmin(async (admin) => {
    expect(await create(admin, { name: "t" })).toBe("created");
    const unset = Array.from({ length: 50 }, (_, number) => `${"x".repeat(10_000)}${number}`);
    const error = await callNaively(admin, "AlterConfigs", { topicName: "t", unset }).catch((thrown: unknown) => thrown);
    expect((error as { readonly metadata: { get(name: string): unknown } }).metadata.get("varve-error")).toEqual(["INVALID_CONFIG"]);
    expect((error as { readonly details: string }).details.length).toBeLessThanOrEqual(4_096);
  }));

test("requests in the wrong order or twice: each has its code, and the state is that of the first", () =>
  withAdmin(async (admin) => {
    const drop = async (request: NaiveMessage) => {
      const { topics } = await callNaively(admin, "DeleteTopics", request);
      return topics.map(({ error }: NaiveMessage) => (error === null ? "deleted" : errorName(error.code)));
    };
    expect(await drop({ names: ["t"] })).toEqual(["UNKNOWN_TOPIC_OR_PARTITION"]);
    expect(await create(admin, { name: "t" })).toBe("created");
    expect(await create(admin, { name: "t", partitionCount: 5 })).toBe("TOPIC_ALREADY_EXISTS");
    const twice = await callNaively(admin, "CreateTopics", { topics: [{ name: "u" }, { name: "u" }] });
    expect(twice.topics.map(({ error }: NaiveMessage) => errorName(error.code))).toEqual(["INVALID_REQUEST", "INVALID_REQUEST"]);
    const at = await Promise.all(Array.from({ length: 8 }, () => create(admin, { name: "v" })));
    expect(at.filter((outcome) => outcome === "created")).toHaveLength(1);
    expect(at.filter((outcome) => outcome === "TOPIC_ALREADY_EXISTS")).toHaveLength(7);
    expect(await drop({ names: ["t"], topicIds: [Buffer.alloc(16, 7)] })).toEqual(["deleted", "UNKNOWN_TOPIC_ID"]);
    expect(await drop({ names: ["t"] })).toEqual(["UNKNOWN_TOPIC_OR_PARTITION"]);
    expect(await names(admin)).toEqual(["v"]);
  }));

test("requests without a topic, with ids of a wrong length, or with more elements than allowed", () =>
  withAdmin(async (admin) => {
    expect((await callNaively(admin, "CreateTopics", {})).topics).toEqual([]);
    expect((await callNaively(admin, "DeleteTopics", {})).topics).toEqual([]);
    expect((await callNaively(admin, "DescribeTopics", {})).topics).toEqual([]);
    const many = (count: number) => Array.from({ length: count }, (_, number) => `t${number}`);
    for (const method of ["DeleteTopics", "DescribeTopics"]) {
      expect(await failureOf(callNaively(admin, method, { topicIds: [Buffer.alloc(15)] }))).toBe("INVALID_REQUEST");
      expect(await failureOf(callNaively(admin, method, { names: many(1_001) }))).toBe("INVALID_REQUEST");
    }
    const topics = many(1_001).map((name) => ({ name }));
    expect(await failureOf(callNaively(admin, "CreateTopics", { topics }))).toBe("INVALID_REQUEST");
    // 9 of them fit into what one request may create.
    const wide = many(11).map((name) => ({ name, partitionCount: 1_000 }));
    const made = (await callNaively(admin, "CreateTopics", { topics: wide, validateOnly: true })).topics;
    expect(made.map(({ error }: NaiveMessage) => error?.code ?? 0).filter((code: number) => code !== 0)).toHaveLength(1);
    expect(await names(admin)).toEqual([]);
  }));
