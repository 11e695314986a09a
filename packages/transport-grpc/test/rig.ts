// A listener and whoever calls it, in a simulated world: an api that does as the test says, and streams that record what they are told.

import type { ClusterApi, FetchRequest, FetchResult, ProduceRequest, ProduceResult } from "@varve/api";
import { type Compression, type Offset, type TopicId, uuidToText } from "@varve/model";
import type { MessageConnection, OutgoingStream, StreamEvents, StreamStatus } from "@varve/runtime";
import { createWorld, noFaults, type SimNode, soundNetwork, type World, type WorldFaults } from "@varve/sim";
import { type GrpcLimits, type GrpcListener, Health, messageBytesMax, serveGrpc } from "../src/index.ts";

const missing = (): never => {
  throw new Error("these tests have no codecs");
};
const noCompression: Compression = { crc32c: missing, compress: missing, decompress: missing };

/** One call of the api that the test has not settled yet, or has. */
export interface Call<Request, Result> {
  readonly request: Request;
  readonly signal: AbortSignal;
  readonly atMs: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export type ProduceCalled = Call<ProduceRequest, readonly ProduceResult[]>;
export type FetchCalled = Call<FetchRequest, readonly FetchResult[]>;

/** The api as a test plays it: calls are kept until they are settled by hand, or by `onProduce` and `onFetch` as they come. */
export class PlayedApi {
  readonly produceCalls: ProduceCalled[] = [];
  readonly fetchCalls: FetchCalled[] = [];
  onProduce: (call: ProduceCalled) => void = () => {};
  onFetch: (call: FetchCalled) => void = () => {};
  /** What admin calls do. */
  readonly admin: Partial<ClusterApi> = {};
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get api(): ClusterApi {
    const unplayed = () => Promise.reject(new Error("the test does not play this call"));
    const data: Pick<ClusterApi, "produce" | "fetch"> = {
      produce: (request, signal) => this.#call(this.produceCalls, (call) => this.onProduce(call), request, signal),
      fetch: (request, signal) => this.#call(this.fetchCalls, (call) => this.onFetch(call), request, signal),
    };
    return new Proxy({ ...this.admin, ...data } as ClusterApi, {
      get: (api, name) => Reflect.get(api, name) ?? Reflect.get(this.admin, name) ?? unplayed,
    });
  }

  #call<Request, Result>(
    calls: Call<Request, Result>[],
    play: (call: Call<Request, Result>) => void,
    request: Request,
    signal: AbortSignal,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const call = { request, signal, atMs: this.#nowMs(), resolve, reject };
      calls.push(call);
      play(call);
    });
  }
}

export function stored(baseOffset: number): ProduceResult {
  return { kind: "stored", baseOffset: baseOffset as Offset, appendTimeMs: undefined, logStart: 0 as Offset };
}

export function batches(highWatermark: number, ...chunks: readonly Uint8Array[]): FetchResult {
  const byteLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { kind: "batches", highWatermark: highWatermark as Offset, logStart: 0 as Offset, chunks, byteLength };
}

export const topicBytes: Uint8Array = new Uint8Array(16).fill(3);
export const topicId: TopicId = uuidToText(topicBytes) as TopicId;

/** A stream of the calling side that records what it is told, and takes messages only while it reads. */
export class RecordedStream implements StreamEvents {
  readonly messages: Uint8Array[] = [];
  status: StreamStatus | undefined;
  hasRoom = true;
  readonly stream: OutgoingStream;
  onMessage: (message: Uint8Array) => void = () => {};

  constructor(connection: MessageConnection, method: string) {
    this.stream = connection.open(method, this);
  }

  write(message: Uint8Array): void {
    if (!this.stream.write(message)) this.hasRoom = false;
  }

  message(bytes: Uint8Array): void {
    this.messages.push(bytes);
    this.onMessage(bytes);
  }

  room(): void {
    this.hasRoom = true;
  }

  ended(): void {}

  closed(status: StreamStatus): void {
    this.status = status;
  }
}

export interface Stage {
  readonly world: World;
  readonly api: PlayedApi;
  readonly listener: GrpcListener;
  readonly health: Health;
  readonly server: SimNode;
  readonly client: SimNode;
  /** A connection of its own each time. */
  connect(): MessageConnection;
}

export interface StageOptions {
  readonly limits?: Partial<GrpcLimits>;
  readonly faults?: WorldFaults;
  readonly seed?: number;
}

/** Plays a scene between a listener and its clients; a rejection that nobody handled fails it. */
export async function onStage(play: (stage: Stage) => Promise<void>, options: StageOptions = {}): Promise<void> {
  using world = createWorld({
    seed: options.seed ?? 1,
    turn: () => new Promise((done) => setImmediate(done)),
    compression: noCompression,
    faults: options.faults ?? { ...noFaults, network: { ...soundNetwork, streamWindowBytes: 262_144 } },
    unhandledRejections: (hear) => {
      process.on("unhandledRejection", hear);
      return () => process.off("unhandledRejection", hear);
    },
  });
  const server = world.node("server");
  const client = world.node("client");
  const api = new PlayedApi(() => world.nowMs);
  const health = new Health();
  health.set(true);
  const { network, clock, logger, metrics } = server.boot();
  const limits = options.limits ?? {};
  const listening = serveGrpc({ network, api: api.api, address: "server:9092", limits, health, clock, logger, metrics });
  const listener = await world.run(listening);
  client.boot();
  const connect = () => client.ports.network.connect(listener.address, { messageBytesMax });
  await play({ world, api, listener, health, server, client, connect });
}
