// What the loads show: how many requests are unanswered, what is counted, when an operation was due, and how a latency is kept.

import type { FetchRequest, FetchResult, ProduceRequest, ProduceResult } from "@varve/api";
import { type ClusterError, offsetZero, toOffset, toTopicId, uuidToText } from "@varve/model";
import { batchSize, recordCountOf } from "@varve/record";
import { nodeCompression } from "@varve/runtime/node";
import { expect, test } from "vitest";
import { batchOfSize, FetchLoad, LatencyHistogram, LoadCounts, OpenLoop, ProduceLoad } from "../src/index.ts";

const topicId = toTopicId(uuidToText(new Uint8Array(16)));
const partitions = [0, 1].map((partition) => ({ topicId, partition }));
const stored: ProduceResult = { kind: "stored", baseOffset: offsetZero, appendTimeMs: undefined, logStart: offsetZero };

interface Asked<Request, Result> {
  readonly request: Request;
  readonly done: (outcome: readonly Result[] | ClusterError, heldBytes: number) => void;
}

/** A stream that answers when the test says so. */
function line<Request, Result>() {
  const asked: Asked<Request, Result>[] = [];
  const released: number[] = [];
  return {
    isReady: true,
    asked,
    released,
    send: (request: Request, done: Asked<Request, Result>["done"]) => void asked.push({ request, done }),
    release: (heldBytes: number) => void released.push(heldBytes),
  };
}

test("an open loop's operations are due at its rate, whenever they are taken", () => {
  const loop = new OpenLoop(1_000, 200);
  expect([loop.take(999), loop.take(1_000), loop.take(1_004)]).toEqual([undefined, 1_000, undefined]);
  expect([loop.take(1_011), loop.take(1_011), loop.take(1_011)]).toEqual([1_005, 1_010, undefined]);
  expect(loop.nextMs).toBe(1_015);
});

test("a latency is kept to three digits, and percentiles are of all that were recorded", () => {
  const histogram = new LatencyHistogram();
  for (let micros = 1; micros <= 1_000; micros++) histogram.record(micros);
  histogram.record(0.2);
  histogram.record(1e12);
  expect(histogram.summary()).toMatchObject({ count: 1_002, p50: 500, p90: 901 });
  expect(histogram.summary().max).toBeGreaterThanOrEqual(600_000_000);
  histogram.clear();
  expect(histogram.count).toBe(0);
});

test("a batch has exactly the size that was asked for, down to the length fields of its records", () => {
  for (const sizeBytes of [300, 1_152, 16_384, 16_385, 131_072]) {
    const batch = batchOfSize(sizeBytes, Math.min(1_000, sizeBytes - 200), 1_700_000_000_000, nodeCompression);
    expect([batch.length, batchSize(batch, 0)]).toEqual([sizeBytes, sizeBytes]);
  }
});

test("a closed produce load keeps its depth unanswered, takes partitions in turn, and counts what was stored", () => {
  const stream = line<ProduceRequest, ProduceResult>();
  const counts = new LoadCounts();
  const batch = batchOfSize(1_152, 1_000, 1_700_000_000_000, nodeCompression);
  const load = new ProduceLoad(stream, { partitions, batch, recordCount: 1, acks: "all", timeoutMs: 1_000, depth: 3 }, counts);
  load.start();
  expect(stream.asked.map(({ request }) => request.entries[0]?.id.partition)).toEqual([0, 1, 0]);
  stream.asked[0]?.done([stored], 0);
  expect(stream.asked.length).toBe(4);
  expect(counts).toMatchObject({ ops: 1, records: 1, bytes: 1_152, failures: 0 });
  stream.isReady = false;
  stream.asked[1]?.done([stored], 0);
  expect(stream.asked.length).toBe(4);
  load.stop();
});

test("a produce load ends at the first refusal, and tells it", () => {
  const stream = line<ProduceRequest, ProduceResult>();
  const counts = new LoadCounts();
  const batch = batchOfSize(1_152, 1_000, 1_700_000_000_000, nodeCompression);
  const load = new ProduceLoad(stream, { partitions, batch, recordCount: 1, acks: "all", timeoutMs: 1_000, depth: 2 }, counts);
  load.start();
  stream.asked[0]?.done([{ kind: "failed", failure: { code: "NOT_LEADER_OR_FOLLOWER", message: "led elsewhere" } }], 0);
  expect(counts).toMatchObject({ ops: 0, failures: 1, firstFailure: "led elsewhere" });
  expect(stream.asked.length).toBe(2);
});

test("a fetch load asks on where an answer ended, gives back what it held, and begins again at the end", () => {
  const stream = line<FetchRequest, FetchResult>();
  const counts = new LoadCounts();
  const batch = batchOfSize(16_384, 1_000, 1_700_000_000_000, nodeCompression);
  const recordCount = recordCountOf(batch, 0);
  const options = { partitions: partitions.slice(0, 1), endOffset: toOffset(recordCount), maxBytes: 1_048_576 };
  const load = new FetchLoad(stream, options, counts);
  load.start();
  expect(stream.asked[0]?.request.entries).toEqual([{ id: partitions[0], from: 0, maxBytes: 1_048_576, leaderEpoch: undefined }]);
  const answer: FetchResult = {
    kind: "batches",
    highWatermark: toOffset(recordCount),
    logStart: offsetZero,
    chunks: [batch],
    byteLength: 16_384,
  };
  stream.asked[0]?.done([answer], 16_500);
  expect(counts).toMatchObject({ ops: 1, bytes: 16_384, records: recordCount });
  expect(stream.released).toEqual([16_500]);
  expect(stream.asked[1]?.request.entries[0]?.from).toBe(0);
  load.stop();
});
