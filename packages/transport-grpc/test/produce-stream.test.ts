// Shows the answering end of the produce stream: order, credit, memory, answers, and what each kind of misbehaviour costs whom.

import { ClusterError, InvariantError } from "@varve/model";
import { produceMethod } from "@varve/proto";
import type { MessageConnection } from "@varve/runtime";
import { expect, test } from "vitest";
import { initialCreditBytes, messageBytesMax, produceInFlightMax, produceWindowBytesMax } from "../src/limits.ts";
import { decodeProduceResponse, type ProduceAnswer } from "../src/produce-codec.ts";
import { encodeTheirs } from "./contract.ts";
import { onStage, RecordedStream, stored, topicBytes } from "./rig.ts";

/** A request as a program that knows only the .proto files makes it. */
function request(correlation: number, batchBytes = 100, more: object = {}): Uint8Array {
  const entries = [{ topicId: topicBytes, partition: 0, batch: new Uint8Array(batchBytes).fill(correlation & 255) }];
  return new Uint8Array(encodeTheirs("ProduceRequest", { correlation, entries, ...more }));
}

class Producer extends RecordedStream {
  constructor(connection: MessageConnection) {
    super(connection, produceMethod);
  }

  get answers(): readonly ProduceAnswer[] {
    return this.messages.flatMap((message) => decodeProduceResponse(message).answers);
  }

  get grantedBytes(): number {
    return this.messages.reduce((sum, message) => sum + decodeProduceResponse(message).creditBytes, 0);
  }
}

test("requests reach the api in order as they come, and each answer bears the correlation of its request", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    for (let correlation = 1; correlation <= 5; correlation += 1) producer.write(request(correlation));
    await world.runUntil(() => api.produceCalls.length === 5);
    expect(api.produceCalls.map((call) => call.request.entries[0]!.batch[0])).toEqual([1, 2, 3, 4, 5]);
    expect(api.produceCalls[0]!.request).toMatchObject({ acks: "all", timeoutMs: 30_000 });
    for (const index of [2, 0, 4, 1, 3]) api.produceCalls[index]!.resolve([stored(100 + index)]);
    await world.runUntil(() => producer.answers.length === 5);
    expect(producer.answers).toEqual([3, 1, 5, 2, 4].map((correlation) => ({ correlation, results: [stored(99 + correlation)] })));
  }));

test("answers that become ready in one turn go out in one message", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    for (let correlation = 1; correlation <= 64; correlation += 1) producer.write(request(correlation));
    await world.runUntil(() => api.produceCalls.length === 64);
    for (const call of api.produceCalls) call.resolve([stored(0)]);
    await world.runUntil(() => producer.answers.length === 64);
    expect(producer.messages.length).toBe(1);
  }));

test("answers with many results are spread over messages of bounded size", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    const entries = Array.from({ length: 1_000 }, (_, partition) => ({ topicId: topicBytes, partition, batch: new Uint8Array(1) }));
    api.onProduce = (call) => call.resolve(call.request.entries.map(() => stored(0)));
    producer.write(request(1, 1, { entries }));
    await world.runUntil(() => producer.grantedBytes > 0);
    producer.messages.length = 0;
    for (let correlation = 2; correlation <= 11; correlation += 1) producer.write(request(correlation, 1, { entries }));
    const calls: typeof api.produceCalls = [];
    api.onProduce = (call) => calls.push(call);
    await world.runUntil(() => calls.length === 10);
    for (const call of calls) call.resolve(call.request.entries.map(() => stored(0)));
    await world.runUntil(() => producer.answers.length === 10);
    expect(producer.messages.map((message) => decodeProduceResponse(message).answers.length)).toEqual([4, 4, 2]);
  }));

test("a client that knows nothing of credit may send one request of any size, and more as answers come", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    api.onProduce = (call) => call.resolve([stored(0)]);
    for (let correlation = 1; correlation <= 3; correlation += 1) {
      producer.write(request(correlation, 1_048_576));
      await world.runUntil(() => producer.answers.length === correlation);
    }
    expect(producer.status).toBeUndefined();
  }));

test("the first answer widens the window, and each later one gives back what its request took", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    api.onProduce = (call) => call.resolve([stored(0)]);
    let sentBytes = 0;
    for (let correlation = 1; correlation <= 20; correlation += 1) {
      const message = request(correlation, 30_000);
      sentBytes += message.length;
      producer.write(message);
      await world.runUntil(() => producer.answers.length === correlation);
      expect(initialCreditBytes + producer.grantedBytes - sentBytes).toBe(produceWindowBytesMax);
    }
  }));

test("a client that sends without credit loses its stream, and nobody else loses anything", () =>
  onStage(async ({ world, api, connect, server }) => {
    const greedy = new Producer(connect());
    const other = new Producer(connect());
    greedy.write(request(1, 50_000));
    greedy.write(request(2, 50_000));
    greedy.write(request(3, 50_000));
    await world.runUntil(() => greedy.status !== undefined);
    expect(greedy.status).toMatchObject({ status: "RESOURCE_EXHAUSTED", error: "THROTTLING_QUOTA_EXCEEDED" });
    expect(greedy.status!.message).toMatch(/without credit/);
    expect(api.produceCalls.length).toBe(2);
    expect(server.ports.metrics.value("varve_grpc_refusals_total", { reason: "credit" })).toBe(1);
    other.write(request(1));
    await world.runUntil(() => api.produceCalls.length === 3);
    for (const call of api.produceCalls) call.resolve([stored(0)]);
    await world.runUntil(() => other.answers.length === 1);
    expect(server.ports.metrics.value("varve_grpc_produce_held_bytes")).toBe(0);
  }));

test.for([
  { name: "garbage", bytes: Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1) },
  { name: "a message that is cut off", bytes: request(1).subarray(0, 60) },
  { name: "text of another protocol", bytes: new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n") },
  {
    name: "10,001 entries",
    bytes: request(1, 1, { entries: Array.from({ length: 10_001 }, (_, partition) => ({ topicId: topicBytes, partition })) }),
  },
])("$name ends the stream with INVALID_REQUEST, and the next stream of the connection works", ({ bytes }) =>
  onStage(async ({ world, api, connect }) => {
    const connection = connect();
    const bad = new Producer(connection);
    bad.write(bytes);
    await world.runUntil(() => bad.status !== undefined);
    expect(bad.status).toMatchObject({ status: "INVALID_ARGUMENT", error: "INVALID_REQUEST" });
    expect(api.produceCalls).toEqual([]);
    const good = new Producer(connection);
    api.onProduce = (call) => call.resolve([stored(7)]);
    good.write(request(1));
    await world.runUntil(() => good.answers.length === 1);
  }),
);

test("a correlation that is in flight already ends the stream; one that was answered may come again", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    producer.write(request(1));
    await world.runUntil(() => api.produceCalls.length === 1);
    api.produceCalls[0]!.resolve([stored(0)]);
    await world.runUntil(() => producer.answers.length === 1);
    producer.write(request(1));
    producer.write(request(1));
    await world.runUntil(() => producer.status !== undefined);
    expect(producer.status).toMatchObject({ status: "INVALID_ARGUMENT", error: "INVALID_REQUEST" });
    expect(producer.status!.message).toBe("correlation 1 is in flight already");
    expect(api.produceCalls.length).toBe(2);
  }));

const entry = { topicId: topicBytes, partition: 0, batch: new Uint8Array(9) };

test.for([
  { name: "a partition that is named twice", entries: [entry, entry], code: "INVALID_REQUEST" },
  { name: "a topic id of 15 bytes", entries: [{ ...entry, topicId: new Uint8Array(15) }], code: "INVALID_REQUEST" },
  { name: "no topic id", entries: [{ partition: 0, batch: new Uint8Array(9) }], code: "INVALID_REQUEST" },
  { name: "acks of 9", entries: [entry], acks: 9, code: "INVALID_REQUIRED_ACKS" },
])(
  "a request with $name is answered with $code for each entry, nothing of it is stored, and the stream goes on",
  ({ entries, acks, code }) =>
    onStage(async ({ world, api, connect }) => {
      const producer = new Producer(connect());
      api.onProduce = (call) => call.resolve([stored(7)]);
      producer.write(request(1, 1, { entries, acks: acks ?? 0 }));
      producer.write(request(2));
      await world.runUntil(() => producer.answers.length === 2);
      expect(producer.answers[0]!.results).toMatchObject(entries.map(() => ({ kind: "failed", failure: { code } })));
      expect(producer.answers[1]!.results).toEqual([stored(7)]);
      expect(api.produceCalls.length).toBe(1);
    }),
);

test("partitions that do not exist are the api's to refuse, however odd their number", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    const partitions = [-1, -2_147_483_648, 2_147_483_647];
    producer.write(request(1, 1, { entries: partitions.map((partition) => ({ ...entry, partition })) }));
    await world.runUntil(() => api.produceCalls.length === 1);
    expect(api.produceCalls[0]!.request.entries.map(({ id }) => id.partition)).toEqual(partitions);
  }));

test("a request without entries has an answer without results", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    api.onProduce = (call) => call.resolve([]);
    producer.write(request(4, 1, { entries: [] }));
    await world.runUntil(() => producer.answers.length === 1);
    expect(producer.answers).toEqual([{ correlation: 4, results: [] }]);
  }));

test.for([
  { error: new ClusterError("NOT_ENOUGH_REPLICAS", "1 of 2"), code: "NOT_ENOUGH_REPLICAS", message: "1 of 2" },
  { error: new TypeError("x is undefined"), code: "UNKNOWN_SERVER_ERROR", message: "x is undefined" },
])("a request that fails as a whole is answered with $code for each entry", ({ error, code, message }) =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    api.onProduce = (call) => call.reject(error);
    producer.write(request(1, 1, { entries: [entry, { ...entry, partition: 1 }] }));
    await world.runUntil(() => producer.answers.length === 1);
    const failed = { kind: "failed", failure: { code, message } };
    expect(producer.answers[0]!.results).toEqual([failed, failed]);
  }),
);

test("an invariant that does not hold is nobody's answer: it ends the process", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    api.onProduce = (call) => call.reject(new InvariantError("two leaders"));
    producer.write(request(1));
    await expect(world.runFor(100)).rejects.toThrow(/two leaders/);
  }));

test("acks none has no answer, but gives its credit back", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    api.onProduce = (call) => call.resolve([]);
    for (let index = 0; index < 100; index += 1) {
      // The same correlation throughout: nothing is matched by it.
      producer.write(request(1, 60_000, { acks: 2 }));
      await world.runUntil(() => producer.messages.length === index + 1);
    }
    expect(api.produceCalls.length).toBe(100);
    expect(producer.answers).toEqual([]);
  }));

test("a client that half-closes has its answers, then OK", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    producer.write(request(1));
    producer.stream.end();
    await world.runUntil(() => api.produceCalls.length === 1);
    await world.runFor(1_000);
    expect(producer.status).toBeUndefined();
    api.produceCalls[0]!.resolve([stored(5)]);
    await world.runUntil(() => producer.status !== undefined);
    expect([producer.answers.length, producer.status!.status]).toEqual([1, "OK"]);
  }));

test("a client that goes away aborts its requests, and what they held is free when they end", () =>
  onStage(async ({ world, api, connect, server }) => {
    const producer = new Producer(connect());
    producer.write(request(1, 10_000));
    await world.runUntil(() => api.produceCalls.length === 1);
    expect(server.ports.metrics.value("varve_grpc_produce_held_bytes")).toBeGreaterThan(10_000);
    producer.stream.cancel();
    await world.runUntil(() => api.produceCalls[0]!.signal.aborted);
    expect(server.ports.metrics.value("varve_grpc_produce_held_bytes")).toBeGreaterThan(10_000);
    api.produceCalls[0]!.resolve([stored(0)]);
    await world.runFor(10);
    expect(server.ports.metrics.value("varve_grpc_produce_held_bytes")).toBe(0);
    expect(server.ports.metrics.value("varve_grpc_streams")).toBe(0);
  }));

test("with 1,024 requests unanswered the server stops reading the stream, and reads on when it has answered some", () =>
  onStage(async ({ world, api, connect }) => {
    const producer = new Producer(connect());
    api.onProduce = (call) => call.resolve([stored(0)]);
    producer.write(request(0));
    await world.runUntil(() => producer.grantedBytes > 0);
    api.onProduce = () => {};
    api.produceCalls.length = 0;
    for (let correlation = 1; correlation <= produceInFlightMax + 200; correlation += 1) producer.write(request(correlation));
    await world.runFor(1_000);
    // One message may be on its way when a stream is paused.
    expect(api.produceCalls.length).toBeLessThanOrEqual(produceInFlightMax + 1);
    expect(api.produceCalls.length).toBeGreaterThanOrEqual(produceInFlightMax);
    const other = new Producer(connect());
    other.write(request(1));
    await world.runUntil(() => api.produceCalls.some((call) => call.atMs > 1_000));
    for (const call of api.produceCalls.slice(0, 300)) call.resolve([stored(0)]);
    await world.runUntil(() => api.produceCalls.length === produceInFlightMax + 201);
  }));

test("a client that never reads its answers keeps a bounded part of them, costs nobody else, and is ended after a minute", () =>
  onStage(
    async ({ world, api, connect, server }) => {
      const stuck = new Producer(connect());
      const other = new Producer(connect());
      stuck.stream.pause();
      api.onProduce = (call) => call.reject(new ClusterError("KAFKA_STORAGE_ERROR", "x".repeat(2_000)));
      let sentBytes = 0;
      for (let correlation = 1; sentBytes < initialCreditBytes - 200; correlation += 1) {
        const message = request(correlation, 20);
        sentBytes += message.length;
        stuck.write(message);
      }
      await world.runFor(1_000);
      expect(stuck.messages.length).toBeLessThanOrEqual(1);
      api.onProduce = (call) => call.resolve([stored(0)]);
      const beforeMs = world.nowMs;
      other.write(request(1));
      await world.runUntil(() => other.answers.length === 1);
      expect(world.nowMs - beforeMs).toBeLessThan(10);
      await world.runFor(80_000);
      expect(server.ports.metrics.value("varve_grpc_refusals_total", { reason: "stalled" })).toBe(1);
      expect(server.ports.metrics.value("varve_grpc_produce_held_bytes")).toBe(0);
      stuck.stream.resume();
      await world.runUntil(() => stuck.status !== undefined);
      expect(stuck.status).toMatchObject({ status: "RESOURCE_EXHAUSTED" });
      expect(stuck.status!.message).toBe("no answer was taken off the stream for 60000 ms");
    },
    { limits: { streamStallMsMax: 60_000 } },
  ));

test("when the pool is full, streams beyond their share are refused with an error that says so, and those within it are served", () =>
  onStage(
    async ({ world, api, connect, server }) => {
      const large = new Producer(connect());
      const small = new Producer(connect());
      large.write(request(1, 900_000));
      await world.runUntil(() => api.produceCalls.length === 1);
      small.write(request(1, 10_000));
      await world.runUntil(() => api.produceCalls.length === 2);
      // Both are in flight, and the pool of 1,000,000 has little left: a second large stream is refused, a second small one is not.
      const another = new Producer(connect());
      another.write(request(1, 900_000));
      await world.runUntil(() => another.answers.length === 1);
      expect(another.answers[0]!.results).toMatchObject([{ failure: { code: "THROTTLING_QUOTA_EXCEEDED" } }]);
      const modest = new Producer(connect());
      modest.write(request(1, 60_000));
      await world.runUntil(() => api.produceCalls.length === 3);
      expect(server.ports.metrics.value("varve_grpc_refusals_total", { reason: "memory" })).toBe(1);
      // What is answered is free again.
      for (const call of api.produceCalls) call.resolve([stored(0)]);
      await world.runFor(10);
      another.write(request(2, 900_000));
      await world.runUntil(() => api.produceCalls.length === 4);
    },
    { limits: { producePoolBytesMax: 1_000_000 } },
  ));

test("windows shrink as more streams share the pool, and grow again when streams have been idle for long", () =>
  onStage(
    async ({ world, api, connect }) => {
      api.onProduce = (call) => call.resolve([stored(0)]);
      const producers = [1, 2, 3, 4].map(() => new Producer(connect()));
      const window = async (producer: Producer) => {
        const before = producer.messages.length;
        producer.write(request(1, 1_000));
        await world.runUntil(() => producer.messages.length > before);
        const sentBytes = producer.messages.length * request(1, 1_000).length;
        return initialCreditBytes + producer.grantedBytes - sentBytes;
      };
      expect(await window(producers[0]!)).toBe(1_000_000);
      expect(await window(producers[1]!)).toBe(500_000);
      expect(await window(producers[2]!)).toBe(333_333);
      expect(await window(producers[3]!)).toBe(250_000);
      // What was granted is not taken back, only not renewed.
      expect(await window(producers[0]!)).toBe(1_000_000 - request(1, 1_000).length);
      await world.runFor(25_000);
      expect(await window(producers[3]!)).toBe(1_000_000);
    },
    { limits: { producePoolBytesMax: 1_000_000 } },
  ));

test("a stream without a message for ten minutes is ended; one with a request in flight is not", () =>
  onStage(async ({ world, api, connect }) => {
    const idle = new Producer(connect());
    const waiting = new Producer(connect());
    waiting.write(request(1));
    await world.runFor(615_000);
    expect(idle.status).toMatchObject({ status: "UNAVAILABLE" });
    expect(waiting.status).toBeUndefined();
    api.produceCalls[0]!.resolve([stored(0)]);
    await world.runUntil(() => waiting.answers.length === 1);
  }));

test("a message over the limit ends its stream only", () =>
  onStage(async ({ world, api, connect }) => {
    const connection = connect();
    const large = new Producer(connection);
    large.write(request(1, messageBytesMax));
    await world.runUntil(() => large.status !== undefined);
    expect(large.status!.status).toBe("RESOURCE_EXHAUSTED");
    const good = new Producer(connection);
    good.write(request(1, messageBytesMax - 100));
    await world.runUntil(() => api.produceCalls.length === 1);
  }));
