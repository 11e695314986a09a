// The api over gRPC, both ends, above the network port.

import type { MessageNetwork } from "@varve/runtime";

export { type GrpcCaller, type GrpcCallerOptions, grpcCaller } from "./caller.ts";
export type { FetchCall, FetchCallEvents, FetchDone } from "./fetch-call.ts";
export { Health } from "./health.ts";
export * from "./limits.ts";
export { type GrpcListener, type GrpcListenerOptions, serveGrpc } from "./listener.ts";
export type { ProduceCall, ProduceCallEvents, ProduceDone } from "./produce-call.ts";

/** The message network over grpc-js. Loaded when it is asked for: a process that neither serves nor calls is spared 40 ms. */
export async function loadGrpcNetwork(): Promise<MessageNetwork> {
  const { grpcNetwork } = await import("./grpc-js/network.ts");
  return grpcNetwork();
}
