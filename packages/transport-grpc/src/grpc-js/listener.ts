// The answering side: one grpc-js server. Every method is a bidirectional stream here, a unary one too; the wire is the same.

import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import type { IncomingStream, ListenOptions, MessageListener, OutgoingMessage, StreamEvents, StreamStatus } from "@varve/runtime";
import { toBuffer, toBytes } from "./codec.ts";
import { GrpcIncomingStream } from "./incoming-stream.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { serverOptions } from "./settings.ts";

type Accept = (stream: IncomingStream) => StreamEvents | StreamStatus;

const closing: StreamStatus = { status: "UNAVAILABLE", message: "the listener is closing" };

/** Both have a `message`; that of a status is text. */
function isStatus(answer: StreamEvents | StreamStatus): answer is StreamStatus {
  return typeof answer.message === "string";
}

export class GrpcListener implements MessageListener {
  readonly address: string;
  readonly #server: Server;
  readonly #receiveWindow: ReceiveWindow;
  readonly #accept: Accept;
  #closed: Promise<void> | undefined;

  private constructor(server: Server, address: string, receiveWindow: ReceiveWindow, accept: Accept) {
    this.#server = server;
    this.address = address;
    this.#receiveWindow = receiveWindow;
    this.#accept = accept;
  }

  /** @param onWidened called for each connection whose receive window has become wide. @throws when the address is taken. */
  static async bind(options: ListenOptions, accept: Accept, receiveWindowBytes: number, onWidened: () => void): Promise<GrpcListener> {
    const server = new Server(serverOptions(options));
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync(options.address, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(new Error(`cannot listen on ${options.address}: ${error.message}`, { cause: error })) : resolve(bound),
      ),
    );
    const address = `${options.address.slice(0, options.address.lastIndexOf(":"))}:${port}`;
    const receiveWindow = new ReceiveWindow(port, options.bulkMethods, receiveWindowBytes, onWidened);
    const listener = new GrpcListener(server, address, receiveWindow, accept);
    receiveWindow.open();
    const handle = (call: ServerDuplexStream<Uint8Array, OutgoingMessage>) => listener.#take(call);
    for (const method of options.methods) server.register(method, handle, toBuffer, toBytes, "bidi");
    return listener;
  }

  close(graceMs: number): Promise<void> {
    this.#closed ??= new Promise<void>((resolve) => {
      // Says goodbye on every connection, and cuts those that still have streams when the time is over. It must come first: of
      // connections that are closing already it knows nothing.
      this.#server.drain(this.address, graceMs);
      this.#server.tryShutdown(() => {
        this.#receiveWindow.close();
        resolve();
      });
    });
    return this.#closed;
  }

  #take(call: ServerDuplexStream<Uint8Array, OutgoingMessage>): void {
    const stream = new GrpcIncomingStream(call);
    let answer: StreamEvents | StreamStatus;
    try {
      answer = this.#closed === undefined ? this.#accept(stream) : closing;
    } catch (error) {
      // grpc-js would make a status of it. Whoever accepts streams answers with one, so this is our mistake, and must end the process.
      process.nextTick(() => {
        throw error;
      });
      return;
    }
    if (isStatus(answer)) stream.finish(answer);
    else stream.start(answer);
  }
}
