// Every bound of the gRPC transport, in one place. docs/limits.md names each with the test that goes one past it.

// Messages

/** A longer message ends its stream with RESOURCE_EXHAUSTED. Source: correctness.md 9.1, request frame. */
export const messageBytesMax = 8_388_608;
/** A longer unary request is refused with INVALID_REQUEST before it is decoded. */
export const adminRequestBytesMax = 1_048_576;
/** Elements of one repeated field of a request, and entries of a produce or fetch request. Objects are bounded, not only bytes. */
export const entriesMax = 1_000;

/** Keys of one topic's configuration in one request. */
export const topicConfigEntriesMax = 100;

// Produce

/** What a stream may send before it has been granted anything; part of the contract (data.proto). */
export const initialCreditBytes = 65_536;
/** Most credit that one stream holds, its requests in flight included. */
export const produceWindowBytesMax = 4_194_304;
/** Requests of one stream that are unanswered; past it the server stops reading the stream until it has answered some. */
export const produceInFlightMax = 1_024;
/** Entries whose results go out in one message; further answers follow in the next. */
export const resultsPerResponseMax = 4_096;
/** In force where a request says 0. Source: Kafka's request.timeout.ms. */
export const produceTimeoutMsDefault = 30_000;
/** A request that asks for more gets this. */
export const produceTimeoutMsMax = 300_000;

// Fetch

/** Requests of one stream that are unanswered; one more ends the stream with RESOURCE_EXHAUSTED. */
export const fetchInFlightMax = 100;
/** A request that asks to wait longer is answered after this. */
export const fetchWaitMsMax = 60_000;
/** Batches in one answer; a request that asks for more gets this. A first batch that is larger comes whole. */
export const fetchBytesMax = 6_291_456;
/** Batches in one answer while `fetchUnsentBytesMax` is exceeded. A first batch that is larger comes whole. */
export const fetchBytesUnderPressureMax = 65_536;
/** Credit that a client can add up; more is of no use to it. */
export const fetchCreditBytesMax = 1_073_741_824;

// Unary calls

/** From the opening of a call to its answer; past it the call ends with DEADLINE_EXCEEDED. */
export const unaryCallMsMax = 60_000;

// Connections and streams: what a deployment may change, with its defaults

export interface GrpcLimits {
  /** Connections that have an open stream. The stream of one more is refused with RESOURCE_EXHAUSTED. */
  readonly connectionsMax: number;
  readonly streamsPerConnectionMax: number;
  /** Produce and fetch streams among them: each may keep megabytes in the transport. A client needs one of each. */
  readonly dataStreamsPerConnectionMax: number;
  /** Streams of all connections. */
  readonly streamsMax: number;
  /** What the requests in flight of all produce streams may hold before streams beyond their share are refused. */
  readonly producePoolBytesMax: number;
  /** Fetch requests of all streams that are unanswered; further ones are answered with THROTTLING_QUOTA_EXCEEDED. */
  readonly fetchesInProcessMax: number;
  /** Answers that clients have not taken off the transport; past it further answers are asked for in small pieces. */
  readonly fetchUnsentBytesMax: number;
  /** A stream without a message for so long, and with nothing in flight, is ended. Source: Kafka's connections.max.idle.ms. */
  readonly streamIdleMsMax: number;
  /** A stream whose peer takes nothing off the transport for so long is ended. */
  readonly streamStallMsMax: number;
}

export const defaultGrpcLimits: GrpcLimits = {
  connectionsMax: 10_000,
  streamsPerConnectionMax: 100,
  dataStreamsPerConnectionMax: 16,
  streamsMax: 20_000,
  producePoolBytesMax: 67_108_864,
  fetchesInProcessMax: 10_000,
  fetchUnsentBytesMax: 134_217_728,
  streamIdleMsMax: 600_000,
  streamStallMsMax: 60_000,
};

/** Between two looks at streams that may be idle or stalled. */
export const sweepIntervalMs = 10_000;

// The calling side

/** Produce requests of one stream that wait for their answer. */
export const callerProduceInFlightMax = 512;
/** How long past a request's own time-out its answer may be missing before the stream is given up. */
export const callerAnswerGraceMs = 10_000;
/** How long a unary call may take where its caller does not say. */
export const callerCallMsDefault = 30_000;
/** Answers of one fetch stream that may be on their way or unreleased, where its caller does not say. */
export const fetchWindowBytesDefault = 16_777_216;
