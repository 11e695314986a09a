// A client that knows nothing but the .proto files: proto-loader and grpc-js make it at run time, and none of our code is in it. It sends
// whatever it is told to, so that bad input reaches a server as a stranger would send it.

import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const definition = loadSync(["varve/v1/admin.proto", "varve/v1/data.proto"], {
  includeDirs: [fileURLToPath(new URL("../../proto", import.meta.url))],
  longs: Number,
  enums: String,
  defaults: true,
});
// What proto-loader gives has types only once they are generated; this client has none, on purpose.
// biome-ignore lint/suspicious/noExplicitAny: see above.
const contract = grpc.loadPackageDefinition(definition) as any;

// biome-ignore lint/suspicious/noExplicitAny: messages of a client without types.
export type NaiveMessage = Record<string, any>;

export interface NaiveStream {
  write(message: NaiveMessage): boolean;
  end(): void;
  cancel(): void;
  pause(): void;
  resume(): void;
  on(event: string, listener: (value: never) => void): void;
}

export type NaiveClient = Record<string, (...args: unknown[]) => NaiveStream> & { close(): void };

export interface NaiveClients {
  readonly admin: NaiveClient;
  readonly data: NaiveClient;
}

/** Both services of a server, on a connection of their own each. */
export async function onNaiveClients<T>(address: string, play: (clients: NaiveClients) => Promise<T>): Promise<T> {
  // Without a pool of their own clients of one process would share a connection.
  const options = { "grpc.use_local_subchannel_pool": 1 };
  const { Admin, Data } = contract.varve.v1;
  const clients = [Admin, Data].map((Service) => new Service(address, grpc.credentials.createInsecure(), options) as NaiveClient);
  try {
    return await play({ admin: clients[0]!, data: clients[1]! });
  } finally {
    for (const client of clients) client.close();
  }
}

/** A unary call. @throws grpc-js' own error. */
export function callNaively(client: NaiveClient, method: string, request: NaiveMessage): Promise<NaiveMessage> {
  return new Promise((resolve, reject) => {
    client[method]!(request, (error: grpc.ServiceError | null, response: NaiveMessage) =>
      error === null ? resolve(response) : reject(error),
    );
  });
}

/** The error name of a call that fails; undefined when it does not. */
export async function failureOf(called: Promise<NaiveMessage>): Promise<string | undefined> {
  try {
    await called;
    return undefined;
  } catch (error) {
    return String((error as grpc.ServiceError).metadata.get("varve-error")[0] ?? (error as grpc.ServiceError).code);
  }
}

export interface NaiveRecording {
  readonly messages: readonly NaiveMessage[];
  /** Of a stream that has ended. */
  status: grpc.StatusObject | undefined;
}

/** Reads a stream from now on. */
export function recordNaively(stream: NaiveStream): NaiveRecording {
  const messages: NaiveMessage[] = [];
  const recording: NaiveRecording = { messages, status: undefined };
  stream.on("data", (message: NaiveMessage) => messages.push(message));
  stream.on("status", (status: grpc.StatusObject) => {
    recording.status = status;
  });
  stream.on("error", () => {});
  return recording;
}

/** The bytes of a request, as proto-loader encodes it. */
export function encodeNaively(service: string, method: string, request: NaiveMessage): Buffer {
  return (definition[service] as grpc.ServiceDefinition)[method]!.requestSerialize(request);
}
