// One produce stream, the calling end: requests out while there is credit and room, answers back to the callbacks of their requests.
// It does not retry, reconnect or wait; who sends decides that.

import type { ProduceRequest, ProduceResult } from "@varve/api";
import { ClusterError, invariant } from "@varve/model";
import { produceMethod } from "@varve/proto";
import type { Clock, MessageConnection, OutgoingStream, StreamEvents, StreamStatus } from "@varve/runtime";
import { AnswerWatch } from "./answer-watch.ts";
import { callerAnswerGraceMs, callerProduceInFlightMax, initialCreditBytes, messageBytesMax } from "./limits.ts";
import { decodeProduceResponse, encodeProduceRequest, type ProduceResponse } from "./produce-codec.ts";
import { fromStatus, toClusterError } from "./status.ts";
import type { TopicIds } from "./topic-ids.ts";

/** Called once for each request: with one result for each entry, or with why no answer came (then the outcome is unknown). */
export type ProduceDone = (outcome: readonly ProduceResult[] | ClusterError) => void;

export interface ProduceCallEvents {
  /** `isReady` was false and is true now. */
  ready(): void;
  /** The last call of all: every request has had its outcome. `error` is absent after `end`. */
  closed(error: ClusterError | undefined): void;
}

export interface ProduceCall {
  /** Whether a request may be sent: the stream is open, has credit and room, and fewer than `callerProduceInFlightMax` in flight. */
  readonly isReady: boolean;
  /** Requests that wait for their answer. */
  readonly inFlight: number;
  /**
   * Sends while `isReady`. Requests are carried out in the order of the calls. The batches must not change until `done`, which with
   * acks "none" is called at once.
   * @throws {ClusterError} MESSAGE_TOO_LARGE, and nothing was sent.
   */
  send(request: ProduceRequest, done: ProduceDone): void;
  /** No more requests from here; the stream closes when all are answered. */
  end(): void;
  /** Gives up: what is in flight has an unknown outcome. `closed` follows. */
  cancel(): void;
}

interface InFlight {
  readonly done: ProduceDone;
  readonly entryCount: number;
  readonly deadlineMs: number;
}

const correlationMax = 0xffff_ffff;

export function openProduceCall(connection: MessageConnection, clock: Clock, topicIds: TopicIds, events: ProduceCallEvents): ProduceCall {
  return new ProduceCallStream(connection, clock, topicIds, events);
}

class ProduceCallStream implements ProduceCall, StreamEvents {
  readonly #clock: Clock;
  readonly #topicIds: TopicIds;
  readonly #events: ProduceCallEvents;
  readonly #address: string;
  readonly #stream: OutgoingStream;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #watch: AnswerWatch;
  #state: "open" | "ending" | "closed" = "open";
  #creditBytes = initialCreditBytes;
  #hasRoom = true;
  #wasReady = true;
  #nextCorrelation = 1;
  /** Why this side gave up, which says more than the status that follows. */
  #cause: ClusterError | undefined;

  constructor(connection: MessageConnection, clock: Clock, topicIds: TopicIds, events: ProduceCallEvents) {
    this.#clock = clock;
    this.#topicIds = topicIds;
    this.#events = events;
    this.#address = connection.address;
    this.#watch = new AnswerWatch(
      clock,
      () => this.#earliestDeadlineMs(),
      () => this.#giveUp(new ClusterError("NETWORK_EXCEPTION", `${this.#address}: no answer within a request's time-out`)),
    );
    this.#stream = connection.open(produceMethod, this);
  }

  get isReady(): boolean {
    return this.#state === "open" && this.#hasRoom && this.#creditBytes > 0 && this.#inFlight.size < callerProduceInFlightMax;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  send(request: ProduceRequest, done: ProduceDone): void {
    invariant(this.isReady, "a produce request was sent on a stream that is not ready");
    const correlation = this.#nextCorrelation;
    const { message, byteLength } = encodeProduceRequest(correlation, request, this.#topicIds);
    if (byteLength > messageBytesMax) {
      throw new ClusterError("MESSAGE_TOO_LARGE", `a produce request of ${byteLength} bytes, the limit of a message is ${messageBytesMax}`);
    }
    this.#nextCorrelation = correlation === correlationMax ? 1 : correlation + 1;
    this.#creditBytes -= byteLength;
    if (request.acks !== "none") {
      const deadlineMs = this.#clock.monotonicMs() + request.timeoutMs + callerAnswerGraceMs;
      this.#inFlight.set(correlation, { done, entryCount: request.entries.length, deadlineMs });
      this.#watch.until(deadlineMs);
    }
    if (!this.#stream.write(message)) this.#hasRoom = false;
    this.#wasReady = this.isReady;
    if (request.acks === "none") done([]);
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
    let response: ProduceResponse;
    try {
      response = decodeProduceResponse(bytes);
    } catch (error) {
      this.#giveUp(toClusterError(error));
      return;
    }
    this.#creditBytes += response.creditBytes;
    for (const answer of response.answers) this.#settle(answer.correlation, answer.results);
    this.#tellReady();
  }

  room(): void {
    this.#hasRoom = true;
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
    if (error !== undefined) for (const { done } of left) done(error);
    this.#events.closed(error);
  }

  #settle(correlation: number, results: readonly ProduceResult[]): void {
    const waiting = this.#inFlight.get(correlation);
    if (waiting === undefined || results.length !== waiting.entryCount) {
      const entryCount = waiting?.entryCount ?? "no";
      const what = `${results.length} results came for request ${correlation}, which has ${entryCount} entries`;
      this.#giveUp(new ClusterError("INVALID_REQUEST", `${this.#address}: ${what}`));
      return;
    }
    this.#inFlight.delete(correlation);
    waiting.done(results);
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

  #earliestDeadlineMs(): number | undefined {
    let earliestMs: number | undefined;
    for (const { deadlineMs } of this.#inFlight.values()) {
      if (earliestMs === undefined || deadlineMs < earliestMs) earliestMs = deadlineMs;
    }
    return earliestMs;
  }
}
