// A grpc-js server receives through HTTP/2's default window of 64 KiB, whatever its options say: uploads move 64 KiB per round trip.
// Node tells of each stream that a peer opens on the diagnostics channel `http2.server.stream.created`, in time to widen its session.
// Where that channel is silent uploads work at the default. Source: performance.md 5.3.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { streamsPerConnectionWindow } from "./settings.ts";

const channelName = "http2.server.stream.created";

interface StreamCreated {
  readonly stream: ServerHttp2Stream;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Widens the sessions of one listener that carry bulk methods, each once. */
export class ReceiveWindow {
  readonly #port: number;
  readonly #bulkMethods: ReadonlySet<string>;
  readonly #byteLength: number;
  readonly #seen = new WeakSet<ServerHttp2Session>();
  readonly #onWidened: () => void;

  /** @param port of the listener. @param byteLength of one stream's. @param onWidened called when a peer has confirmed its wider window. */
  constructor(port: number, bulkMethods: readonly string[], byteLength: number, onWidened: () => void) {
    this.#port = port;
    this.#byteLength = byteLength;
    this.#bulkMethods = new Set(bulkMethods);
    this.#onWidened = onWidened;
  }

  open(): void {
    if (this.#bulkMethods.size > 0) subscribe(channelName, this.#streamCreated);
  }

  close(): void {
    unsubscribe(channelName, this.#streamCreated);
  }

  // The channel is the whole process's: other servers' sessions come by here too.
  readonly #streamCreated = (message: unknown): void => {
    const { stream, headers } = message as StreamCreated;
    if (!this.#bulkMethods.has(String(headers[":path"]))) return;
    const session = stream.session as ServerHttp2Session | undefined;
    if (session === undefined || session.destroyed || session.socket.localPort !== this.#port || this.#seen.has(session)) return;
    this.#seen.add(session);
    session.setLocalWindowSize(this.#byteLength * streamsPerConnectionWindow);
    // It reaches the streams that are open already, the first one included (RFC 9113, 6.9.2).
    session.settings({ initialWindowSize: this.#byteLength }, (error) => {
      if (!error) this.#onWidened();
    });
  };
}
