// The network as a port: message streams, which is what gRPC gives. A stream is a call of a named method at an address, then messages
// as bytes both ways, in order, each whole or not at all; half-close; a final status. A unary call is a stream of one message each way.

/** gRPC's status codes, by name. Source: grpc/doc/statuscodes.md. */
export const statusNumbers = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type StatusName = keyof typeof statusNumbers;

/** How a stream ended. */
export interface StreamStatus {
  readonly status: StatusName;
  readonly message: string;
  /** A code of our error table, where the other side named one (trailer `varve-error`). */
  readonly error?: string;
}

/** What the owner of one end of a stream is told. Calls never nest: none comes during a call that the owner makes on the stream. */
export interface StreamEvents {
  /** The next message. The bytes are the receiver's to keep and to change. */
  message(bytes: Uint8Array): void;
  /** `write` returned false before; now there is room again. */
  room(): void;
  /** The other side sends no more messages. */
  ended(): void;
  /** The stream is over: the last call of all, and exactly one. */
  closed(status: StreamStatus): void;
}

/** One message, whole or as parts that go out back to back: who puts bytes around others need not copy them together first. */
export type OutgoingMessage = Uint8Array | readonly Uint8Array[];

interface StreamEnd {
  /**
   * The bytes must not change until the other side has answered, or the stream is over: the transport may read them late.
   * @returns false when the transport holds enough: the caller waits for `room`. The message is taken in either case. Ignored once closed.
   */
  write(message: OutgoingMessage): boolean;
  /** No `message` until `resume`; at most one that was on its way may still come. */
  pause(): void;
  resume(): void;
}

/** The calling side's end. */
export interface OutgoingStream extends StreamEnd {
  /** Half-close: no more messages from here. */
  end(): void;
  /** Ends the stream on both sides; `closed` comes with CANCELLED. */
  cancel(): void;
}

/** The answering side's end. */
export interface IncomingStream extends StreamEnd {
  /** `/package.Service/Method`. */
  readonly method: string;
  /** Names the connection that carries it, for limits and logs; equal for two streams of one connection. */
  readonly peer: string;
  /** Sends the status after what was written, and ends the stream. */
  finish(status: StreamStatus): void;
}

export interface MessageListener {
  /** `host:port` that it is bound to, with the real port. */
  readonly address: string;
  /** Takes no new streams; resolves when the open ones have ended, at the latest after `graceMs`, when they are cut. */
  close(graceMs: number): Promise<void>;
}

export interface ListenOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** A longer message ends its stream with RESOURCE_EXHAUSTED. */
  readonly messageBytesMax: number;
  readonly streamsPerConnectionMax: number;
  /** The methods that are answered, as `/package.Service/Method`; a stream of any other ends with UNIMPLEMENTED and is never shown. */
  readonly methods: readonly string[];
  /** Those of `methods` whose streams carry bulk bytes to this side: their connections get a wide receive window. */
  readonly bulkMethods: readonly string[];
}

export interface ConnectOptions {
  readonly messageBytesMax: number;
}

/** A connection to one address; it connects when first used and again when it was lost. */
export interface MessageConnection {
  readonly address: string;
  /** @param method `/package.Service/Method`. When the peer cannot be reached the stream closes with UNAVAILABLE. */
  open(method: string, events: StreamEvents): OutgoingStream;
  /** Cancels its streams. */
  close(): Promise<void>;
}

export interface MessageNetwork {
  /** @param accept is called for each stream, and returns who is told of it, or the status that refuses it. @throws when the address is taken. */
  listen(options: ListenOptions, accept: (stream: IncomingStream) => StreamEvents | StreamStatus): Promise<MessageListener>;
  connect(address: string, options: ConnectOptions): MessageConnection;
}
