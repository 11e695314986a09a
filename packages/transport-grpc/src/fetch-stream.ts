// One fetch stream, the answering end: requests wait for data beside each other, answers go out while the client has granted credit and takes
// them off the transport. At most one answer waits for that here; what else has become ready meanwhile is read again when its turn comes.

import type { FetchRequest, FetchResult } from "@varve/api";
import { ClusterError, type ErrorCode, type Failure, invariant } from "@varve/model";
import type { IncomingStream, StreamStatus } from "@varve/runtime";
import { type DecodedFetch, decodeFetchRequest, encodeFetchResponse, type FetchResponse } from "./fetch-codec.ts";
import { fetchBytesMax, fetchBytesUnderPressureMax, fetchCreditBytesMax, fetchInFlightMax, initialCreditBytes } from "./limits.ts";
import { drainingMessage, type ServedContext, type ServedStream } from "./served-stream.ts";
import { failedStatus, okStatus, toClusterError } from "./status.ts";
import type { RefusalReason } from "./transport-metrics.ts";

const labels = { method: "fetch" } as const;

/** A request that the api carries out, or will. */
interface Waiting {
  readonly correlation: number;
  readonly request: FetchRequest;
}

/** An answer that cannot go out yet, and what to ask again should its batches have to be dropped. */
interface Held {
  readonly response: FetchResponse;
  readonly waiting: Waiting | undefined;
}

export class FetchStream implements ServedStream {
  readonly #stream: IncomingStream;
  readonly #context: ServedContext;
  readonly #onClosed: (stream: ServedStream) => void;
  readonly #abort = new AbortController();
  /** Of requests that are not answered. */
  readonly #correlations = new Set<number>();
  /** Not handed to the api yet: it came while no answer could go out, or in the same turn as others. */
  #fresh: Waiting[] = [];
  /** Had their answer when none could go out: to be asked for again, without waiting. */
  #again: Waiting[] = [];
  #isAskingAgain = false;
  /** A fresh request was handed to the api in this turn. */
  #hasAsked = false;
  /** In the order in which they became ready: any number without batches, at most one with. */
  #held: Held[] = [];
  #heldBatchesSinceMs: number | undefined;
  #state: "open" | "half-closed" | "finished" = "open";
  #creditBytes = initialCreditBytes;
  #hasRoom = true;
  /** Of answers that the transport holds while it has no room. */
  #unsentBytes = 0;
  /** Of the answer in `#held` that has batches. */
  #heldBytes = 0;
  #quietSinceMs: number;

  constructor(stream: IncomingStream, context: ServedContext, onClosed: (stream: ServedStream) => void) {
    this.#stream = stream;
    this.#context = context;
    this.#onClosed = onClosed;
    this.#quietSinceMs = context.clock.monotonicMs();
  }

  message(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#touch();
    try {
      this.#take(decodeFetchRequest(bytes, this.#context.topicIds));
    } catch (error) {
      const { code, message } = toClusterError(error);
      this.#refuse("malformed", code, message);
    }
  }

  room(): void {
    this.#hasRoom = true;
    this.#count(0, this.#heldBytes);
    this.#touch();
    this.#goOn();
  }

  ended(): void {
    if (this.#state === "open") this.#state = "half-closed";
    this.#finishWhenAnswered();
  }

  closed(): void {
    this.#release();
    this.#count(0, 0);
    this.#onClosed(this);
  }

  /** Nothing is lost by ending at once: a fetch has no effect, and its client asks the next leader. */
  drain(): void {
    this.#finish({ status: "UNAVAILABLE", message: drainingMessage });
  }

  sweep(nowMs: number): void {
    if (this.#state === "finished") return;
    const quietMs = nowMs - this.#quietSinceMs;
    const { streamIdleMsMax, streamStallMsMax } = this.#context.limits;
    if (!this.#hasRoom && quietMs >= streamStallMsMax) {
      this.#refuse("stalled", "THROTTLING_QUOTA_EXCEEDED", `no answer was taken off the stream for ${streamStallMsMax} ms`);
    } else if (this.#correlations.size === 0 && quietMs >= streamIdleMsMax) {
      this.#context.metrics.refusals.add(1, { reason: "idle" });
      this.#finish({ status: "UNAVAILABLE", message: `nothing came for ${streamIdleMsMax} ms` });
    } else if (this.#heldBatchesSinceMs !== undefined && nowMs - this.#heldBatchesSinceMs >= streamStallMsMax) {
      this.#dropHeldBatches();
    }
  }

  /** @throws {ClusterError} where the stream cannot go on. */
  #take(decoded: DecodedFetch): void {
    this.#creditBytes = Math.min(this.#creditBytes + decoded.creditBytes, fetchCreditBytesMax);
    if (decoded.kind === "credit") {
      this.#goOn();
      return;
    }
    const { correlation } = decoded;
    if (this.#correlations.has(correlation)) throw new ClusterError("INVALID_REQUEST", `correlation ${correlation} is in flight already`);
    if (this.#correlations.size === fetchInFlightMax) {
      this.#refuse("in-flight", "THROTTLING_QUOTA_EXCEEDED", `more than ${fetchInFlightMax} fetch requests are in flight on one stream`);
      return;
    }
    this.#context.metrics.requests.add(1, labels);
    this.#correlations.add(correlation);
    this.#context.fetches.count += 1;
    if (decoded.kind === "refused") {
      this.#ready({ correlation, results: failures(decoded.entryCount, decoded.failure) }, undefined);
    } else if (this.#context.fetches.count > this.#context.limits.fetchesInProcessMax) {
      this.#context.metrics.refusals.add(1, { reason: "in-flight" });
      const message = `the server holds ${this.#context.limits.fetchesInProcessMax} fetch requests, as many as it may`;
      const failure = { code: "THROTTLING_QUOTA_EXCEEDED", message } as const;
      this.#ready({ correlation, results: failures(decoded.request.entries.length, failure) }, undefined);
    } else {
      this.#fresh.push({ correlation, request: decoded.request });
    }
    this.#goOn();
  }

  get #canSend(): boolean {
    return this.#hasRoom && this.#creditBytes > 0 && this.#state !== "finished";
  }

  /** Sends what is ready and asks for what is not, as far as room and credit allow. */
  #goOn(): void {
    while (this.#canSend) {
      const held = this.#held.shift();
      if (held === undefined) break;
      const heldBytes = batchBytes(held.response);
      if (heldBytes > 0) this.#heldBatchesSinceMs = undefined;
      this.#count(this.#unsentBytes, this.#heldBytes - heldBytes);
      this.#send(held.response);
    }
    if (this.#canSend && !this.#isAskingAgain) {
      const waiting = this.#again.shift();
      if (waiting !== undefined) {
        this.#isAskingAgain = true;
        this.#ask(waiting, { ...waiting.request, maxWaitMs: 0 }, () => {
          this.#isAskingAgain = false;
        });
      }
    }
    if (!this.#canSend || this.#hasAsked) return;
    const waiting = this.#fresh.shift();
    if (waiting === undefined) return;
    // One in a turn of the loop: what is in memory is answered before the next, and so nothing is read that could not go out.
    this.#hasAsked = true;
    this.#context.clock.defer(this.#turnOver);
    this.#ask(waiting, waiting.request, () => {});
  }

  readonly #turnOver = (): void => {
    this.#hasAsked = false;
    this.#goOn();
  };

  /** @param answered called first when the answer is there. */
  #ask(waiting: Waiting, request: FetchRequest, answered: () => void): void {
    const entryCount = request.entries.length;
    const asked = { ...request, bytesMaxNow: this.#bytesMaxNow };
    // Where this rejects we are wrong, or the disk is: nobody here may catch that.
    void this.#context.api.fetch(asked, this.#abort.signal).then(
      (results) => {
        answered();
        invariant(results.length === entryCount, `${entryCount} fetch entries had ${results.length} results`);
        this.#ready({ correlation: waiting.correlation, results }, waiting);
        this.#goOn();
      },
      (error: unknown) => {
        answered();
        this.#ready({ correlation: waiting.correlation, results: failures(entryCount, toClusterError(error)) }, waiting);
        this.#goOn();
      },
    );
  }

  readonly #bytesMaxNow = (): number => {
    const { fetches, limits } = this.#context;
    return fetches.unsentBytes > limits.fetchUnsentBytesMax ? fetchBytesUnderPressureMax : fetchBytesMax;
  };

  #ready(response: FetchResponse, waiting: Waiting | undefined): void {
    if (this.#state === "finished") return;
    const bytes = batchBytes(response);
    if (this.#canSend && this.#held.length === 0) {
      this.#send(response);
    } else if (bytes === 0) {
      this.#held.push({ response, waiting });
    } else if (this.#heldBatchesSinceMs === undefined) {
      this.#heldBatchesSinceMs = this.#context.clock.monotonicMs();
      this.#held.push({ response, waiting });
      this.#count(this.#unsentBytes, bytes);
    } else if (waiting !== undefined) {
      this.#again.push(waiting);
    }
  }

  /** A client may hold back its credit for as long as it likes, but not our memory. */
  #dropHeldBatches(): void {
    const index = this.#held.findIndex(({ response }) => batchBytes(response) > 0);
    const [dropped] = this.#held.splice(index, 1);
    this.#heldBatchesSinceMs = undefined;
    this.#count(this.#unsentBytes, 0);
    if (dropped?.waiting !== undefined) this.#again.unshift(dropped.waiting);
  }

  #send(response: FetchResponse): void {
    const { message, byteLength } = encodeFetchResponse(response);
    this.#creditBytes -= byteLength;
    this.#correlations.delete(response.correlation);
    this.#context.fetches.count -= 1;
    this.#context.metrics.sentBytes.add(byteLength, labels);
    this.#touch();
    if (!this.#stream.write(message)) {
      this.#hasRoom = false;
      this.#count(byteLength, this.#heldBytes);
    }
    this.#finishWhenAnswered();
  }

  /** What the process holds for clients that do not take it. */
  #count(unsentBytes: number, heldBytes: number): void {
    this.#context.fetches.unsentBytes += unsentBytes - this.#unsentBytes + heldBytes - this.#heldBytes;
    this.#unsentBytes = unsentBytes;
    this.#heldBytes = heldBytes;
  }

  #touch(): void {
    this.#quietSinceMs = this.#context.clock.monotonicMs();
  }

  #finishWhenAnswered(): void {
    if (this.#state === "half-closed" && this.#correlations.size === 0) this.#finish(okStatus);
  }

  #refuse(reason: RefusalReason, code: ErrorCode, message: string): void {
    this.#context.metrics.refusals.add(1, { reason });
    this.#finish(failedStatus(code, message));
  }

  #finish(status: StreamStatus): void {
    if (this.#state === "finished") return;
    this.#release();
    this.#stream.finish(status);
  }

  #release(): void {
    this.#state = "finished";
    this.#context.fetches.count -= this.#correlations.size;
    this.#correlations.clear();
    this.#fresh = [];
    this.#again = [];
    this.#held = [];
    this.#count(this.#unsentBytes, 0);
    this.#heldBatchesSinceMs = undefined;
    this.#abort.abort();
  }
}

function batchBytes(response: FetchResponse): number {
  return response.results.reduce((bytes, result) => (result.kind === "batches" ? bytes + result.byteLength : bytes), 0);
}

function failures(count: number, failure: Failure): readonly FetchResult[] {
  const result = { kind: "failed", failure: { code: failure.code, message: failure.message } } as const;
  return new Array<FetchResult>(count).fill(result);
}
