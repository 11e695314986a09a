// Shows the answering end of the fetch stream: requests beside each other, credit, what is held for a client that does not take it, and limits.

import { ClusterError } from "@varve/model";
import { fetchMethod } from "@varve/proto";
import type { MessageConnection } from "@varve/runtime";
import { expect, test } from "vitest";
import { decodeFetchResponse, type FetchResponse } from "../src/fetch-codec.ts";
import { fetchInFlightMax, initialCreditBytes } from "../src/limits.ts";
import { encodeTheirs } from "./contract.ts";
import { batches, onStage, RecordedStream, topicBytes } from "./rig.ts";

/** A request as a program that knows only the .proto files makes it. */
function request(correlation: number, more: object = {}): Uint8Array {
  const entries = [{ topicId: topicBytes, partition: 0, fromOffset: correlation, maxBytes: 1_048_576 }];
  const bounds = { maxWaitMs: 500, minBytes: 1, maxBytes: 1_048_576 };
  return new Uint8Array(encodeTheirs("FetchRequest", { correlation, entries, ...bounds, ...more }));
}

function credit(creditBytes: number | string): Uint8Array {
  return new Uint8Array(encodeTheirs("FetchRequest", { creditBytes }));
}

class Consumer extends RecordedStream {
  constructor(connection: MessageConnection) {
    super(connection, fetchMethod);
  }

  get responses(): readonly FetchResponse[] {
    return this.messages.map(decodeFetchResponse);
  }

  get correlations(): readonly number[] {
    return this.responses.map((response) => response.correlation);
  }
}

const mebibyte = new Uint8Array(1_048_576).fill(5);

test("requests wait beside each other, and are answered as their data comes", () =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    for (const correlation of [1, 2, 3]) consumer.write(request(correlation));
    await world.runUntil(() => api.fetchCalls.length === 3);
    expect(api.fetchCalls[0]!.request).toMatchObject({ maxWaitMs: 500, minBytes: 1, maxBytes: 1_048_576, entries: [{ from: 1 }] });
    api.fetchCalls[2]!.resolve([batches(10, Uint8Array.of(1, 2))]);
    await world.runUntil(() => consumer.messages.length === 1);
    api.fetchCalls[0]!.resolve([batches(11, Uint8Array.of(3), Uint8Array.of(4))]);
    await world.runUntil(() => consumer.messages.length === 2);
    expect(consumer.responses).toEqual([
      { correlation: 3, results: [batches(10, Uint8Array.of(1, 2))] },
      { correlation: 1, results: [batches(11, Uint8Array.of(3, 4))] },
    ]);
  }));

test("a client that knows nothing of credit has an answer of any size to its first request", () =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    api.onFetch = (call) => call.resolve([batches(10, mebibyte, mebibyte)]);
    consumer.write(request(1));
    await world.runUntil(() => consumer.messages.length === 1);
    expect(consumer.responses[0]!.results[0]).toMatchObject({ byteLength: 2_097_152 });
  }));

test("without credit nothing is sent or even asked for, and credit sets it going", () =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    api.onFetch = (call) => call.resolve([batches(10, mebibyte)]);
    consumer.write(request(1));
    await world.runUntil(() => consumer.messages.length === 1);
    consumer.write(request(2));
    consumer.write(request(3));
    await world.runFor(10_000);
    expect([consumer.messages.length, api.fetchCalls.length]).toEqual([1, 1]);
    consumer.write(credit(1_048_576 + 100 - initialCreditBytes));
    await world.runUntil(() => consumer.messages.length === 2);
    await world.runFor(10_000);
    expect(consumer.correlations).toEqual([1, 2]);
    consumer.write(credit("18446744073709551615"));
    await world.runUntil(() => consumer.messages.length === 3);
  }));

test("of the answers that are ready while none can go out, one is held and the others are asked for again in turn", () =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    for (const correlation of [1, 2, 3, 4]) consumer.write(request(correlation));
    await world.runUntil(() => api.fetchCalls.length === 4);
    for (const call of api.fetchCalls) call.resolve([batches(10, mebibyte)]);
    await world.runUntil(() => consumer.messages.length === 1);
    await world.runFor(100);
    expect([consumer.correlations, api.fetchCalls.length]).toEqual([[1], 4]);
    api.onFetch = (call) => call.resolve([batches(11, mebibyte)]);
    consumer.write(credit(100_000_000));
    await world.runUntil(() => consumer.messages.length === 4);
    expect(consumer.correlations).toEqual([1, 2, 3, 4]);
    // The second was held, the other two were read again, without waiting.
    expect(consumer.responses.map(({ results }) => results[0]!.highWatermark)).toEqual([10, 10, 11, 11]);
    expect(api.fetchCalls.slice(4).map((call) => [call.request.entries[0]!.from, call.request.maxWaitMs])).toEqual([
      [3, 0],
      [4, 0],
    ]);
  }));

test("an answer that has been held for a minute is dropped, and asked for again when its client wants it", () =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    for (const correlation of [1, 2]) consumer.write(request(correlation));
    await world.runUntil(() => api.fetchCalls.length === 2);
    for (const call of api.fetchCalls) call.resolve([batches(10, mebibyte)]);
    await world.runFor(80_000);
    api.onFetch = (call) => call.resolve([batches(12, mebibyte)]);
    consumer.write(credit(100_000_000));
    await world.runUntil(() => consumer.messages.length === 2);
    expect(consumer.responses.map(({ results }) => results[0]!.highWatermark)).toEqual([10, 12]);
  }));

test("failures wait for credit too, in any number, and are not asked for again", () =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    api.onFetch = (call) => call.resolve([batches(10, mebibyte)]);
    consumer.write(request(1));
    await world.runUntil(() => consumer.messages.length === 1);
    for (const correlation of [2, 3]) consumer.write(request(correlation, { entries: [{ topicId: new Uint8Array(3), partition: 0 }] }));
    await world.runFor(100);
    expect(consumer.messages.length).toBe(1);
    consumer.write(credit(100_000_000));
    await world.runUntil(() => consumer.messages.length === 3);
    expect(consumer.responses.slice(1)).toMatchObject(
      [2, 3].map((correlation) => ({ correlation, results: [{ failure: { code: "INVALID_REQUEST" } }] })),
    );
    expect(api.fetchCalls.length).toBe(1);
  }));

test("a client that takes nothing off the transport holds one answer here, costs nobody else, and is ended after a minute", () =>
  onStage(async ({ world, api, connect, server }) => {
    const stuck = new Consumer(connect());
    const other = new Consumer(connect());
    stuck.stream.pause();
    api.onFetch = (call) => call.resolve([batches(10, mebibyte)]);
    stuck.write(credit(1_000_000_000));
    for (let correlation = 1; correlation <= 50; correlation += 1) stuck.write(request(correlation));
    await world.runFor(1_000);
    // What the transport takes went out, and nothing more was read.
    expect(api.fetchCalls.length).toBeLessThanOrEqual(2);
    const sentBytes = server.ports.metrics.value("varve_grpc_sent_bytes_total", { method: "fetch" });
    expect(sentBytes).toBeLessThan(3 * mebibyte.length);
    const beforeMs = world.nowMs;
    other.write(request(1));
    await world.runUntil(() => other.messages.length === 1);
    expect(world.nowMs - beforeMs).toBeLessThan(20);
    await world.runFor(80_000);
    expect(server.ports.metrics.value("varve_grpc_refusals_total", { reason: "stalled" })).toBe(1);
    expect(server.ports.metrics.value("varve_grpc_sent_bytes_total", { method: "fetch" })).toBeLessThan(sentBytes + 2 * mebibyte.length);
  }));

test("while clients leave too much in the transport, answers are asked for in small pieces, until they take it or are gone", () =>
  onStage(
    async ({ world, api, connect }) => {
      api.onFetch = (call) => call.resolve([batches(10, mebibyte.subarray(0, call.request.bytesMaxNow?.()))]);
      const stuck = [1, 2, 3].map(() => new Consumer(connect()));
      for (const consumer of stuck) {
        consumer.stream.pause();
        consumer.write(credit(1_000_000_000));
        for (let correlation = 1; correlation <= 5; correlation += 1) consumer.write(request(correlation));
      }
      await world.runFor(1_000);
      const other = new Consumer(connect());
      other.write(credit(1_000_000_000));
      other.write(request(1));
      await world.runUntil(() => other.messages.length === 1);
      expect(other.responses[0]!.results[0]).toMatchObject({ byteLength: 65_536 });
      for (const consumer of stuck) consumer.stream.cancel();
      await world.runFor(100);
      other.write(request(2));
      await world.runUntil(() => other.messages.length === 2);
      expect(other.responses[1]!.results[0]).toMatchObject({ byteLength: 1_048_576 });
    },
    { limits: { fetchUnsentBytesMax: 3_000_000 } },
  ));

test("a client that reads slowly gets everything, in pieces that the transport takes", () =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    api.onFetch = (call) => call.resolve([batches(10, mebibyte)]);
    consumer.write(credit(1_000_000_000));
    for (let correlation = 1; correlation <= 20; correlation += 1) consumer.write(request(correlation));
    for (let pauses = 0; consumer.messages.length < 20 && pauses < 100; pauses += 1) {
      consumer.stream.pause();
      await world.runFor(50);
      consumer.stream.resume();
      await world.runFor(2);
    }
    expect([...consumer.correlations].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    // What memory answers at once is not read before it can go out, so nothing was read twice.
    expect(api.fetchCalls.length).toBe(20);
  }));

test("100 requests may be in flight on a stream, one more ends it", () =>
  onStage(async ({ world, api, connect, server }) => {
    const consumer = new Consumer(connect());
    for (let correlation = 1; correlation <= fetchInFlightMax; correlation += 1) consumer.write(request(correlation));
    await world.runUntil(() => api.fetchCalls.length === 100);
    expect(consumer.status).toBeUndefined();
    consumer.write(request(101));
    await world.runUntil(() => consumer.status !== undefined);
    expect(consumer.status).toMatchObject({ status: "RESOURCE_EXHAUSTED", error: "THROTTLING_QUOTA_EXCEEDED" });
    expect(api.fetchCalls.every((call) => call.signal.aborted)).toBe(true);
    expect(server.ports.metrics.value("varve_grpc_refusals_total", { reason: "in-flight" })).toBe(1);
  }));

test("requests beyond what the process holds are answered with an error that says so, until others are answered", () =>
  onStage(
    async ({ world, api, connect }) => {
      const one = new Consumer(connect());
      const other = new Consumer(connect());
      for (const correlation of [1, 2, 3]) one.write(request(correlation));
      await world.runUntil(() => api.fetchCalls.length === 3);
      other.write(request(1));
      await world.runUntil(() => other.messages.length === 1);
      expect(other.responses[0]!.results).toMatchObject([{ failure: { code: "THROTTLING_QUOTA_EXCEEDED" } }]);
      api.fetchCalls[0]!.resolve([batches(1)]);
      await world.runUntil(() => one.messages.length === 1);
      other.write(request(2));
      await world.runUntil(() => api.fetchCalls.length === 4);
      // A stream that ends gives back what it had.
      one.stream.cancel();
      await world.runUntil(() => api.fetchCalls[1]!.signal.aborted);
      for (const correlation of [3, 4]) other.write(request(correlation));
      await world.runUntil(() => api.fetchCalls.length === 6);
    },
    { limits: { fetchesInProcessMax: 3 } },
  ));

test.for([
  { name: "garbage", bytes: Uint8Array.of(7, 7, 7) },
  { name: "a message that is cut off", bytes: request(1).subarray(0, 20) },
  {
    name: "1,001 entries",
    bytes: request(1, { entries: Array.from({ length: 1_001 }, (_, partition) => ({ topicId: topicBytes, partition })) }),
  },
])("$name ends the stream with INVALID_REQUEST, and the next stream of the connection works", ({ bytes }) =>
  onStage(async ({ world, api, connect }) => {
    const connection = connect();
    const bad = new Consumer(connection);
    bad.write(bytes);
    await world.runUntil(() => bad.status !== undefined);
    expect(bad.status).toMatchObject({ status: "INVALID_ARGUMENT", error: "INVALID_REQUEST" });
    const good = new Consumer(connection);
    api.onFetch = (call) => call.resolve([batches(1)]);
    good.write(request(1));
    await world.runUntil(() => good.messages.length === 1);
  }),
);

test("a correlation that is in flight already ends the stream", () =>
  onStage(async ({ world, connect }) => {
    const consumer = new Consumer(connect());
    consumer.write(request(1));
    consumer.write(request(1));
    await world.runUntil(() => consumer.status !== undefined);
    expect(consumer.status).toMatchObject({ status: "INVALID_ARGUMENT", error: "INVALID_REQUEST" });
  }));

const entry = { topicId: topicBytes, partition: 0, fromOffset: 0 };

test.for([
  { name: "an offset of -1", entries: [{ ...entry, fromOffset: -1 }] },
  { name: "an offset of 2^63 - 1", entries: [{ ...entry, fromOffset: "9223372036854775807" }] },
  { name: "a topic id of 17 bytes", entries: [{ ...entry, topicId: new Uint8Array(17) }] },
  { name: "a partition that is named twice", entries: [entry, entry] },
])("a request with $name is answered with INVALID_REQUEST for each entry, and the stream goes on", ({ entries }) =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    api.onFetch = (call) => call.resolve([batches(1)]);
    consumer.write(request(1, { entries }));
    consumer.write(request(2));
    await world.runUntil(() => consumer.messages.length === 2);
    expect(consumer.responses[0]!.results).toMatchObject(entries.map(() => ({ kind: "failed", failure: { code: "INVALID_REQUEST" } })));
    expect(api.fetchCalls.length).toBe(1);
  }),
);

test("waits and sizes beyond any bound are cut to the server's own, and 0 is 0", () =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    consumer.write(request(1, { maxWaitMs: 4_294_967_295, minBytes: 4_294_967_295, maxBytes: 4_294_967_295 }));
    consumer.write(request(2, { maxWaitMs: 0, minBytes: 0, maxBytes: 0 }));
    await world.runUntil(() => api.fetchCalls.length === 2);
    expect(api.fetchCalls[0]!.request).toMatchObject({ maxWaitMs: 60_000, minBytes: 4_294_967_295, maxBytes: 6_291_456 });
    expect(api.fetchCalls[1]!.request).toMatchObject({ maxWaitMs: 0, minBytes: 0, maxBytes: 0 });
  }));

test("a request that fails as a whole is answered with its error for each entry", () =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    api.onFetch = (call) => call.reject(new ClusterError("NOT_LEADER_OR_FOLLOWER", "led by 3"));
    consumer.write(request(1, { entries: [entry, { ...entry, partition: 1 }] }));
    await world.runUntil(() => consumer.messages.length === 1);
    const failed = { kind: "failed", failure: { code: "NOT_LEADER_OR_FOLLOWER", message: "led by 3" } };
    expect(consumer.responses[0]!.results).toEqual([failed, failed]);
  }));

test("a client that half-closes has its answers, then OK", () =>
  onStage(async ({ world, api, connect }) => {
    const consumer = new Consumer(connect());
    consumer.write(request(1));
    consumer.stream.end();
    await world.runUntil(() => api.fetchCalls.length === 1);
    api.fetchCalls[0]!.resolve([batches(1)]);
    await world.runUntil(() => consumer.status !== undefined);
    expect([consumer.messages.length, consumer.status!.status]).toEqual([1, "OK"]);
  }));

test("a stream with nothing in flight and no message for ten minutes is ended", () =>
  onStage(async ({ world, connect }) => {
    const idle = new Consumer(connect());
    await world.runFor(615_000);
    expect(idle.status).toMatchObject({ status: "UNAVAILABLE" });
  }));
