// Shows both ends of ours against each other: every operation, callbacks and their order, windows, failures, and a network that does all it can.

import type { ClusterApi, ProduceRequest, ProduceResult } from "@varve/api";
import { ClusterError, type Offset } from "@varve/model";
import { drawFaults, noFaults, soundNetwork } from "@varve/sim";
import { expect, test } from "vitest";
import { type FetchCall, type GrpcCaller, grpcCaller, type ProduceCall } from "../src/index.ts";
import { callerProduceInFlightMax, initialCreditBytes, messageBytesMax } from "../src/limits.ts";
import { batches, onStage, type Stage, stored, topicId } from "./rig.ts";

const never = new AbortController().signal;

function callerOf({ client, listener }: Stage, address: string = listener.address): GrpcCaller {
  const { network, clock } = client.ports;
  return grpcCaller({ network, address, clock });
}

function requestOf(batchBytes: number, more: Partial<ProduceRequest> = {}): ProduceRequest {
  const batch = new Uint8Array(batchBytes).fill(6);
  return { acks: "all", timeoutMs: 30_000, entries: [{ id: { topicId, partition: 2 }, leaderEpoch: 4, batch }], ...more };
}

interface Producing {
  readonly call: ProduceCall;
  readonly outcomes: (readonly ProduceResult[] | ClusterError)[];
  ready: number;
  closed: { error: ClusterError | undefined } | undefined;
}

function produceWith(caller: GrpcCaller): Producing {
  const producing = {
    outcomes: [] as (readonly ProduceResult[] | ClusterError)[],
    ready: 0,
    closed: undefined as { error: ClusterError | undefined } | undefined,
  };
  const call = caller.openProduce({
    ready: () => {
      producing.ready += 1;
    },
    closed: (error) => {
      producing.closed = { error };
    },
  });
  return Object.assign(producing, { call });
}

interface Fetching {
  readonly call: FetchCall;
  ready: number;
  closed: { error: ClusterError | undefined } | undefined;
}

function fetchWith(caller: GrpcCaller, windowBytes?: number): Fetching {
  const fetching = { ready: 0, closed: undefined as { error: ClusterError | undefined } | undefined };
  const call = caller.openFetch(
    {
      ready: () => {
        fetching.ready += 1;
      },
      closed: (error) => {
        fetching.closed = { error };
      },
    },
    windowBytes,
  );
  return Object.assign(fetching, { call });
}

const id = { topicId, partition: 7 };
const failed = { kind: "failed", failure: { code: "UNKNOWN_TOPIC_OR_PARTITION", message: "no topic x" } } as const;
const offset = (value: number) => value as Offset;

/** Each operation: how it is called, what the api is to be asked, and what both say. */
const operations: readonly { name: keyof ClusterApi; args: readonly unknown[]; result: unknown }[] = [
  {
    name: "describeCluster",
    args: [],
    result: { clusterId: "c-1", controllerId: 2, brokers: [{ id: 2, address: "host:9092", epoch: 8_589_934_592 }] },
  },
  {
    name: "listTopics",
    args: ["orders", 10],
    result: { topics: [{ name: "parts", topicId, partitionCount: 3, replicationFactor: 1 }], more: true },
  },
  { name: "listTopics", args: ["", undefined], result: { topics: [], more: false } },
  {
    name: "describeTopics",
    args: [[{ name: "orders" }, { topicId }, { name: "x" }]],
    result: [
      {
        kind: "ok",
        value: {
          name: "orders",
          topicId,
          partitions: [
            { partition: 0, leader: 0, leaderEpoch: 5, replicas: [0, 1], inSyncReplicas: [1] },
            { partition: 1, leader: undefined, leaderEpoch: 0, replicas: [], inSyncReplicas: [] },
          ],
        },
      },
      { kind: "ok", value: { name: "by id", topicId, partitions: [] } },
      failed,
    ],
  },
  {
    name: "createTopics",
    args: [[{ name: "orders", partitionCount: undefined, replicationFactor: 3, config: new Map([["a", "1"]]) }], true],
    result: [{ kind: "ok", value: { name: "orders", topicId, partitionCount: 1, replicationFactor: 3 } }],
  },
  { name: "deleteTopics", args: [[{ topicId }, { name: "x" }]], result: [{ kind: "ok", value: { name: "orders", topicId } }, failed] },
  { name: "createPartitions", args: ["orders", 12, true], result: undefined },
  {
    name: "describeConfigs",
    args: ["orders"],
    result: [{ key: "retention.ms", value: "5", isSet: true, defaultValue: "604800000", about: "How long." }],
  },
  {
    name: "alterConfigs",
    args: [{ topicName: "orders", set: new Map([["a", ""]]), unset: ["b"], validateOnly: false }],
    result: undefined,
  },
  {
    name: "deleteRecords",
    args: [
      [
        { id, before: undefined },
        { id, before: offset(0) },
        { id, before: offset(2 ** 53 - 1) },
      ],
    ],
    result: [{ kind: "ok", value: offset(0) }, failed, { kind: "ok", value: offset(2 ** 53 - 1) }],
  },
  {
    name: "listOffsets",
    args: [
      [
        { id, position: { kind: "earliest" }, leaderEpoch: undefined },
        { id, position: { kind: "latest" }, leaderEpoch: 0 },
        { id, position: { kind: "timestamp", timestampMs: 1_700_000_000_000 }, leaderEpoch: 3 },
      ],
    ],
    result: [
      { kind: "ok", value: { offset: offset(0), timestampMs: undefined, leaderEpoch: 1 } },
      { kind: "ok", value: { offset: undefined, timestampMs: undefined, leaderEpoch: 0 } },
      { kind: "ok", value: { offset: offset(9), timestampMs: 1_700_000_000_001, leaderEpoch: 2 } },
    ],
  },
  { name: "initProducerId", args: [], result: { producerId: 4_000, producerEpoch: 1 } },
];

test.for(operations)("$name says at the far end what it was asked here, and here what the far end said", ({ name, args, result }) =>
  onStage(async (stage) => {
    let asked: readonly unknown[] = [];
    // The message has names before ids, so that is how the api is asked; the answers come back in the order of the caller.
    const isMixed = name === "describeTopics" || name === "deleteTopics";
    const inMessageOrder = <T>(items: readonly T[]) => {
      const references = args[0] as readonly object[];
      const names = items.filter((_, index) => "name" in references[index]!);
      return [...names, ...items.filter((_, index) => !("name" in references[index]!))];
    };
    const play = async (...given: unknown[]) => {
      asked = given.slice(0, -1);
      return isMixed ? inMessageOrder(result as readonly unknown[]) : result;
    };
    Object.assign(stage.api.admin, { [name]: play });
    const caller = callerOf(stage);
    const call = caller.admin[name as keyof GrpcCaller["admin"]] as (...args: unknown[]) => Promise<unknown>;
    expect(await stage.world.run(call(...args, never))).toEqual(result);
    expect(asked).toEqual(isMixed ? [inMessageOrder(args[0] as readonly unknown[])] : args);
  }),
);

test("a failed call rejects with the server's own code and the server's address", () =>
  onStage(async (stage) => {
    stage.api.admin.describeConfigs = () => Promise.reject(new ClusterError("UNKNOWN_TOPIC_OR_PARTITION", "no topic x"));
    const call = callerOf(stage).admin.describeConfigs("x", never);
    await expect(stage.world.run(call)).rejects.toMatchObject({
      code: "UNKNOWN_TOPIC_OR_PARTITION",
      message: `${stage.listener.address}: no topic x`,
    });
  }));

test("a server that is not there is NETWORK_EXCEPTION, which may be retried, and works once it is there", () =>
  onStage(async (stage) => {
    const { world, server, client } = stage;
    const caller = callerOf(stage);
    stage.api.admin.initProducerId = async () => ({ producerId: 1, producerEpoch: 0 });
    await world.run(caller.admin.initProducerId(never));
    server.kill("process");
    await expect(world.run(caller.admin.initProducerId(never))).rejects.toMatchObject({ code: "NETWORK_EXCEPTION", retriable: true });
    const nobody = callerOf(stage, "client:1");
    await expect(world.run(nobody.admin.initProducerId(never))).rejects.toMatchObject({ code: "NETWORK_EXCEPTION" });
    expect(client.alive).toBe(true);
  }));

test("a call that is not answered in time rejects with REQUEST_TIMED_OUT, one whose signal aborts with its reason", () =>
  onStage(async (stage) => {
    stage.api.admin.initProducerId = () => new Promise(() => {});
    const caller = callerOf(stage);
    const startMs = stage.world.nowMs;
    await expect(stage.world.run(caller.admin.initProducerId(never))).rejects.toMatchObject({ code: "REQUEST_TIMED_OUT" });
    expect(stage.world.nowMs - startMs).toBeGreaterThanOrEqual(30_000);
    const controller = new AbortController();
    const call = caller.admin.initProducerId(controller.signal);
    stage.world.after(100, () => controller.abort(new Error("enough")));
    await expect(stage.world.run(call)).rejects.toThrow("enough");
    await expect(caller.admin.initProducerId(controller.signal)).rejects.toThrow("enough");
  }));

test("health is asked for as any operation", () =>
  onStage(async (stage) => {
    const caller = callerOf(stage);
    expect(await stage.world.run(caller.checkHealth("varve.v1.Data", never))).toBe(true);
    stage.health.set(false);
    expect(await stage.world.run(caller.checkHealth("", never))).toBe(false);
  }));

test("produce: every request has its outcome, and says at the far end what it said here", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const { call, outcomes } = produceWith(callerOf(stage));
    const request = requestOf(1_000, { acks: "leader", timeoutMs: 1_234 });
    call.send(request, (outcome) => outcomes.push(outcome));
    call.send(requestOf(10), (outcome) => outcomes.push(outcome));
    await world.runUntil(() => api.produceCalls.length === 2);
    expect(api.produceCalls[0]!.request).toEqual(request);
    api.produceCalls[1]!.resolve([{ kind: "stored", baseOffset: offset(3), appendTimeMs: 99, logStart: offset(1) }]);
    await world.runUntil(() => outcomes.length === 1);
    api.produceCalls[0]!.resolve([{ kind: "failed", failure: { code: "NOT_LEADER_OR_FOLLOWER", message: "led by 2" } }]);
    await world.runUntil(() => outcomes.length === 2);
    expect(outcomes).toEqual([
      [{ kind: "stored", baseOffset: 3, appendTimeMs: 99, logStart: 1 }],
      [{ kind: "failed", failure: { code: "NOT_LEADER_OR_FOLLOWER", message: "led by 2" } }],
    ]);
    expect(call.inFlight).toBe(0);
  }));

test("produce: with acks none a batch may be changed once it is sent", () =>
  onStage(async (stage) => {
    const { call, outcomes } = produceWith(callerOf(stage));
    const request = requestOf(10_000, { acks: "none" });
    call.send(request, (outcome) => outcomes.push(outcome));
    expect(outcomes).toEqual([[]]);
    request.entries[0]!.batch.fill(0);
    await stage.world.runUntil(() => stage.api.produceCalls.length === 1);
    expect(stage.api.produceCalls[0]!.request.entries[0]!.batch).toEqual(new Uint8Array(10_000).fill(6));
  }));

test("produce: acks none is done at once, and goes on for as long as credit comes back", () =>
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

test("produce: not ready without credit, ready is told when it comes", () =>
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

test("produce: a sender that keeps to isReady never breaks a rule, at full speed, with batches of any size", () =>
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

test("produce: a request over the limit of a message is refused here, and the stream goes on", () =>
  onStage(async (stage) => {
    const { call } = produceWith(callerOf(stage));
    expect(() => call.send(requestOf(messageBytesMax), () => {})).toThrow(expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }));
    call.send(requestOf(10), () => {});
    await stage.world.runUntil(() => stage.api.produceCalls.length === 1);
  }));

test("produce: what is in flight when the connection is lost has an unknown outcome, and closed is told last", () =>
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

test("produce: end waits for the answers and closes without an error", () =>
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

test("produce: a server that falls silent is given up when a request's time is over, though the connection lives", () =>
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

test("produce: a drained server answers what it took, and the rest is unknown", () =>
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

const fetchRequest = {
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 1_048_576,
  entries: [{ id, from: offset(42), maxBytes: 1_048_576, leaderEpoch: undefined }],
};

test("fetch: every request has its outcome, and says at the far end what it said here", () =>
  onStage(async (stage) => {
    const { api, world } = stage;
    const { call } = fetchWith(callerOf(stage));
    const outcomes: unknown[] = [];
    call.send(fetchRequest, (outcome) => outcomes.push(outcome));
    await world.runUntil(() => api.fetchCalls.length === 1);
    expect(api.fetchCalls[0]!.request).toEqual(fetchRequest);
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

test("fetch: the server sends no more than the window before the caller has released some", () =>
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

test("fetch: more than 100 requests are not sent, and ready is told when one is answered", () =>
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

test("fetch: a caller that holds back its own window is not told that the server is late", () =>
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
