// The api behind gRPC, the calling end: one server by its address. Admin calls as functions, produce and fetch as streams that tell what
// happens on them. It connects when first used and again when the connection was lost; it never retries.

import type { ClusterApi } from "@varve/api";
import { ClusterError } from "@varve/model";
import { healthMethods, servingStatus } from "@varve/proto";
import type { Clock, MessageConnection, MessageNetwork } from "@varve/runtime";
import { describeCluster, initProducerId } from "./admin/cluster.ts";
import { alterConfigs, describeConfigs } from "./admin/configs.ts";
import { deleteRecords, listOffsets } from "./admin/offsets.ts";
import type { AdminOperation } from "./admin/operation.ts";
import { createPartitions, createTopics, deleteTopics, describeTopics, inRequestOrder, listTopics } from "./admin/topics.ts";
import { type FetchCall, type FetchCallEvents, openFetchCall } from "./fetch-call.ts";
import { callerCallMsDefault, fetchWindowBytesDefault, messageBytesMax } from "./limits.ts";
import { openProduceCall, type ProduceCall, type ProduceCallEvents } from "./produce-call.ts";
import { fromStatus } from "./status.ts";
import { TopicIds } from "./topic-ids.ts";

export interface GrpcCallerOptions {
  readonly network: MessageNetwork;
  /** `host:port`. */
  readonly address: string;
  readonly clock: Clock;
  /** How long a unary call may take before it fails with REQUEST_TIMED_OUT. */
  readonly callTimeoutMs?: number;
}

export interface GrpcCaller {
  readonly address: string;
  /** Rejects with `ClusterError`: the server's own, or NETWORK_EXCEPTION where none came; with the signal's reason when it aborts. */
  readonly admin: Omit<ClusterApi, "produce" | "fetch">;
  openProduce(events: ProduceCallEvents): ProduceCall;
  /** @param windowBytes see `openFetchCall`. */
  openFetch(events: FetchCallEvents, windowBytes?: number): FetchCall;
  /** Whether the server says that it serves `service` ("" for all). Rejects as `admin` does. */
  checkHealth(service: string, signal: AbortSignal): Promise<boolean>;
  /** Ends all calls and streams; resolves when they have been told. */
  close(): Promise<void>;
}

export function grpcCaller(options: GrpcCallerOptions): GrpcCaller {
  const { address, clock, network } = options;
  const connection = network.connect(address, { messageBytesMax });
  const topicIds = new TopicIds();
  const calls: UnaryCalls = { connection, clock, timeoutMs: options.callTimeoutMs ?? callerCallMsDefault };
  return {
    address,
    admin: adminOf(calls),
    openProduce: (events) => openProduceCall(connection, clock, topicIds, events),
    openFetch: (events, windowBytes = fetchWindowBytesDefault) => openFetchCall(connection, clock, topicIds, windowBytes, events),
    async checkHealth(service, signal) {
      const { path, request, response } = healthMethods.Check;
      const { status } = response.decode(await callUnary(calls, path, request.encode({ service }), signal));
      return status === servingStatus.SERVING;
    },
    close: () => connection.close(),
  };
}

function adminOf(calls: UnaryCalls): Omit<ClusterApi, "produce" | "fetch"> {
  async function call<Request, Result>(operation: AdminOperation<Request, Result>, request: Request, signal: AbortSignal): Promise<Result> {
    return operation.decodeResult(await callUnary(calls, operation.path, operation.encodeRequest(request), signal));
  }
  return {
    describeCluster: (signal) => call(describeCluster, {}, signal),
    listTopics: (after, limit, signal) => call(listTopics, { after, limit }, signal),
    describeTopics: async (topics, signal) => inRequestOrder(topics, await call(describeTopics, topics, signal)),
    createTopics: (topics, validateOnly, signal) => call(createTopics, { topics, validateOnly }, signal),
    deleteTopics: async (topics, signal) => inRequestOrder(topics, await call(deleteTopics, topics, signal)),
    createPartitions: (topicName, partitionCount, validateOnly, signal) =>
      call(createPartitions, { topicName, partitionCount, validateOnly }, signal),
    describeConfigs: (topicName, signal) => call(describeConfigs, topicName, signal),
    alterConfigs: (change, signal) => call(alterConfigs, change, signal),
    deleteRecords: (entries, signal) => call(deleteRecords, entries, signal),
    listOffsets: (entries, signal) => call(listOffsets, entries, signal),
    initProducerId: (signal) => call(initProducerId, {}, signal),
  };
}

interface UnaryCalls {
  readonly connection: MessageConnection;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

function callUnary(calls: UnaryCalls, method: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const { connection, clock, timeoutMs } = calls;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    let answer: Uint8Array | undefined;
    /** Why this side gave up, which says more than the status that follows. */
    let cause: unknown;
    const abort = () => {
      cause ??= signal.reason;
      stream.cancel();
    };
    const timer = clock.setTimer(timeoutMs, () => {
      cause ??= new ClusterError("REQUEST_TIMED_OUT", `${connection.address}: no answer to ${method} within ${timeoutMs} ms`);
      stream.cancel();
    });
    const stream = connection.open(method, {
      message: (bytes) => {
        answer = bytes;
      },
      room: () => {},
      ended: () => {},
      closed: (status) => {
        timer.cancel();
        signal.removeEventListener("abort", abort);
        if (cause !== undefined) reject(cause);
        else if (status.status === "OK" && answer !== undefined) resolve(answer);
        else reject(fromStatus(status, connection.address));
      },
    });
    signal.addEventListener("abort", abort, { once: true });
    stream.write(request);
    stream.end();
  });
}
