// Shows the listener as a whole: what it takes and refuses, unary calls, health, and how it drains.

import { ClusterError } from "@varve/model";
import { adminMethods, fetchMethod, healthMethods, produceMethod, servingStatus } from "@varve/proto";
import type { MessageConnection } from "@varve/runtime";
import { expect, test } from "vitest";
import { adminRequestBytesMax, defaultGrpcLimits, serveGrpc, unaryCallMsMax } from "../src/index.ts";
import { decodeProduceResponse } from "../src/produce-codec.ts";
import { encodeTheirs } from "./contract.ts";
import { batches, onStage, RecordedStream, type Stage, stored, topicBytes, topicId } from "./rig.ts";

const produceRequest = new Uint8Array(
  encodeTheirs("ProduceRequest", { correlation: 1, entries: [{ topicId: topicBytes, partition: 0, batch: new Uint8Array(9) }] }),
);
const fetchRequest = new Uint8Array(
  encodeTheirs("FetchRequest", { correlation: 1, maxWaitMs: 30_000, minBytes: 1, entries: [{ topicId: topicBytes, partition: 0 }] }),
);

/** A unary call as any gRPC client makes it. */
async function call({ world }: Stage, connection: MessageConnection, path: string, message: Uint8Array): Promise<RecordedStream> {
  const stream = new RecordedStream(connection, path);
  stream.write(message);
  stream.stream.end();
  await world.runUntil(() => stream.status !== undefined);
  return stream;
}

const { streamsPerConnectionMax } = defaultGrpcLimits;
const createTopics = adminMethods.CreateTopics;
const createOrders = createTopics.request.encode({ topics: [{ name: "orders", partitionCount: 3, config: { "retention.ms": "1000" } }] });

test("a unary call reaches the api as its own values, and its answer comes back", () =>
  onStage(async (stage) => {
    let asked: unknown;
    stage.api.admin.createTopics = async (topics, validateOnly) => {
      asked = { topics, validateOnly };
      return [{ kind: "ok", value: { name: "orders", topicId, partitionCount: 3, replicationFactor: 1 } }];
    };
    const stream = await call(stage, stage.connect(), createTopics.path, createOrders);
    expect(asked).toEqual({
      topics: [{ name: "orders", partitionCount: 3, replicationFactor: undefined, config: new Map([["retention.ms", "1000"]]) }],
      validateOnly: false,
    });
    expect(stream.status).toMatchObject({ status: "OK" });
    expect(createTopics.response.decode(stream.messages[0]!).topics).toMatchObject([
      { name: "orders", partitionCount: 3, replicationFactor: 1 },
    ]);
  }));

test.for([
  { error: new ClusterError("NOT_CONTROLLER", "ask node 2"), status: "UNAVAILABLE", code: "NOT_CONTROLLER" },
  { error: new ClusterError("INVALID_CONFIG", "no such key"), status: "INVALID_ARGUMENT", code: "INVALID_CONFIG" },
  { error: new ClusterError("INVALID_PRODUCER_EPOCH", "newer"), status: "FAILED_PRECONDITION", code: "INVALID_PRODUCER_EPOCH" },
  { error: new RangeError("index"), status: "INTERNAL", code: "UNKNOWN_SERVER_ERROR" },
])("a call that fails with $code ends with $status and the code as its trailer", ({ error, status, code }) =>
  onStage(async (stage) => {
    stage.api.admin.createTopics = () => Promise.reject(error);
    const stream = await call(stage, stage.connect(), createTopics.path, createOrders);
    expect(stream.status).toMatchObject({ status, error: code, message: error.message });
    expect(stream.messages).toEqual([]);
  }),
);

test.for([
  { name: "garbage", bytes: Uint8Array.of(255, 255, 255, 255, 255, 255) },
  { name: "a message that is cut off", bytes: createOrders.subarray(0, 7) },
  { name: "1,001 topics", bytes: createTopics.request.encode({ topics: Array.from({ length: 1_001 }, () => ({ name: "x" })) }) },
  { name: "a message of more than 1 MiB", bytes: new Uint8Array(adminRequestBytesMax + 1) },
  {
    name: "a topic with 101 configuration keys",
    bytes: createTopics.request.encode({
      topics: [{ name: "x", config: Object.fromEntries(Array.from({ length: 101 }, (_, key) => [`k${key}`, ""])) }],
    }),
  },
])("$name is refused with INVALID_REQUEST, and the next call works", ({ bytes }) =>
  onStage(async (stage) => {
    stage.api.admin.createTopics = async () => [];
    const connection = stage.connect();
    const refused = await call(stage, connection, createTopics.path, bytes);
    expect(refused.status).toMatchObject({ status: "INVALID_ARGUMENT", error: "INVALID_REQUEST" });
    const good = await call(stage, connection, createTopics.path, createOrders);
    expect(good.status).toMatchObject({ status: "OK" });
  }),
);

test("two messages, or none, are no unary call", () =>
  onStage(async (stage) => {
    const connection = stage.connect();
    const twice = new RecordedStream(connection, createTopics.path);
    twice.write(createOrders);
    twice.write(createOrders);
    await stage.world.runUntil(() => twice.status !== undefined);
    expect(twice.status).toMatchObject({ error: "INVALID_REQUEST", message: "a unary call has one message" });
    const none = new RecordedStream(connection, createTopics.path);
    none.stream.end();
    await stage.world.runUntil(() => none.status !== undefined);
    expect(none.status).toMatchObject({ error: "INVALID_REQUEST", message: "the call ended before its request came" });
  }));

test("a call that never sends its request, and one that is never answered, end after a minute; the api is told", () =>
  onStage(async (stage) => {
    let signal: AbortSignal | undefined;
    stage.api.admin.createTopics = (_topics, _validateOnly, given) => {
      signal = given;
      return new Promise(() => {});
    };
    const halfOpen = new RecordedStream(stage.connect(), createTopics.path);
    const slow = new RecordedStream(stage.connect(), createTopics.path);
    slow.write(createOrders);
    slow.stream.end();
    await stage.world.runFor(unaryCallMsMax + 1_000);
    for (const { status } of [halfOpen, slow]) expect(status).toMatchObject({ status: "DEADLINE_EXCEEDED", error: "REQUEST_TIMED_OUT" });
    expect(signal?.aborted).toBe(true);
  }));

test("a caller that cancels aborts its call", () =>
  onStage(async ({ world, api, connect }) => {
    let signal: AbortSignal | undefined;
    api.admin.createTopics = (_topics, _validateOnly, given) => {
      signal = given;
      return new Promise(() => {});
    };
    const stream = new RecordedStream(connect(), createTopics.path);
    stream.write(createOrders);
    stream.stream.end();
    await world.runUntil(() => signal !== undefined);
    stream.stream.cancel();
    await world.runUntil(() => signal!.aborted);
  }));

test.for(["/varve.v1.Admin/DropEverything", "/varve.v1.Nothing/Produce", "/", "/varve.v1.Admin/__proto__"])(
  "the unknown method %s is answered with UNIMPLEMENTED",
  (path) =>
    onStage(async (stage) => {
      const stream = await call(stage, stage.connect(), path, createOrders);
      expect(stream.status).toMatchObject({ status: "UNIMPLEMENTED" });
    }),
);

const { Check, Watch } = healthMethods;

test.for(["", "varve.v1.Data", "varve.v1.Admin"])("health of the service '%s' is what the process says", (service) =>
  onStage(async (stage) => {
    const connection = stage.connect();
    const check = async () => {
      const stream = await call(stage, connection, Check.path, Check.request.encode({ service }));
      return Check.response.decode(stream.messages[0]!).status;
    };
    expect(await check()).toBe(servingStatus.SERVING);
    stage.health.set(false);
    expect(await check()).toBe(servingStatus.NOT_SERVING);
  }),
);

test("health of a service that is not here is NOT_FOUND to Check and SERVICE_UNKNOWN to Watch", () =>
  onStage(async (stage) => {
    const checked = await call(stage, stage.connect(), Check.path, Check.request.encode({ service: "kafka" }));
    expect(checked.status).toMatchObject({ status: "NOT_FOUND" });
    const watch = new RecordedStream(stage.connect(), Watch.path);
    watch.write(Watch.request.encode({ service: "kafka" }));
    await stage.world.runUntil(() => watch.messages.length === 1);
    expect(Watch.response.decode(watch.messages[0]!).status).toBe(servingStatus.SERVICE_UNKNOWN);
  }));

test("a watch tells every change, and that the server drains", () =>
  onStage(async ({ world, health, connect, listener }) => {
    const watch = new RecordedStream(connect(), Watch.path);
    watch.write(Watch.request.encode({}));
    watch.stream.end();
    await world.runUntil(() => watch.messages.length === 1);
    health.set(false);
    health.set(false);
    health.set(true);
    await world.runUntil(() => watch.messages.length === 3);
    await world.run(listener.drain(1_000));
    await world.runUntil(() => watch.status !== undefined);
    const statuses = watch.messages.map((message) => Watch.response.decode(message).status);
    expect(statuses).toEqual([servingStatus.SERVING, servingStatus.NOT_SERVING, servingStatus.SERVING, servingStatus.NOT_SERVING]);
    expect(watch.status).toMatchObject({ status: "UNAVAILABLE" });
  }));

test("draining answers what is in flight, takes nothing new but health checks, and closes", () =>
  onStage(async (stage) => {
    const { world, api, connect, listener } = stage;
    const connection = connect();
    const idle = new RecordedStream(connection, produceMethod);
    const producer = new RecordedStream(connection, produceMethod);
    producer.write(produceRequest);
    const consumer = new RecordedStream(connection, fetchMethod);
    consumer.write(fetchRequest);
    let finishAdmin: (() => void) | undefined;
    api.admin.createTopics = () => new Promise((resolve) => (finishAdmin = () => resolve([])));
    const admin = new RecordedStream(connection, createTopics.path);
    admin.write(createOrders);
    admin.stream.end();
    await world.runUntil(() => api.produceCalls.length === 1 && api.fetchCalls.length === 1 && finishAdmin !== undefined);

    const drained = listener.drain(30_000);
    await world.runUntil(() => idle.status !== undefined && consumer.status !== undefined);
    expect([idle.status!.status, consumer.status!.status]).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
    producer.write(new Uint8Array(encodeTheirs("ProduceRequest", { correlation: 2 })));
    const late = new RecordedStream(connection, produceMethod);
    await world.runUntil(() => late.status !== undefined);
    expect(late.status).toMatchObject({ status: "UNAVAILABLE", message: "the server is shutting down" });
    const check = await call(stage, connection, Check.path, Check.request.encode({}));
    expect(Check.response.decode(check.messages[0]!).status).toBe(servingStatus.NOT_SERVING);
    expect([producer.status, admin.status]).toEqual([undefined, undefined]);

    api.produceCalls[0]!.resolve([stored(9)]);
    finishAdmin!();
    const startMs = world.nowMs;
    await world.run(drained);
    expect(world.nowMs - startMs).toBeLessThan(1_000);
    await world.runUntil(() => producer.status !== undefined && admin.status !== undefined);
    expect(producer.messages.flatMap((message) => decodeProduceResponse(message).answers)).toEqual([
      { correlation: 1, results: [stored(9)] },
    ]);
    expect([producer.status!.status, admin.status!.status]).toEqual(["UNAVAILABLE", "OK"]);
    expect(api.produceCalls.length).toBe(1);
  }));

test("what is not answered within the grace is cut", () =>
  onStage(async ({ world, api, connect, listener }) => {
    const producer = new RecordedStream(connect(), produceMethod);
    producer.write(produceRequest);
    await world.runUntil(() => api.produceCalls.length === 1);
    const startMs = world.nowMs;
    await world.run(listener.drain(2_000));
    expect(world.nowMs - startMs).toBeGreaterThanOrEqual(2_000);
    expect(world.nowMs - startMs).toBeLessThan(3_000);
    await world.runUntil(() => producer.status !== undefined);
    expect(producer.status!.status).not.toBe("OK");
  }));

test("16 produce and fetch streams may be open on a connection, one more is refused, and other connections are not concerned", () =>
  onStage(async ({ world, api, connect }) => {
    const connection = connect();
    const streams = Array.from({ length: 16 }, () => new RecordedStream(connection, fetchMethod));
    for (const stream of streams) stream.write(fetchRequest);
    await world.runUntil(() => api.fetchCalls.length === 16);
    const more = new RecordedStream(connection, produceMethod);
    await world.runUntil(() => more.status !== undefined);
    expect(more.status).toMatchObject({ status: "RESOURCE_EXHAUSTED", error: "THROTTLING_QUOTA_EXCEEDED" });
    expect(more.status!.message).toBe("the connection has 16 produce and fetch streams, as many as it may");
    const other = new RecordedStream(connect(), fetchMethod);
    other.write(fetchRequest);
    await world.runUntil(() => api.fetchCalls.length === 17);
    streams[0]!.stream.cancel();
    await world.runUntil(() => api.fetchCalls[0]!.signal.aborted);
    const again = new RecordedStream(connection, fetchMethod);
    again.write(fetchRequest);
    await world.runUntil(() => api.fetchCalls.length === 18);
  }));

test("100 streams of any kind may be open on a connection, one more does not begin", () =>
  onStage(async ({ world, api, connect }) => {
    let calls = 0;
    api.admin.createTopics = () => {
      calls += 1;
      return new Promise(() => {});
    };
    const connection = connect();
    for (let index = 0; index < streamsPerConnectionMax + 1; index += 1) {
      const stream = new RecordedStream(connection, createTopics.path);
      stream.write(createOrders);
      stream.stream.end();
    }
    await world.runFor(1_000);
    expect(calls).toBe(streamsPerConnectionMax);
  }));

test.for([
  { name: "streams", limits: { streamsMax: 2 }, message: "the server has 2 open streams, as many as it may" },
  { name: "connections", limits: { connectionsMax: 2 }, message: "the server has 2 connections with open streams, as many as it may" },
])("$name beyond the limit are refused until others end", ({ limits, message }) =>
  onStage(
    async ({ world, api, connect, server }) => {
      const [one, two] = [new RecordedStream(connect(), fetchMethod), new RecordedStream(connect(), fetchMethod)];
      for (const stream of [one, two]) stream.write(fetchRequest);
      await world.runUntil(() => api.fetchCalls.length === 2);
      const three = new RecordedStream(connect(), fetchMethod);
      await world.runUntil(() => three.status !== undefined);
      expect(three.status).toEqual({ status: "RESOURCE_EXHAUSTED", message, error: "THROTTLING_QUOTA_EXCEEDED" });
      expect(server.ports.metrics.value("varve_grpc_refusals_total", { reason: "streams" })).toBe(1);
      one.stream.cancel();
      await world.runUntil(() => api.fetchCalls[0]!.signal.aborted);
      const four = new RecordedStream(connect(), fetchMethod);
      four.write(fetchRequest);
      await world.runUntil(() => api.fetchCalls.length === 3);
    },
    { limits },
  ),
);

test("the death of a client's process ends its streams", () =>
  onStage(async ({ world, api, connect, client, server }) => {
    const consumer = new RecordedStream(connect(), fetchMethod);
    consumer.write(fetchRequest);
    await world.runUntil(() => api.fetchCalls.length === 1);
    client.kill("process");
    await world.runUntil(() => api.fetchCalls[0]!.signal.aborted);
    expect(server.ports.metrics.value("varve_grpc_streams")).toBe(0);
  }));

test("an address that is taken is an error of the second listener", () =>
  onStage(async ({ world, api, health, server, listener }) => {
    const { network, clock, logger, metrics } = server.ports;
    const second = serveGrpc({ network, api: api.api, address: listener.address, health, clock, logger, metrics });
    await expect(world.run(second)).rejects.toThrow();
  }));

test("while nothing is open, nothing wakes the process", () =>
  onStage(async ({ world, api, connect }) => {
    const connection = connect();
    const stream = new RecordedStream(connection, fetchMethod);
    api.onFetch = (called) => called.resolve([batches(0)]);
    stream.write(fetchRequest);
    await world.runUntil(() => stream.messages.length === 1);
    stream.stream.end();
    await world.runUntil(() => stream.status !== undefined);
    await world.run(connection.close());
    await world.runFor(100_000);
    const steps = world.scheduler.steps;
    await world.runFor(100_000);
    expect(world.scheduler.steps - steps).toBeLessThanOrEqual(2);
  }));
