// The calling side: one grpc-js channel, which holds at most one connection to its address.

import { isIP } from "node:net";
import { Client, credentials } from "@grpc/grpc-js";
import type { ConnectOptions, MessageConnection, OutgoingStream, StreamEvents } from "@varve/runtime";
import { toBuffer, toBytes } from "./codec.ts";
import { GrpcOutgoingStream } from "./outgoing-stream.ts";
import { channelOptions } from "./settings.ts";

/** Names the target so that grpc-js asks a name server only for names. @param address `host:port`, a v6 host in brackets. */
function target(address: string): string {
  const host = address.slice(0, address.lastIndexOf(":"));
  if (isIP(host) === 4) return `ipv4:${address}`;
  return host.startsWith("[") ? `ipv6:${address}` : `dns:${address}`;
}

/** A stream of a connection that is closed: it ends at once, in a turn of its own. */
function closedStream(address: string, events: StreamEvents): OutgoingStream {
  process.nextTick(() => events.closed({ status: "UNAVAILABLE", message: `the connection to ${address} is closed` }));
  return { write: () => true, pause() {}, resume() {}, end() {}, cancel() {} };
}

export class GrpcConnection implements MessageConnection {
  readonly address: string;
  readonly #client: Client;
  readonly #open = new Set<GrpcOutgoingStream>();
  #isClosed = false;
  #whenEmpty: (() => void) | undefined;

  constructor(address: string, options: ConnectOptions, receiveWindowBytes: number) {
    this.address = address;
    this.#client = new Client(target(address), credentials.createInsecure(), channelOptions(options, receiveWindowBytes));
  }

  open(method: string, events: StreamEvents): OutgoingStream {
    if (this.#isClosed) return closedStream(this.address, events);
    const call = this.#client.makeBidiStreamRequest(method, toBuffer, toBytes);
    const stream = new GrpcOutgoingStream(call, events, (closed) => {
      this.#open.delete(closed);
      if (this.#open.size === 0) this.#whenEmpty?.();
    });
    this.#open.add(stream);
    return stream;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const empty = this.#open.size === 0 ? undefined : new Promise<void>((resolve) => (this.#whenEmpty = resolve));
    for (const stream of this.#open) stream.cancel();
    await empty;
    this.#client.close();
  }
}
