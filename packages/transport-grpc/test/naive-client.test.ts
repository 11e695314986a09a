// Shows that the .proto files are all that a client needs: one built at run time by proto-loader and grpc-js, with none of our code,
// creates a topic, produces, fetches, reads errors and asks for health.

import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ClusterError } from "@varve/model";
import { expect, test } from "vitest";
import { protoFolder } from "./contract.ts";
import { eventually, onRealStage, type RealStage } from "./real-stage.ts";
import { batches, stored, topicBytes, topicId } from "./rig.ts";

const definition = loadSync(["varve/v1/admin.proto", "varve/v1/data.proto", "grpc/health/v1/health.proto"], {
  includeDirs: [protoFolder],
  longs: Number,
  enums: String,
  defaults: true,
});
// What proto-loader gives has types only once they are generated; this client has none, on purpose.
// biome-ignore lint/suspicious/noExplicitAny: see above.
const contract = grpc.loadPackageDefinition(definition) as any;

type Message = Record<string, unknown>;
interface NaiveStream {
  write(message: Message): void;
  end(): void;
  on(event: string, listener: (value: never) => void): void;
}
type NaiveClient = Record<string, (...args: unknown[]) => NaiveStream> & { close(): void };

async function withClients(
  play: (stage: RealStage, admin: NaiveClient, data: NaiveClient, health: NaiveClient) => Promise<void>,
): Promise<void> {
  await onRealStage(async (stage) => {
    const services = [contract.varve.v1.Admin, contract.varve.v1.Data, contract.grpc.health.v1.Health];
    const clients = services.map((Service) => new Service(stage.listener.address, grpc.credentials.createInsecure()) as NaiveClient);
    try {
      await play(stage, clients[0]!, clients[1]!, clients[2]!);
    } finally {
      for (const client of clients) client.close();
    }
  });
}

function call(client: NaiveClient, method: string, request: Message): Promise<Message> {
  return new Promise((resolve, reject) => {
    client[method]!(request, (error: grpc.ServiceError | null, response: Message) => (error === null ? resolve(response) : reject(error)));
  });
}

function record(stream: NaiveStream): { readonly messages: Message[]; status: grpc.StatusObject | undefined } {
  const recorded = { messages: [] as Message[], status: undefined as grpc.StatusObject | undefined };
  stream.on("data", (message: Message) => recorded.messages.push(message));
  stream.on("status", (status: grpc.StatusObject) => {
    recorded.status = status;
  });
  stream.on("error", () => {});
  return recorded;
}

test("it creates a topic", () =>
  withClients(async ({ api }, admin) => {
    api.admin.createTopics = async (topics) =>
      topics.map((topic) => ({
        kind: "ok",
        value: { name: topic.name, topicId, partitionCount: topic.partitionCount ?? 1, replicationFactor: 1 },
      }));
    const response = await call(admin, "CreateTopics", { topics: [{ name: "orders", partitionCount: 3 }] });
    expect(response.topics).toMatchObject([{ name: "orders", partitionCount: 3, error: null, topicId: Buffer.from(topicBytes) }]);
  }));

test("it reads the name of an error from the trailer varve-error, and gRPC's status beside it", () =>
  withClients(async ({ api }, admin) => {
    api.admin.describeConfigs = () => Promise.reject(new ClusterError("UNKNOWN_TOPIC_OR_PARTITION", "no topic näme"));
    const error = (await call(admin, "DescribeConfigs", { topicName: "näme" }).catch((thrown: unknown) => thrown)) as grpc.ServiceError;
    expect(error.code).toBe(grpc.status.NOT_FOUND);
    expect(error.details).toBe("no topic näme");
    expect(error.metadata.get("varve-error")).toEqual(["UNKNOWN_TOPIC_OR_PARTITION"]);
  }));

test("it produces a single request of 1 MiB without a word about credit, and goes on within what it is granted", () =>
  withClients(async ({ api }, _admin, data) => {
    api.onProduce = (called) => called.resolve(called.request.entries.map(() => stored(api.produceCalls.length)));
    const stream = data.Produce!();
    const { messages } = record(stream);
    const batch = Buffer.alloc(1_048_576, 7);
    stream.write({ correlation: 1, acks: "ACKS_ALL", entries: [{ topicId: topicBytes, partition: 2, leaderEpoch: 0, batch }] });
    await eventually(() => messages.length === 1, "the first answer");
    expect(api.produceCalls[0]!.request).toMatchObject({ acks: "all", entries: [{ id: { topicId, partition: 2 }, leaderEpoch: 0 }] });
    expect(Buffer.compare(api.produceCalls[0]!.request.entries[0]!.batch, batch)).toBe(0);
    expect(messages[0]!.answers).toMatchObject([{ correlation: 1, results: [{ errorCode: 0, baseOffset: 1 }] }]);
    expect(messages[0]!.creditBytes).toBeGreaterThan(4_000_000);
    for (const correlation of [2, 3]) stream.write({ correlation, entries: [{ topicId: topicBytes, partition: 0, batch }] });
    await eventually(() => api.produceCalls.length === 3, "two more");
    stream.end();
  }));

test("it fetches with one request, and more after granting credit", () =>
  withClients(async ({ api }, _admin, data) => {
    const bytes = new Uint8Array(300_000).fill(9);
    api.onFetch = (called) => called.resolve([batches(77, bytes.subarray(0, 1_000), bytes.subarray(1_000))]);
    const stream = data.Fetch!();
    const { messages } = record(stream);
    const request = { maxWaitMs: 100, minBytes: 1, maxBytes: 1_000_000, entries: [{ topicId: topicBytes, partition: 1, fromOffset: 5 }] };
    stream.write({ ...request, correlation: 1 });
    await eventually(() => messages.length === 1, "the first answer");
    const [result] = messages[0]!.results as Message[];
    expect(result).toMatchObject({ errorCode: 0, highWatermark: 77, logStartOffset: 0 });
    expect(Buffer.compare(result!.batches as Buffer, bytes)).toBe(0);
    stream.write({ ...request, correlation: 2, creditBytes: 1_000_000 });
    await eventually(() => messages.length === 2, "the second answer");
    stream.end();
  }));

test("a request that breaks the contract ends its stream with INVALID_ARGUMENT and INVALID_REQUEST", () =>
  withClients(async (_stage, _admin, data) => {
    const stream = data.Produce!();
    const recorded = record(stream);
    const entries = Array.from({ length: 10_001 }, (_, partition) => ({ topicId: topicBytes, partition }));
    stream.write({ correlation: 1, entries });
    await eventually(() => recorded.status !== undefined, "the end of the stream");
    expect(recorded.status).toMatchObject({ code: grpc.status.INVALID_ARGUMENT, details: "more than 1000 entries in a produce request" });
    expect(recorded.status!.metadata.get("varve-error")).toEqual(["INVALID_REQUEST"]);
  }));

test("it checks and watches health", () =>
  withClients(async ({ health }, _admin, _data, naive) => {
    expect(await call(naive, "Check", { service: "varve.v1.Data" })).toEqual({ status: "SERVING" });
    const stream = naive.Watch!({ service: "" });
    const { messages } = record(stream);
    await eventually(() => messages.length === 1, "the first status");
    health.set(false);
    await eventually(() => messages.length === 2, "the change");
    expect(messages).toEqual([{ status: "SERVING" }, { status: "NOT_SERVING" }]);
    await expect(call(naive, "Check", { service: "kafka" })).rejects.toMatchObject({ code: grpc.status.NOT_FOUND });
  }));
