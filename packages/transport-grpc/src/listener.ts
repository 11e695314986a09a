// The api behind gRPC, the answering end: takes streams as far as the limits allow, gives each to what serves its method, and drains them all
// when the process wants to stop. What happens on a stream is in produce-stream.ts, fetch-stream.ts, unary-call.ts and health.ts.

import type { ClusterApi } from "@varve/api";
import { fetchMethod, healthMethods, produceMethod } from "@varve/proto";
import type {
  Clock,
  IncomingStream,
  Logger,
  MessageListener,
  MessageNetwork,
  Metrics,
  StreamEvents,
  StreamStatus,
  Timer,
} from "@varve/runtime";
import { operations } from "./admin/operations.ts";
import { FetchStream } from "./fetch-stream.ts";
import { checkHealth, type Health, HealthWatch } from "./health.ts";
import {
  defaultGrpcLimits,
  type GrpcLimits,
  initialCreditBytes,
  messageBytesMax,
  produceWindowBytesMax,
  sweepIntervalMs,
} from "./limits.ts";
import { MemoryPool } from "./memory-pool.ts";
import { ProduceStream } from "./produce-stream.ts";
import { drainingMessage, type ServedContext, type ServedStream, startingMessage } from "./served-stream.ts";
import { failedStatus } from "./status.ts";
import { TopicIds } from "./topic-ids.ts";
import { transportMetrics } from "./transport-metrics.ts";
import { type Answer, UnaryCall } from "./unary-call.ts";

export interface GrpcListenerOptions {
  readonly network: MessageNetwork;
  readonly api: ClusterApi;
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** Where they differ from `defaultGrpcLimits`. */
  readonly limits?: Partial<GrpcLimits>;
  /** What the health service says, and whether any other call is taken; set to not serving by `drain`. */
  readonly health: Health;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface GrpcListener {
  /** `host:port` with the real port. */
  readonly address: string;
  /**
   * Says NOT_SERVING, takes no new streams but health checks, answers what is in flight, and closes. Resolves when all streams have ended, at
   * the latest after `graceMs`, when they are cut. A second call waits for the first.
   */
  drain(graceMs: number): Promise<void>;
}

/** Resolves when connections are taken. @throws when the address is taken. */
export async function serveGrpc(options: GrpcListenerOptions): Promise<GrpcListener> {
  const server = new GrpcServer(options);
  await server.listen();
  return server;
}

const healthWatchMethod = healthMethods.Watch.path;

/** Open streams of one connection. */
interface StreamCounts {
  all: number;
  data: number;
}

class GrpcServer implements GrpcListener {
  readonly #options: GrpcListenerOptions;
  readonly #context: ServedContext;
  readonly #unary: ReadonlyMap<string, Answer>;
  readonly #streams = new Set<ServedStream>();
  readonly #streamsOfPeer = new Map<string, StreamCounts>();
  #listener: MessageListener | undefined;
  #sweep: Timer | undefined;
  #draining: Promise<void> | undefined;
  /** Called whenever a stream has ended. */
  #onEnded: () => void = () => {};

  constructor(options: GrpcListenerOptions) {
    const { api, clock, health } = options;
    const limits = { ...defaultGrpcLimits, ...options.limits };
    const { producePoolBytesMax } = limits;
    const poolLimits = { poolBytesMax: producePoolBytesMax, windowBytesMax: produceWindowBytesMax, windowBytesMin: initialCreditBytes };
    const producePool = new MemoryPool(poolLimits);
    const metrics = transportMetrics(options.metrics, {
      streams: () => this.#streams.size,
      connections: () => this.#streamsOfPeer.size,
      heldBytes: () => producePool.heldBytes,
    });
    this.#options = options;
    this.#context = { api, clock, limits, topicIds: new TopicIds(), producePool, metrics, fetches: { count: 0, unsentBytes: 0 } };
    const unary = new Map<string, Answer>([[healthMethods.Check.path, checkHealth(health)]]);
    for (const [path, operation] of operations) {
      unary.set(path, async (bytes, signal) => {
        const request: unknown = operation.decodeRequest(bytes);
        return operation.encodeResult(await operation.call(api, request, signal));
      });
    }
    this.#unary = unary;
  }

  get address(): string {
    return this.#listener?.address ?? this.#options.address;
  }

  async listen(): Promise<void> {
    const { address, network, logger } = this.#options;
    const { streamsPerConnectionMax } = this.#context.limits;
    const methods = [produceMethod, fetchMethod, healthWatchMethod, ...this.#unary.keys()];
    this.#listener = await network.listen(
      { address, messageBytesMax, streamsPerConnectionMax, methods, bulkMethods: [produceMethod] },
      (stream) => this.#accept(stream),
    );
    logger.info("gRPC listens", { address: this.#listener.address });
  }

  drain(graceMs: number): Promise<void> {
    this.#draining ??= this.#drain(graceMs);
    return this.#draining;
  }

  async #drain(graceMs: number): Promise<void> {
    const { clock, health, logger } = this.#options;
    const untilMs = clock.monotonicMs() + graceMs;
    health.set(false);
    logger.info("gRPC drains", { streams: this.#streams.size, graceMs });
    for (const stream of [...this.#streams]) if (!(stream instanceof HealthWatch)) stream.drain();
    await this.#answered(graceMs);
    for (const stream of [...this.#streams]) stream.drain();
    await this.#listener?.close(Math.max(0, untilMs - clock.monotonicMs()));
    this.#sweep?.cancel();
    logger.info("gRPC has closed", { cutStreams: this.#streams.size });
  }

  /** Resolves when only those who watch our health are left, or after `graceMs`. */
  #answered(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(graceMs, resolve);
      this.#onEnded = () => {
        for (const stream of this.#streams) if (!(stream instanceof HealthWatch)) return;
        timer.cancel();
        resolve();
      };
      this.#onEnded();
    });
  }

  #accept(stream: IncomingStream): StreamEvents | StreamStatus {
    const { method, peer } = stream;
    const isHealth = method === healthMethods.Check.path || method === healthWatchMethod;
    if (!this.#options.health.isServing && !isHealth) {
      // Before the metadata is applied every topic would seem unknown, and a client would believe it.
      return { status: "UNAVAILABLE", message: this.#draining === undefined ? startingMessage : drainingMessage };
    }
    const isData = method === produceMethod || method === fetchMethod;
    const full = this.#full(peer, isData);
    if (full !== undefined) {
      this.#context.metrics.refusals.add(1, { reason: "streams" });
      return failedStatus("THROTTLING_QUOTA_EXCEEDED", full);
    }
    const served = this.#serve(stream, (ended) => this.#ended(ended, peer, isData));
    if (served === undefined) return { status: "UNIMPLEMENTED", message: `there is no method ${method.slice(0, 100)} here` };
    this.#streams.add(served);
    const counts = this.#streamsOfPeer.get(peer) ?? { all: 0, data: 0 };
    counts.all += 1;
    if (isData) counts.data += 1;
    this.#streamsOfPeer.set(peer, counts);
    this.#planSweep();
    return served;
  }

  /** The limit that one more stream of `peer` would break. */
  #full(peer: string, isData: boolean): string | undefined {
    const { connectionsMax, dataStreamsPerConnectionMax, streamsMax, streamsPerConnectionMax } = this.#context.limits;
    const counts = this.#streamsOfPeer.get(peer);
    if (this.#streams.size >= streamsMax) return `the server has ${streamsMax} open streams, as many as it may`;
    if (counts === undefined) {
      const isFull = this.#streamsOfPeer.size >= connectionsMax;
      return isFull ? `the server has ${connectionsMax} connections with open streams, as many as it may` : undefined;
    }
    if (counts.all >= streamsPerConnectionMax) return `the connection has ${streamsPerConnectionMax} open streams, as many as it may`;
    if (isData && counts.data >= dataStreamsPerConnectionMax) {
      return `the connection has ${dataStreamsPerConnectionMax} produce and fetch streams, as many as it may`;
    }
    return undefined;
  }

  #serve(stream: IncomingStream, onClosed: (stream: ServedStream) => void): ServedStream | undefined {
    switch (stream.method) {
      case produceMethod:
        return new ProduceStream(stream, this.#context, onClosed);
      case fetchMethod:
        return new FetchStream(stream, this.#context, onClosed);
      case healthWatchMethod:
        return new HealthWatch(stream, this.#context, onClosed, this.#options.health);
      default: {
        const answer = this.#unary.get(stream.method);
        const method = stream.method === healthMethods.Check.path ? "health" : "admin";
        return answer === undefined ? undefined : new UnaryCall(stream, this.#context, onClosed, method, answer);
      }
    }
  }

  #ended(stream: ServedStream, peer: string, isData: boolean): void {
    this.#streams.delete(stream);
    const counts = this.#streamsOfPeer.get(peer);
    if (counts !== undefined) {
      counts.all -= 1;
      if (isData) counts.data -= 1;
      if (counts.all === 0) this.#streamsOfPeer.delete(peer);
    }
    this.#onEnded();
  }

  /** One timer for all streams, and none while there are none. */
  #planSweep(): void {
    this.#sweep ??= this.#options.clock.setTimer(sweepIntervalMs, () => {
      this.#sweep = undefined;
      const nowMs = this.#options.clock.monotonicMs();
      for (const stream of [...this.#streams]) stream.sweep(nowMs);
      if (this.#streams.size > 0 && this.#draining === undefined) this.#planSweep();
    });
  }
}
