// Shows that a slow or stuck client slows nobody else: a whole server in a simulated world, two clients that write and follow at a steady
// pace, and the same again beside one that does not read, vanishes in the middle of a message, floods or parks all that it may.

import type { FetchResult, ProduceResult } from "@varve/api";
import {
  ClusterError,
  codecs,
  defaults,
  type Offset,
  type ServerConfig,
  serverConfigTable,
  type TopicId,
  toOffset,
  uuidFromText,
} from "@varve/model";
import { fetchMethod, produceMethod } from "@varve/proto";
import type { OutgoingStream, StreamStatus } from "@varve/runtime";
import { nodeCompression } from "@varve/runtime/node";
import { startServer } from "@varve/server";
import { createWorld, type SimNode, type SimPorts, type World } from "@varve/sim";
import { grpcCaller, messageBytesMax } from "@varve/transport-grpc";
import { expect, test } from "vitest";
import { encodeNaively, type NaiveMessage } from "../compat/naive-client.ts";
import { batchOf } from "./batches.ts";

// Loaded here, outside of any simulation: a dynamic import is the platform's time.
for (const codec of codecs) {
  if (codec !== "none") nodeCompression.decompress(codec, nodeCompression.compress(codec, new Uint8Array(10)), 10);
}

const never = new AbortController().signal;
const writesPerClient = 150;
const betweenWritesMs = 5;
const runMsMax = 600_000;

interface Times {
  /** From a write to its answer. */
  readonly writeMs: number[];
  /** From a write to its arrival at a client that follows. */
  readonly arrivalMs: number[];
}

interface Scene {
  readonly world: World;
  readonly server: SimPorts;
  readonly slow: SimNode;
  readonly topicId: TopicId;
}

/** A stream of the slow client, with all that it may do to a stream. */
class SlowStream {
  readonly stream: OutgoingStream;
  readonly #topicId: Buffer;
  readonly #method: string;
  messages = 0;
  status: StreamStatus | undefined;
  hasRoom = true;
  onMessage: () => void = () => {};

  constructor({ slow, topicId }: Scene, method: string) {
    this.#method = method;
    this.#topicId = Buffer.from(uuidFromText(topicId));
    // A connection of its own each: what one connection may have open bounds it no further.
    this.stream = slow.ports.network.connect("broker:7070", { messageBytesMax }).open(method, {
      message: () => {
        this.messages += 1;
        this.onMessage();
      },
      room: () => {
        this.hasRoom = true;
      },
      ended: () => {},
      closed: (status) => {
        this.status = status;
      },
    });
  }

  request(correlation: number, entry: NaiveMessage, rest: NaiveMessage = {}): void {
    const name = this.#method === produceMethod ? "Produce" : "Fetch";
    const entries = [{ topicId: this.#topicId, partition: 0, ...entry }];
    if (!this.stream.write(encodeNaively("varve.v1.Data", name, { correlation, ...rest, entries }))) this.hasRoom = false;
  }
}

interface Slowness {
  readonly what: string;
  /** Begins it. @returns what must hold at the end, so that a client which was not slow after all is found. */
  begin(scene: Scene): () => void;
}

const wide = { maxBytes: 6_291_456 };
const kilobytes = (count: number) => batchOf(["x".repeat(count * 1_024)], { timestampMs: 1_767_225_600_000 });

const slownesses: readonly Slowness[] = [
  {
    what: "asks for everything on sixteen streams and takes nothing off the transport",
    begin(scene) {
      const streams = Array.from({ length: 16 }, () => new SlowStream(scene, fetchMethod));
      for (const stuck of streams) {
        stuck.stream.pause();
        for (let correlation = 1; correlation <= 100; correlation += 1) {
          stuck.request(correlation, { fromOffset: 0, ...wide }, { ...wide, creditBytes: 1_000_000_000 });
        }
      }
      return () => {
        for (const { messages } of streams) expect(messages).toBeLessThanOrEqual(1);
        expect(scene.server.metrics.value("varve_grpc_sent_bytes_total", { method: "fetch" })).toBeGreaterThan(1_000_000);
      };
    },
  },
  {
    what: "reads one answer in half a second",
    begin(scene) {
      const slow = new SlowStream(scene, fetchMethod);
      for (let correlation = 1; correlation <= 100; correlation += 1) {
        slow.request(correlation, { fromOffset: 0, ...wide }, { ...wide, creditBytes: 10_000_000 });
      }
      slow.onMessage = () => {
        slow.stream.pause();
        scene.world.after(500, () => slow.stream.resume());
      };
      return () => {
        expect(slow.messages).toBeGreaterThan(1);
        expect(slow.messages).toBeLessThan(100);
      };
    },
  },
  {
    what: "writes small batches and reads none of its answers",
    begin(scene) {
      const stuck = new SlowStream(scene, produceMethod);
      stuck.stream.pause();
      for (let correlation = 1; correlation <= 200; correlation += 1) stuck.request(correlation, { partition: 1, batch: kilobytes(0) });
      return () => expect(stuck.messages).toBeLessThanOrEqual(1);
    },
  },
  {
    what: "sends without credit, again and again",
    begin(scene) {
      let refusals = 0;
      const flood = () => {
        const stream = new SlowStream(scene, produceMethod);
        for (let correlation = 1; correlation <= 4; correlation += 1) stream.request(correlation, { partition: 1, batch: kilobytes(60) });
        scene.world.after(100, () => {
          if (stream.status?.error === "THROTTLING_QUOTA_EXCEEDED") refusals += 1;
          stream.stream.cancel();
          if (refusals < 1_000) flood();
        });
      };
      flood();
      return () => expect(refusals).toBeGreaterThan(5);
    },
  },
  {
    what: "vanishes in the middle of a message of 7 MiB",
    begin(scene) {
      const half = new SlowStream(scene, produceMethod);
      half.request(1, { partition: 1, batch: Buffer.alloc(7_340_032) });
      scene.world.after(2, () => scene.world.network.cut("slow", "broker", "both"));
      return () => expect(half.messages).toBe(0);
    },
  },
  {
    what: "parks as many waits as a connection may have",
    begin(scene) {
      const streams = Array.from({ length: 16 }, () => new SlowStream(scene, fetchMethod));
      for (const parked of streams) {
        for (let correlation = 1; correlation <= 100; correlation += 1) {
          parked.request(correlation, { fromOffset: 0, partition: 1, ...wide }, { ...wide, maxWaitMs: 60_000, minBytes: 1_000_000 });
        }
      }
      return () => {
        for (const { messages, status } of streams) expect([messages, status]).toEqual([0, undefined]);
        expect(scene.server.metrics.value("varve_grpc_requests_total", { method: "fetch" })).toBeGreaterThanOrEqual(1_600);
      };
    },
  },
];

/** How the others fare beside `slowness`, in one seeded world. */
async function run(slowness: Slowness | undefined): Promise<Times & { readonly hash: string }> {
  using world = createWorld({
    seed: 20,
    turn: () => new Promise((done) => setImmediate(done)),
    compression: nodeCompression,
    unhandledRejections: (hear) => {
      process.on("unhandledRejection", hear);
      return () => process.off("unhandledRejection", hear);
    },
  });
  const server = world.node("broker").boot();
  const config: ServerConfig = {
    ...defaults(serverConfigTable),
    "data.dir": "",
    listener: "broker:7070",
    "http.listener": "",
    "journal.files": 2,
    "journal.file.bytes": 8_388_608,
  };
  const fatal = (reason: string, error: Error) => {
    throw new Error(`the server ends: ${reason}`, { cause: error });
  };
  const running = await world.run(startServer(config, { ...server, loadNetwork: async () => server.network }, { fatal }, never), runMsMax);
  const topicId = await world.run(prepare(world.node("good")), runMsMax);
  const times: Times = { writeMs: [], arrivalMs: [] };
  const check = slowness?.begin({ world, server, slow: world.node("slow"), topicId });
  const clients = [2, 3].map((partition) => follow(world, world.node(`good-${partition}`), topicId, partition, times));
  await world.runUntil(() => clients.every((isDone) => isDone()), runMsMax);
  check?.();
  world.network.mendAll();
  await world.run(running.stop(), runMsMax);
  return { ...times, hash: world.trace.hash };
}

/** A topic of four partitions, the first of which holds 8 MiB to be fetched. */
async function prepare({ ports }: SimNode): Promise<TopicId> {
  const caller = grpcCaller({ network: ports.network, address: "broker:7070", clock: ports.clock });
  const topic = { name: "orders", partitionCount: 4, replicationFactor: undefined, config: new Map<string, string>() };
  const [made] = await caller.admin.createTopics([topic], false, never);
  if (made?.kind !== "ok") throw new Error("the topic was not made");
  const { topicId } = made.value;
  for (let batch = 0; batch < 16; batch += 1) {
    await new Promise<void>((done) => {
      const call = caller.openProduce({ ready: () => {}, closed: () => done() });
      const entries = [{ id: { topicId, partition: 0 }, leaderEpoch: undefined, batch: new Uint8Array(kilobytes(512)) }];
      call.send({ acks: "all", timeoutMs: 30_000, entries }, () => call.end());
    });
  }
  await caller.close();
  return topicId;
}

/** Writes to its partition at a steady pace, and reads what it writes. @returns whether it has done it all. */
function follow(world: World, { ports }: SimNode, topicId: TopicId, partition: number, times: Times): () => boolean {
  const caller = grpcCaller({ network: ports.network, address: "broker:7070", clock: ports.clock });
  const id = { topicId, partition };
  const sentMs: number[] = [];
  let answered = 0;
  let arrived = 0;
  const producing = caller.openProduce({ ready: () => {}, closed: () => {} });
  const fetching = caller.openFetch({ ready: () => {}, closed: () => {} });
  const write = () => {
    const at = world.nowMs;
    sentMs.push(at);
    const entries = [{ id, leaderEpoch: undefined, batch: new Uint8Array(kilobytes(1)) }];
    producing.send({ acks: "all", timeoutMs: 30_000, entries }, (outcome: readonly ProduceResult[] | ClusterError) => {
      if (outcome instanceof ClusterError || outcome[0]?.kind !== "stored") throw new Error("a write of the good client failed");
      times.writeMs.push(world.nowMs - at);
      answered += 1;
    });
    if (sentMs.length < writesPerClient) world.after(betweenWritesMs, write);
  };
  const read = () => {
    const entries = [{ id, from: toOffset(arrived), maxBytes: 1_000_000, leaderEpoch: undefined }];
    const request = { maxWaitMs: 500, minBytes: 1, maxBytes: 1_000_000, entries };
    fetching.send(request, (outcome: readonly FetchResult[] | ClusterError, heldBytes: number) => {
      if (outcome instanceof ClusterError || outcome[0]?.kind !== "batches") throw new Error("a read of the good client failed");
      fetching.release(heldBytes);
      // One record a batch.
      const end: Offset = outcome[0].highWatermark;
      for (; arrived < end; arrived += 1) times.arrivalMs.push(world.nowMs - sentMs[arrived]!);
      if (arrived < writesPerClient) read();
    });
  };
  // What the slow one does has begun by then.
  world.after(200, () => {
    write();
    read();
  });
  return () => answered === writesPerClient && arrived === writesPerClient;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)]!;
}

const alone = run(undefined);

test("the same run has the same hash, so that what is measured here is the same everywhere", async () => {
  expect((await run(undefined)).hash).toBe((await alone).hash);
});

test.for(slownesses)("beside a client that $what the others' median is at most 1.2 times that without it", async (slowness) => {
  const without = await alone;
  const beside = await run(slowness);
  for (const times of [without, beside])
    expect([times.writeMs.length, times.arrivalMs.length]).toEqual([2 * writesPerClient, 2 * writesPerClient]);
  expect(median(without.writeMs)).toBeGreaterThan(0);
  expect(median(beside.writeMs)).toBeLessThanOrEqual(1.2 * median(without.writeMs));
  expect(median(beside.arrivalMs)).toBeLessThanOrEqual(1.2 * median(without.arrivalMs));
});
