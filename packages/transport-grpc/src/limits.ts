// Every bound of the gRPC transport, in one place. docs/limits.md names each with the test that goes one past it.

// Messages

/** A longer message ends its stream with RESOURCE_EXHAUSTED. Source: correctness.md 9.1, request frame. */
export const messageBytesMax = 8_388_608;
/** A longer unary request is refused with INVALID_REQUEST before it is decoded. */
export const adminRequestBytesMax = 1_048_576;
/** Elements of one repeated field of a request, and entries of a produce or fetch request. Objects are bounded, not only bytes. */
export const entriesMax = 1_000;

// Produce

/** What a stream may send before it has been granted anything; part of the contract (data.proto). */
export const initialCreditBytes = 65_536;
/** Most credit that one stream holds, its requests in flight included. */
export const produceWindowBytesMax = 4_194_304;
/** What the requests in flight of all produce streams may hold before streams beyond their share are refused. */
export const producePoolBytesMax = 67_108_864;
/** Requests of one stream that are unanswered; past it the server stops reading the stream until it has answered some. */
export const produceInFlightMax = 1_024;
/** In force where a request says 0. Source: Kafka's request.timeout.ms. */
export const produceTimeoutMsDefault = 30_000;
/** A request that asks for more gets this. */
export const produceTimeoutMsMax = 300_000;

// Fetch

/** Requests of one stream that are unanswered; one more ends the stream with RESOURCE_EXHAUSTED. */
export const fetchInFlightMax = 100;
/** Requests of all streams that are unanswered; further ones are answered with THROTTLING_QUOTA_EXCEEDED. */
export const fetchesInProcessMax = 10_000;
/** A request that asks to wait longer is answered after this. */
export const fetchWaitMsMax = 60_000;
/** Batches in one answer; a request that asks for more gets this. A first batch that is larger comes whole. */
export const fetchBytesMax = 6_291_456;
/** Credit that a client can add up; more is of no use to it. */
export const fetchCreditBytesMax = 1_073_741_824;

// Unary calls

/** From the opening of a call to its answer; past it the call ends with DEADLINE_EXCEEDED. */
export const unaryCallMsMax = 60_000;

// Connections and streams

export const connectionsMax = 10_000;
export const streamsPerConnectionMax = 100;
/** Streams of all connections; one more is refused with RESOURCE_EXHAUSTED. */
export const streamsMax = 20_000;
/** A stream without a message for so long, and with nothing in flight, is ended with UNAVAILABLE. Source: Kafka's connections.max.idle.ms. */
export const streamIdleMsMax = 600_000;
/** A stream whose peer takes nothing off the transport for so long is ended with RESOURCE_EXHAUSTED. */
export const streamStallMsMax = 60_000;

// The calling side

/** Produce requests of one stream that wait for their answer. */
export const callerProduceInFlightMax = 512;
/** How long past a request's own time-out its answer may be missing before the stream is given up. */
export const callerAnswerGraceMs = 10_000;
