// The two ends that the network suites play with: who records what each end of a stream is told, and holds the rules that are
// true of every stream (no event inside a call, none after `closed`, no message after `ended`).

import { expect } from "vitest";
import type { Clock } from "../clock.ts";
import type {
  IncomingStream,
  ListenOptions,
  MessageConnection,
  MessageListener,
  MessageNetwork,
  OutgoingStream,
  StreamEvents,
  StreamStatus,
} from "../network.ts";
import { eventually } from "./rig.ts";

/** Two processes and the way between them. */
export interface NetworkStage {
  /** The network of the process that listens. */
  readonly server: MessageNetwork;
  /** The network of the process that calls. */
  readonly client: MessageNetwork;
  /** Where `server` may listen: `host:0`. */
  readonly listenAddress: string;
  /** @returns the address under which `client` reaches the listener at `address` by a way that `cut` breaks. */
  route(address: string): Promise<string>;
  /** Breaks every connection that runs by such a way. */
  cut(): void;
  /** Breaks them once so many more bytes have gone to the server: in the middle of a longer message. */
  cutAfter(bytes: number): void;
}

export const messageBytesMax = 4_194_304;
export const methods = { call: "/varve.contract.Contract/Call", bulk: "/varve.contract.Contract/Bulk" } as const;
export const ok: StreamStatus = { status: "OK", message: "" };

/** One end of a stream, and what it was told. */
export class End<Stream extends IncomingStream | OutgoingStream> implements StreamEvents {
  readonly messages: Uint8Array[] = [];
  status: StreamStatus | undefined;
  hasEnded = false;
  rooms = 0;
  onMessage: ((bytes: Uint8Array) => void) | undefined;
  onRoom: (() => void) | undefined;
  onEnded: (() => void) | undefined;
  readonly broken: string[] = [];
  #stream: Stream | undefined;
  #inCall = false;

  /** Makes the call that gives the stream. */
  attach(call: () => Stream): this {
    this.#stream = this.#guard(call);
    return this;
  }

  /** Every call on the stream is made here. */
  do<Value>(call: (stream: Stream) => Value): Value {
    return this.#guard(() => call(this.#stream as Stream));
  }

  get stream(): Stream {
    return this.#stream as Stream;
  }

  write(bytes: Uint8Array): boolean {
    return this.do((stream) => stream.write(bytes));
  }

  message(bytes: Uint8Array): void {
    this.#told("message");
    if (this.hasEnded) this.broken.push("a message came after `ended`");
    this.messages.push(bytes);
    this.onMessage?.(bytes);
  }

  room(): void {
    this.#told("room");
    this.rooms++;
    this.onRoom?.();
  }

  ended(): void {
    this.#told("ended");
    if (this.hasEnded) this.broken.push("`ended` came twice");
    this.hasEnded = true;
    this.onEnded?.();
  }

  closed(status: StreamStatus): void {
    this.#told("closed");
    this.status = status;
  }

  #told(event: string): void {
    if (this.#inCall) this.broken.push(`\`${event}\` came inside a call`);
    if (this.status !== undefined) this.broken.push(`\`${event}\` came after \`closed\``);
  }

  #guard<Value>(call: () => Value): Value {
    const before = this.#inCall;
    this.#inCall = true;
    try {
      return call();
    } finally {
      this.#inCall = before;
    }
  }
}

export type ServerEnd = End<IncomingStream>;
export type ClientEnd = End<OutgoingStream>;

/** The play of one test: its listeners and connections, closed at its end, and its ends of streams, checked there. */
export class Play {
  readonly stage: NetworkStage;
  readonly clock: Clock;
  /** Streams that a listener of this play was shown, in their order. */
  readonly accepted: ServerEnd[] = [];
  readonly #ends: (ServerEnd | ClientEnd)[] = [];
  readonly #listeners: MessageListener[] = [];
  readonly #connections: MessageConnection[] = [];

  constructor(stage: NetworkStage, clock: Clock) {
    this.stage = stage;
    this.clock = clock;
  }

  /** @param meet is called for each stream that comes, and returns the status that refuses it, if any. */
  async listen(
    meet: (end: ServerEnd) => StreamStatus | undefined = () => undefined,
    options: Partial<ListenOptions> = {},
  ): Promise<MessageListener> {
    const listener = await this.stage.server.listen(
      {
        address: this.stage.listenAddress,
        messageBytesMax,
        streamsPerConnectionMax: 200,
        methods: Object.values(methods),
        bulkMethods: [methods.bulk],
        ...options,
      },
      (stream) => {
        const end: ServerEnd = new End<IncomingStream>().attach(() => stream);
        const refusal = meet(end);
        if (refusal !== undefined) return refusal;
        this.accepted.push(end);
        this.#ends.push(end);
        return end;
      },
    );
    this.#listeners.push(listener);
    return listener;
  }

  connect(address: string, bytesMax: number = messageBytesMax): MessageConnection {
    const connection = this.stage.client.connect(address, { messageBytesMax: bytesMax });
    this.#connections.push(connection);
    return connection;
  }

  open(connection: MessageConnection, method: string = methods.call): ClientEnd {
    const end: ClientEnd = new End<OutgoingStream>();
    this.#ends.push(end);
    return end.attach(() => connection.open(method, end));
  }

  /** A stream that both ends know. */
  async pair(connection: MessageConnection, method: string = methods.call): Promise<readonly [client: ClientEnd, server: ServerEnd]> {
    const before = this.accepted.length;
    const client = this.open(connection, method);
    await this.until("the stream is accepted", () => this.accepted.length > before);
    return [client, this.accepted[before] as ServerEnd];
  }

  until(what: string, holds: () => boolean): Promise<void> {
    return eventually(this.clock, what, holds);
  }

  /** Closes everything, and checks that no end was told what it must not be. */
  async finish(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await Promise.all(this.#listeners.map((listener) => listener.close(0)));
    await this.until("every stream is closed", () => this.#ends.every((end) => end.status !== undefined));
    expect(this.#ends.flatMap((end) => end.broken)).toEqual([]);
  }
}

/** Answers with every message that comes, and with OK when the caller is through. */
export function echo(end: ServerEnd): undefined {
  end.onMessage = (bytes) => end.write(bytes);
  end.onEnded = () => end.do((stream) => stream.finish(ok));
}
