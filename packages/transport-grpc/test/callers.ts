// The calling side in the tests of both ends: a caller on the client's node, and streams that record what they are told.

import type { ProduceRequest, ProduceResult } from "@varve/api";
import type { ClusterError } from "@varve/model";
import { type FetchCall, type GrpcCaller, grpcCaller, type ProduceCall } from "../src/index.ts";
import { type Stage, topicId } from "./rig.ts";

export function callerOf({ client, listener }: Stage, address: string = listener.address): GrpcCaller {
  const { network, clock } = client.ports;
  return grpcCaller({ network, address, clock });
}

export function requestOf(batchBytes: number, more: Partial<ProduceRequest> = {}): ProduceRequest {
  const batch = new Uint8Array(batchBytes).fill(6);
  return { acks: "all", timeoutMs: 30_000, entries: [{ id: { topicId, partition: 2 }, leaderEpoch: 4, batch }], ...more };
}

export interface Producing {
  readonly call: ProduceCall;
  readonly outcomes: (readonly ProduceResult[] | ClusterError)[];
  ready: number;
  closed: { error: ClusterError | undefined } | undefined;
}

export function produceWith(caller: GrpcCaller): Producing {
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

export interface Fetching {
  readonly call: FetchCall;
  ready: number;
  closed: { error: ClusterError | undefined } | undefined;
}

export function fetchWith(caller: GrpcCaller, windowBytes?: number): Fetching {
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
