// The message network over grpc-js. It decides nothing: settings.ts says what grpc-js is told, the rest carries bytes and ends.
// Loading it loads grpc-js (40 ms, 20 MB), so everything but a process that serves or calls loads it late.

import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import type {
  ConnectOptions,
  IncomingStream,
  ListenOptions,
  MessageListener,
  MessageNetwork,
  StreamEvents,
  StreamStatus,
} from "@varve/runtime";
import { GrpcConnection } from "./connection.ts";
import { GrpcListener } from "./listener.ts";
import { receiveWindowBytesDefault } from "./settings.ts";

export interface GrpcNetworkOptions {
  /** How much may be on the way to us in one stream of bulk bytes: bandwidth times round trip, for a long way more than the default. */
  readonly receiveWindowBytes?: number;
}

export interface GrpcNetwork extends MessageNetwork {
  /** How many connections with bulk methods came in and confirmed a wide receive window: 0 under load says that uploads crawl. */
  readonly widenedConnections: number;
}

export function grpcNetwork({ receiveWindowBytes = receiveWindowBytesDefault }: GrpcNetworkOptions = {}): GrpcNetwork {
  // It writes to the console what every call of ours reports anyway.
  setLogVerbosity(logVerbosity.NONE);
  let widened = 0;
  const countWidened = () => {
    widened += 1;
  };
  return {
    get widenedConnections() {
      return widened;
    },
    listen(options: ListenOptions, accept: (stream: IncomingStream) => StreamEvents | StreamStatus): Promise<MessageListener> {
      return GrpcListener.bind(options, accept, receiveWindowBytes, countWidened);
    },
    connect: (address: string, options: ConnectOptions) => new GrpcConnection(address, options, receiveWindowBytes),
  };
}
