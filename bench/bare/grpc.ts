// What both grpc-js loops share: identity serialisers, wide windows on both sides, nothing that a loop does not need.

import { subscribe } from "node:diagnostics_channel";
import type { Http2Session } from "node:http2";
import { Client, credentials, Server, ServerCredentials, type ServerDuplexStream, type ServerWritableStream } from "@grpc/grpc-js";
import type { BareOptions } from "./protocol.ts";

export const produceMethod = "/varve.bare.Loop/Produce";
export const fetchMethod = "/varve.bare.Loop/Fetch";

const messageBytesMax = 67_108_864;

export function identity(message: Buffer): Buffer {
  return message;
}

export type DuplexCall = ServerDuplexStream<Buffer, Buffer>;
export type WritableCall = ServerWritableStream<Buffer, Buffer>;

/** @returns the port that the server of one method listens on. */
export function serve(
  method: string,
  type: "bidi" | "serverStream",
  handle: (call: never) => void,
  { windowBytes }: BareOptions,
): Promise<number> {
  const widened = new WeakSet<Http2Session>();
  subscribe("http2.server.stream.created", (message) => {
    const { session } = (message as { stream: { session: Http2Session } }).stream;
    if (widened.has(session)) return;
    widened.add(session);
    session.setLocalWindowSize(windowBytes);
    session.settings({ initialWindowSize: windowBytes });
  });
  const server = new Server({ "grpc.max_receive_message_length": messageBytesMax, "grpc.enable_channelz": 0 });
  server.register(method, handle as never, identity, identity, type);
  return new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
  );
}

export function client(port: number, { windowBytes }: BareOptions): Client {
  return new Client(`ipv4:127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc-node.flow_control_window": windowBytes,
    "grpc.enable_channelz": 0,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
  });
}
