// One fetch stream, the calling end: many requests in flight, answers back to the callbacks of their requests, and the window of bytes that
// the server may send before the caller has released some. It does not retry, reconnect or wait; who asks decides that.

import type { FetchRequest, FetchResult } from "@varve/api";
import { ClusterError, invariant } from "@varve/model";
import { fetchMethod } from "@varve/proto";
import type { Clock, MessageConnection, OutgoingStream, StreamEvents, StreamStatus } from "@varve/runtime";
import { AnswerWatch } from "./answer-watch.ts";
import { decodeFetchResponse, encodeFetchRequest, type FetchResponse } from "./fetch-codec.ts";
import { callerAnswerGraceMs, fetchInFlightMax, initialCreditBytes } from "./limits.ts";
import { fromStatus, toClusterError } from "./status.ts";
import type { TopicIds } from "./topic-ids.ts";

/**
 * Called once for each request: with one result for each entry, or with why no answer came.
 * @param heldBytes what the answer holds of the stream's window, until it is given to `release`; 0 with an error.
 */
export type FetchDone = (outcome: readonly FetchResult[] | ClusterError, heldBytes: number) => void;

export interface FetchCallEvents {
  /** `isReady` was false and is true now. */
  ready(): void;
  /** The last call of all: every request has had its outcome. `error` is absent after `end`. */
  closed(error: ClusterError | undefined): void;
}

export interface FetchCall {
  /** Whether a request may be sent: the stream is open, has room, and fewer than `fetchInFlightMax` in flight. */
  readonly isReady: boolean;
  readonly inFlight: number;
  /** Asks while `isReady`. Batches in the outcome are the caller's to keep. */
  send(request: FetchRequest, done: FetchDone): void;
  /** The caller is through with `heldBytes` of answers: the server may send as much again. */
  release(heldBytes: number): void;
  /** No more requests from here; the stream closes when all are answered. */
  end(): void;
  /** Gives up what is in flight. `closed` follows. */
  cancel(): void;
}

interface InFlight {
  readonly done: FetchDone;
  readonly entryCount: number;
  readonly deadlineMs: number;
}

const correlationMax = 0xffff_ffff;
const grantOnly: FetchRequest = { maxWaitMs: 0, minBytes: 0, maxBytes: 0, entries: [] };

/** @param windowBytes answers that may be on their way or unreleased before the server waits; at least `initialCreditBytes`. */
export function openFetchCall(
  connection: MessageConnection,
  clock: Clock,
  topicIds: TopicIds,
  windowBytes: number,
  events: FetchCallEvents,
): FetchCall {
  return new FetchCallStream(connection, clock, topicIds, windowBytes, events);
}

class FetchCallStream implements FetchCall, StreamEvents {
  readonly #clock: Clock;
  readonly #topicIds: TopicIds;
  readonly #windowBytes: number;
  readonly #events: FetchCallEvents;
  readonly #address: string;
  readonly #stream: OutgoingStream;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #watch: AnswerWatch;
  #state: "open" | "ending" | "closed" = "open";
  /** Answers that have come and are not released. */
  #heldBytes = 0;
  /** Credit that the server does not have yet. */
  #ungrantedBytes: number;
  #hasRoom = true;
  #wasReady = true;
  #nextCorrelation = 1;
  /** Why this side gave up, which says more than the status that follows. */
  #cause: ClusterError | undefined;

  constructor(connection: MessageConnection, clock: Clock, topicIds: TopicIds, windowBytes: number, events: FetchCallEvents) {
    invariant(
      windowBytes >= initialCreditBytes,
      `a fetch window of ${windowBytes} bytes is below the ${initialCreditBytes} of every stream`,
    );
    this.#clock = clock;
    this.#topicIds = topicIds;
    this.#windowBytes = windowBytes;
    this.#ungrantedBytes = windowBytes - initialCreditBytes;
    this.#events = events;
    this.#address = connection.address;
    this.#watch = new AnswerWatch(
      clock,
      () => this.#earliestDeadlineMs(),
      () => this.#giveUp(new ClusterError("NETWORK_EXCEPTION", `${this.#address}: no answer within a request's wait`)),
    );
    this.#stream = connection.open(fetchMethod, this);
  }

  get isReady(): boolean {
    return this.#state === "open" && this.#hasRoom && this.#inFlight.size < fetchInFlightMax;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  send(request: FetchRequest, done: FetchDone): void {
    invariant(this.isReady, "a fetch request was sent on a stream that is not ready");
    invariant(request.entries.length > 0, "a fetch request without entries has no answer");
    const correlation = this.#nextCorrelation;
    this.#nextCorrelation = correlation === correlationMax ? 1 : correlation + 1;
    const deadlineMs = this.#clock.monotonicMs() + request.maxWaitMs + callerAnswerGraceMs;
    this.#inFlight.set(correlation, { done, entryCount: request.entries.length, deadlineMs });
    this.#watch.until(deadlineMs);
    this.#write(correlation, request);
    this.#wasReady = this.isReady;
  }

  release(heldBytes: number): void {
    invariant(heldBytes <= this.#heldBytes, `${heldBytes} bytes were released of ${this.#heldBytes} that are held`);
    this.#heldBytes -= heldBytes;
    this.#ungrantedBytes += heldBytes;
    // Requests carry it along; a message for it alone only when the server may run dry.
    if (this.#state === "open" && this.#hasRoom && this.#ungrantedBytes * 2 >= this.#windowBytes) this.#write(0, grantOnly);
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#stream.end();
  }

  cancel(): void {
    this.#giveUp(new ClusterError("NETWORK_EXCEPTION", `${this.#address}: the stream was given up`));
  }

  message(bytes: Uint8Array): void {
    let response: FetchResponse;
    try {
      response = decodeFetchResponse(bytes);
    } catch (error) {
      this.#giveUp(toClusterError(error));
      return;
    }
    const { correlation, results } = response;
    const waiting = this.#inFlight.get(correlation);
    if (waiting === undefined || results.length !== waiting.entryCount) {
      const entryCount = waiting?.entryCount ?? "no";
      const what = `${results.length} results came for request ${correlation}, which has ${entryCount} entries`;
      this.#giveUp(new ClusterError("INVALID_REQUEST", `${this.#address}: ${what}`));
      return;
    }
    this.#inFlight.delete(correlation);
    this.#heldBytes += bytes.length;
    waiting.done(results, bytes.length);
    this.#tellReady();
  }

  room(): void {
    this.#hasRoom = true;
    this.release(0);
    this.#tellReady();
  }

  /** The status follows. */
  ended(): void {}

  closed(status: StreamStatus): void {
    const isOrderly = status.status === "OK" && this.#state === "ending" && this.#inFlight.size === 0;
    const error = isOrderly ? undefined : (this.#cause ?? fromStatus(status, this.#address));
    this.#state = "closed";
    this.#watch.stop();
    const left = [...this.#inFlight.values()];
    this.#inFlight.clear();
    if (error !== undefined) for (const { done } of left) done(error, 0);
    this.#events.closed(error);
  }

  #write(correlation: number, request: FetchRequest): void {
    const creditBytes = this.#ungrantedBytes;
    this.#ungrantedBytes = 0;
    if (!this.#stream.write(encodeFetchRequest(correlation, request, creditBytes, this.#topicIds))) this.#hasRoom = false;
  }

  #tellReady(): void {
    const isReady = this.isReady;
    if (isReady === this.#wasReady) return;
    this.#wasReady = isReady;
    if (isReady) this.#events.ready();
  }

  #giveUp(cause: ClusterError): void {
    if (this.#state === "closed") return;
    this.#cause ??= cause;
    this.#stream.cancel();
  }

  /** A server that has no credit owes no answer: then none is late. */
  #earliestDeadlineMs(): number | undefined {
    const isStarved = this.#heldBytes + this.#ungrantedBytes >= this.#windowBytes;
    let earliestMs: number | undefined;
    for (const { deadlineMs } of this.#inFlight.values()) {
      if (earliestMs === undefined || deadlineMs < earliestMs) earliestMs = deadlineMs;
    }
    if (earliestMs === undefined || !isStarved) return earliestMs;
    return Math.max(earliestMs, this.#clock.monotonicMs() + callerAnswerGraceMs);
  }
}
