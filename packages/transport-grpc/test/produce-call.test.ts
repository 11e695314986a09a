// Shows both ends of the produce stream against each other: outcomes, readiness, failures, and a network that does all it can.

import { ClusterError, type Offset } from "@varve/model";
import { drawFaults, noFaults, soundNetwork } from "@varve/sim";
import { expect, test } from "vitest";
import { callerProduceInFlightMax, initialCreditBytes, messageBytesMax } from "../src/limits.ts";
import { callerOf, produceWith, requestOf } from "./callers.ts";
import { onStage, stored, topicId } from "./rig.ts";

const id = { topicId, partition: 7 };

test("every request has its outcome, and says at the far end what it said here", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const { call, outcomes } = produceWith(callerOf(stage));
    const request = requestOf(1_000, { acks: "leader", timeoutMs: 1_234 });
    call.send(request, (outcome) => outcomes.push(outcome));
    call.send(requestOf(10), (outcome) => outcomes.push(outcome));
    await world.runUntil(() => api.produceCalls.length === 2);
    expect(api.produceCalls[0]!.request).toEqual(request);
    api.produceCalls[1]!.resolve([{ kind: "stored", baseOffset: 3 as Offset, appendTimeMs: 99, logStart: 1 as Offset }]);
    await world.runUntil(() => outcomes.length === 1);
    api.produceCalls[0]!.resolve([{ kind: "failed", failure: { code: "NOT_LEADER_OR_FOLLOWER", message: "led by 2" } }]);
    await world.runUntil(() => outcomes.length === 2);
    expect(outcomes).toEqual([
      [{ kind: "stored", baseOffset: 3, appendTimeMs: 99, logStart: 1 }],
      [{ kind: "failed", failure: { code: "NOT_LEADER_OR_FOLLOWER", message: "led by 2" } }],
    ]);
    expect(call.inFlight).toBe(0);
  }));

test("with acks none a batch may be changed once it is sent", () =>
  onStage(async (stage) => {
    const { call, outcomes } = produceWith(callerOf(stage));
    const request = requestOf(10_000, { acks: "none" });
    call.send(request, (outcome) => outcomes.push(outcome));
    expect(outcomes).toEqual([[]]);
    request.entries[0]!.batch.fill(0);
    await stage.world.runUntil(() => stage.api.produceCalls.length === 1);
    expect(stage.api.produceCalls[0]!.request.entries[0]!.batch).toEqual(new Uint8Array(10_000).fill(6));
  }));

test("acks none is done at once, and goes on for as long as credit comes back", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const producing = produceWith(callerOf(stage));
    const { call, outcomes } = producing;
    api.onProduce = (called) => called.resolve([]);
    for (let index = 0; index < 50; index += 1) {
      await world.runUntil(() => call.isReady);
      call.send(requestOf(50_000, { acks: "none" }), (outcome) => outcomes.push(outcome));
      expect(outcomes.length).toBe(index + 1);
    }
    await world.runUntil(() => api.produceCalls.length === 50);
  }));

test("not ready without credit, ready is told when it comes", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const producing = produceWith(callerOf(stage));
    producing.call.send(requestOf(initialCreditBytes), () => {});
    expect(producing.call.isReady).toBe(false);
    expect(() => producing.call.send(requestOf(1), () => {})).toThrow(/not ready/);
    await world.runUntil(() => api.produceCalls.length === 1);
    api.produceCalls[0]!.resolve([stored(0)]);
    await world.runUntil(() => producing.ready === 1);
    expect(producing.call.isReady).toBe(true);
  }));

test("512 requests may wait for their answer; with one more it is not ready until some were answered", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const producing = produceWith(callerOf(stage));
    let sent = 0;
    for (; producing.call.isReady; sent += 1) producing.call.send(requestOf(10), () => {});
    expect(sent).toBe(callerProduceInFlightMax);
    expect(() => producing.call.send(requestOf(10), () => {})).toThrow(/not ready/);
    await world.runUntil(() => api.produceCalls.length === sent);
    api.produceCalls[0]!.resolve([stored(0)]);
    await world.runUntil(() => producing.ready === 1);
    expect(producing.call.inFlight).toBe(callerProduceInFlightMax - 1);
  }));

test("a sender that keeps to isReady never breaks a rule, at full speed, with batches of any size", () =>
  onStage(
    async (stage) => {
      const { api, world } = stage;
      api.onProduce = (called) => world.after(1 + (api.produceCalls.length % 5), () => called.resolve([stored(api.produceCalls.length)]));
      const producing = produceWith(callerOf(stage));
      let sent = 0;
      let done = 0;
      await world.runUntil(() => {
        while (producing.call.isReady && sent < 2_000) {
          sent += 1;
          producing.call.send(requestOf((sent * 7_919) % 40_000), () => {
            done += 1;
          });
          expect(producing.call.inFlight).toBeLessThanOrEqual(callerProduceInFlightMax);
        }
        return done === 2_000;
      });
      expect(producing.closed).toBeUndefined();
    },
    { faults: { ...noFaults, network: { ...soundNetwork, streamBufferBytes: 16_384, streamWindowBytes: 65_536 } } },
  ));

test("a request over the limit of a message is refused here, and the stream goes on", () =>
  onStage(async (stage) => {
    const { call } = produceWith(callerOf(stage));
    expect(() => call.send(requestOf(messageBytesMax), () => {})).toThrow(expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }));
    call.send(requestOf(10), () => {});
    await stage.world.runUntil(() => stage.api.produceCalls.length === 1);
  }));

test("what is in flight when the connection is lost has an unknown outcome, and closed is told last", () =>
  onStage(async (stage) => {
    const { api, world, server } = stage;
    const caller = callerOf(stage);
    const producing = produceWith(caller);
    const order: string[] = [];
    for (const name of ["a", "b"]) {
      producing.call.send(requestOf(10), (outcome) => {
        order.push(name);
        producing.outcomes.push(outcome);
      });
    }
    await world.runUntil(() => api.produceCalls.length === 2);
    server.kill("process");
    await world.runUntil(() => producing.closed !== undefined);
    expect(order).toEqual(["a", "b"]);
    for (const outcome of [...producing.outcomes, producing.closed!.error]) {
      expect(outcome).toBeInstanceOf(ClusterError);
      expect(outcome).toMatchObject({ code: "NETWORK_EXCEPTION" });
    }
    expect(producing.call.isReady).toBe(false);
  }));

test("end waits for the answers and closes without an error", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const producing = produceWith(callerOf(stage));
    producing.call.send(requestOf(10), (outcome) => producing.outcomes.push(outcome));
    producing.call.end();
    expect(producing.call.isReady).toBe(false);
    await world.runUntil(() => api.produceCalls.length === 1);
    api.produceCalls[0]!.resolve([stored(1)]);
    await world.runUntil(() => producing.closed !== undefined);
    expect(producing.outcomes).toEqual([[stored(1)]]);
    expect(producing.closed).toEqual({ error: undefined });
  }));

test("a server that falls silent is given up when a request's time is over, though the connection lives", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const producing = produceWith(callerOf(stage));
    api.onProduce = () => {};
    producing.call.send(requestOf(10, { timeoutMs: 5_000 }), (outcome) => producing.outcomes.push(outcome));
    producing.call.send(requestOf(10, { timeoutMs: 500 }), (outcome) => producing.outcomes.push(outcome));
    await world.runUntil(() => producing.closed !== undefined);
    expect(world.nowMs).toBeGreaterThan(10_500);
    expect(world.nowMs).toBeLessThan(12_000);
    expect(producing.outcomes).toMatchObject([{ code: "NETWORK_EXCEPTION" }, { code: "NETWORK_EXCEPTION" }]);
  }));

test("a drained server answers what it took, and the rest is unknown", () =>
  onStage(async (stage) => {
    const { api, world, listener } = stage;
    const producing = produceWith(callerOf(stage));
    producing.call.send(requestOf(10), (outcome) => producing.outcomes.push(outcome));
    await world.runUntil(() => api.produceCalls.length === 1);
    const drained = listener.drain(10_000);
    producing.call.send(requestOf(10), (outcome) => producing.outcomes.push(outcome));
    await world.runFor(100);
    api.produceCalls[0]!.resolve([stored(1)]);
    await world.run(drained);
    await world.runUntil(() => producing.closed !== undefined);
    expect(producing.outcomes).toMatchObject([[stored(1)], { code: "NETWORK_EXCEPTION" }]);
  }));

test.for(Array.from({ length: 20 }, (_, seed) => seed + 1))(
  "over a network with every fault, seed %i, each request has exactly one outcome, answered ones were carried out, in order per stream",
  (seed) =>
    onStage(
      async (stage) => {
        const { api, world } = stage;
        const caller = callerOf(stage);
        const carriedOut: number[] = [];
        api.onProduce = (called) => {
          const [entry] = called.request.entries;
          carriedOut.push(entry!.batch[0]! * 256 + entry!.batch[1]!);
          world.after(1, () => called.resolve([stored(carriedOut.length)]));
        };
        const wanted = 300;
        const outcomes = new Map<number, number>();
        let next = 0;
        let answered = 0;
        let producing = produceWith(caller);
        const streams: number[][] = [[]];
        await world.runUntil(() => {
          if (producing.closed !== undefined) {
            producing = produceWith(caller);
            streams.push([]);
          }
          while (producing.call.isReady && next < wanted) {
            const number = next;
            next += 1;
            streams.at(-1)!.push(number);
            const batch = new Uint8Array(2 + ((number * 7_919) % 20_000));
            batch.set([number >> 8, number & 255]);
            producing.call.send({ acks: "all", timeoutMs: 10_000, entries: [{ id, leaderEpoch: undefined, batch }] }, (outcome) => {
              outcomes.set(number, (outcomes.get(number) ?? 0) + 1);
              if (outcome instanceof ClusterError) return;
              answered += 1;
              expect(carriedOut).toContain(number);
            });
          }
          return outcomes.size === wanted;
        }, 3_600_000);
        expect([...outcomes.values()].every((count) => count === 1)).toBe(true);
        expect(new Set(carriedOut).size).toBe(carriedOut.length);
        for (const numbers of streams) {
          const order = carriedOut.filter((number) => numbers.includes(number));
          expect(order).toEqual(numbers.slice(0, order.length));
        }
        expect(answered).toBeGreaterThan(0);
      },
      { seed, faults: drawFaults(seed) },
    ),
);
