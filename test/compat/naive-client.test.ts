// Shows that the .proto files are all that anybody needs to use a whole server: a client that proto-loader and grpc-js build from them at
// run time, with batches that kafkajs makes, creates a topic, produces, fetches and administers, with none of our code on its side.

import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { callNaively, type NaiveClients, type NaiveMessage, onNaiveClients, recordNaively } from "./naive-client.ts";
import { kafkajs, type OutsideRecord, platformatic } from "./outside-codecs.ts";
import { eventually, onRealServer } from "./real-server.ts";

const withNaiveClients = (play: (clients: NaiveClients) => Promise<void>) => onRealServer(({ address }) => onNaiveClients(address, play));

const records: readonly OutsideRecord[] = Array.from({ length: 500 }, (_, number) => ({
  timestamp: 1_760_000_000_000 + number,
  key: `key-${number % 10}`,
  value: `value ${number}`,
  headers: [["number", `${number}`] as const],
}));

test("it creates a topic, produces what kafkajs encodes, fetches it and decodes it, byte for byte", () =>
  withNaiveClients(async ({ admin, data }) => {
    const created = await callNaively(admin, "CreateTopics", { topics: [{ name: "orders", partitionCount: 2 }] });
    const topicId: Buffer = created.topics[0].topicId;
    expect(created.topics).toMatchObject([{ error: null, name: "orders", partitionCount: 2, replicationFactor: 1 }]);

    const produced = data.Produce!();
    const acknowledged = recordNaively(produced).messages;
    const batches = await Promise.all(
      [0, 100, 200, 300, 400].map((from) => kafkajs.encode(records.slice(from, from + 100), from % 200 === 0 ? "gzip" : "none")),
    );
    for (const [index, batch] of batches.entries()) {
      produced.write({ correlation: index + 1, acks: "ACKS_ALL", entries: [{ topicId, partition: 1, batch }] });
    }
    const answers = () => acknowledged.flatMap((message) => message.answers as NaiveMessage[]);
    await eventually(() => answers().length === 5, "five answers");
    expect(answers().map(({ correlation, results }) => [correlation, results[0].errorCode, results[0].baseOffset])).toEqual([
      [1, 0, 0],
      [2, 0, 100],
      [3, 0, 200],
      [4, 0, 300],
      [5, 0, 400],
    ]);
    produced.end();

    const fetched = data.Fetch!();
    const answered = recordNaively(fetched).messages;
    const entries = [{ topicId, partition: 1, fromOffset: 0, maxBytes: 1_000_000 }];
    fetched.write({ correlation: 9, maxWaitMs: 1_000, minBytes: 1, maxBytes: 1_000_000, entries });
    await eventually(() => answered.length === 1, "the answer");
    const [result] = answered[0]!.results as NaiveMessage[];
    expect(result).toMatchObject({ errorCode: 0, highWatermark: 500, logStartOffset: 0 });
    expect(result!.batches.length).toBe(batches.reduce((bytes, batch) => bytes + batch.length, 0));
    const expected = records.map((record, offset) => ({ ...record, offset }));
    expect(await kafkajs.decode(result!.batches)).toEqual(expected);
    expect(await platformatic.decode(result!.batches)).toEqual(expected);
    fetched.end();
  }));

test("it finds offsets by time and deletes records, and reading goes on where the log now begins", () =>
  withNaiveClients(async ({ admin, data }) => {
    const created = await callNaively(admin, "CreateTopics", { topics: [{ name: "orders" }] });
    const topicId: Buffer = created.topics[0].topicId;
    const produced = data.Produce!();
    const acknowledged = recordNaively(produced).messages;
    const batch = await platformatic.encode(records, "zstd");
    produced.write({ correlation: 1, entries: [{ topicId, partition: 0, batch }] });
    await eventually(() => acknowledged.length === 1, "the answer");
    produced.end();

    const at = records[250]!.timestamp;
    const listed = await callNaively(admin, "ListOffsets", { entries: [{ topicId, partition: 0, timestampMs: at }] });
    expect(listed.results).toMatchObject([{ error: null, offset: 250, timestampMs: at }]);
    const deleted = await callNaively(admin, "DeleteRecords", { entries: [{ topicId, partition: 0, beforeOffset: 300 }] });
    expect(deleted.results).toMatchObject([{ error: null, logStartOffset: 300 }]);

    const fetched = data.Fetch!();
    const answered = recordNaively(fetched).messages;
    const entry = { topicId, partition: 0, maxBytes: 1_000_000 };
    fetched.write({ correlation: 1, maxBytes: 1_000_000, entries: [{ ...entry, fromOffset: 299 }] });
    await eventually(() => answered.length === 1, "the refusal");
    expect(answered[0]!.results).toMatchObject([{ errorCode: 1, logStartOffset: 300, highWatermark: 500 }]);
    fetched.write({ correlation: 2, maxBytes: 1_000_000, entries: [{ ...entry, fromOffset: 300 }] });
    await eventually(() => answered.length === 2, "the rest");
    const read = await platformatic.decode((answered[1]!.results as NaiveMessage[])[0]!.batches);
    expect(read.filter(({ offset }) => offset >= 300)).toEqual(records.map((record, offset) => ({ ...record, offset })).slice(300));
    fetched.end();
  }));

test("it administers: lists, describes, grows, configures and deletes topics, and reads errors by name and number", () =>
  withNaiveClients(async ({ admin }) => {
    await callNaively(admin, "CreateTopics", { topics: [{ name: "orders", config: { "retention.ms": "1000" } }] });
    expect((await callNaively(admin, "ListTopics", {})).topics).toMatchObject([{ name: "orders", partitionCount: 1 }]);
    await callNaively(admin, "CreatePartitions", { name: "orders", partitionCount: 3 });
    const described = await callNaively(admin, "DescribeTopics", { names: ["orders", "missing"] });
    expect(described.topics.map(({ error, partitions }: NaiveMessage) => [error?.code, partitions.length])).toEqual([
      [undefined, 3],
      [3, 0],
    ]);
    await callNaively(admin, "AlterConfigs", { topicName: "orders", set: { durability: "replicated" }, unset: ["retention.ms"] });
    const { entries } = await callNaively(admin, "DescribeConfigs", { topicName: "orders" });
    expect(entries.filter(({ isSet }: NaiveMessage) => isSet)).toMatchObject([{ key: "durability", value: "replicated" }]);
    const refusal = await callNaively(admin, "DescribeConfigs", { topicName: "missing" }).catch((error: grpc.ServiceError) => error);
    expect(refusal).toMatchObject({ code: grpc.status.NOT_FOUND });
    expect((refusal as grpc.ServiceError).metadata.get("varve-error")).toEqual(["UNKNOWN_TOPIC_OR_PARTITION"]);
    expect((await callNaively(admin, "DeleteTopics", { names: ["orders"] })).topics).toMatchObject([{ error: null, name: "orders" }]);
    expect((await callNaively(admin, "ListTopics", {})).topics).toEqual([]);
    expect((await callNaively(admin, "DescribeCluster", {})).brokers).toHaveLength(1);
  }));
