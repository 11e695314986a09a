// Shows both ends of the fetch stream against each other: outcomes, the window that the caller releases, and what is late and what is not.

import type { Offset } from "@varve/model";
import { expect, test } from "vitest";
import { initialCreditBytes } from "../src/limits.ts";
import { callerOf, fetchWith } from "./callers.ts";
import { batches, onStage, topicId } from "./rig.ts";

const id = { topicId, partition: 7 };
const offset = (value: number) => value as Offset;

const fetchRequest = {
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 1_048_576,
  entries: [{ id, from: offset(42), maxBytes: 1_048_576, leaderEpoch: undefined }],
};

test("every request has its outcome, and says at the far end what it said here", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const { call } = fetchWith(callerOf(stage));
    const outcomes: unknown[] = [];
    call.send(fetchRequest, (outcome) => outcomes.push(outcome));
    await world.runUntil(() => api.fetchCalls.length === 1);
    const { bytesMaxNow: _ofTheFarEnd, ...said } = api.fetchCalls[0]!.request;
    expect(said).toEqual(fetchRequest);
    const outOfRange = {
      kind: "failed",
      failure: { code: "OFFSET_OUT_OF_RANGE", message: "asked 42" },
      highWatermark: offset(40),
      logStart: offset(0),
    } as const;
    api.fetchCalls[0]!.resolve([outOfRange]);
    await world.runUntil(() => outcomes.length === 1);
    call.send(fetchRequest, (outcome) => outcomes.push(outcome));
    await world.runUntil(() => api.fetchCalls.length === 2);
    api.fetchCalls[1]!.resolve([batches(50, Uint8Array.of(1, 2), Uint8Array.of(3))]);
    await world.runUntil(() => outcomes.length === 2);
    expect(outcomes).toEqual([[outOfRange], [batches(50, Uint8Array.of(1, 2, 3))]]);
  }));

test("the server sends no more than the window before the caller has released some", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const windowBytes = 1_000_000;
    const { call } = fetchWith(callerOf(stage), windowBytes);
    api.onFetch = (called) => called.resolve([batches(9, new Uint8Array(100_000))]);
    let heldBytes = 0;
    let answers = 0;
    for (let index = 0; index < 30; index += 1) {
      call.send(fetchRequest, (_outcome, bytes) => {
        answers += 1;
        heldBytes += bytes;
      });
    }
    await world.runFor(10_000);
    // The last one may go over it.
    expect(heldBytes).toBeGreaterThan(windowBytes - 100_100);
    expect(heldBytes).toBeLessThan(windowBytes + 100_100);
    while (answers < 30) {
      call.release(heldBytes);
      heldBytes = 0;
      await world.runUntil(() => heldBytes > 0, 10_000);
    }
    expect(call.inFlight).toBe(0);
  }));

test("more than 100 requests are not sent, and ready is told when one is answered", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const fetching = fetchWith(callerOf(stage));
    for (let index = 0; index < 100; index += 1) fetching.call.send(fetchRequest, () => {});
    expect(fetching.call.isReady).toBe(false);
    await world.runUntil(() => api.fetchCalls.length === 100);
    api.fetchCalls[0]!.resolve([batches(1)]);
    await world.runUntil(() => fetching.ready === 1);
    expect(fetching.closed).toBeUndefined();
  }));

test("a caller that holds back its own window is not told that the server is late", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const fetching = fetchWith(callerOf(stage), initialCreditBytes);
    api.onFetch = (called) => called.resolve([batches(9, new Uint8Array(100_000))]);
    let held = 0;
    fetching.call.send(fetchRequest, (_outcome, bytes) => {
      held = bytes;
    });
    await world.runUntil(() => held > 0);
    fetching.call.send(fetchRequest, () => {});
    await world.runFor(300_000);
    expect([fetching.closed, fetching.call.inFlight]).toEqual([undefined, 1]);
    fetching.call.release(held);
    await world.runUntil(() => fetching.call.inFlight === 0);
  }));
