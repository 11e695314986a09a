// One produce stream, the answering end: requests are handed to the api in the order and in the turn in which they come, answers go out as
// they are ready, those of one turn in one message, and with them the credit for more. See data.proto for the contract.

import type { Acks, ProduceRequest, ProduceResult } from "@varve/api";
import { ClusterError, type ErrorCode, type Failure, invariant } from "@varve/model";
import type { IncomingStream, StreamStatus } from "@varve/runtime";
import { initialCreditBytes, produceInFlightMax, resultsPerResponseMax } from "./limits.ts";
import type { MemoryShare } from "./memory-pool.ts";
import { decodeProduceRequest, encodeProduceResponse, type ProduceAnswer } from "./produce-codec.ts";
import { drainingMessage, type ServedContext, type ServedStream } from "./served-stream.ts";
import { failedStatus, okStatus, toClusterError } from "./status.ts";
import type { RefusalReason } from "./transport-metrics.ts";

const labels = { method: "produce" } as const;

export class ProduceStream implements ServedStream {
  readonly #stream: IncomingStream;
  readonly #context: ServedContext;
  readonly #onClosed: (stream: ServedStream) => void;
  readonly #share: MemoryShare;
  readonly #abort = new AbortController();
  /** Of requests that are not answered yet, also not in `#answers`; those of acks "none" have none. */
  readonly #correlations = new Set<number>();
  #state: "open" | "half-closed" | "draining" | "finished" = "open";
  /** What the client may still send. Below zero by what its last message was longer. */
  #creditBytes = initialCreditBytes;
  #inFlight = 0;
  #answers: ProduceAnswer[] = [];
  /** Of requests whose end has not been told to the client: in `#answers`, or of acks "none". */
  #endedRequests = 0;
  #endedBytes = 0;
  /** Since the last flush: metrics are told once for all that came between two. */
  #receivedBytes = 0;
  #isFlushPlanned = false;
  #isReading = true;
  #hasRoom = true;
  #quietSinceMs: number;

  constructor(stream: IncomingStream, context: ServedContext, onClosed: (stream: ServedStream) => void) {
    this.#stream = stream;
    this.#context = context;
    this.#onClosed = onClosed;
    this.#share = context.producePool.join();
    this.#quietSinceMs = context.clock.monotonicMs();
  }

  message(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    if (this.#creditBytes <= 0) {
      this.#refuse("credit", "THROTTLING_QUOTA_EXCEEDED", `a message of ${bytes.length} bytes came without credit`);
      return;
    }
    this.#creditBytes -= bytes.length;
    this.#receivedBytes += bytes.length;
    try {
      this.#take(bytes);
    } catch (error) {
      const { code, message } = toClusterError(error);
      this.#refuse("malformed", code, message);
    }
  }

  room(): void {
    this.#hasRoom = true;
    this.#touch();
    this.#flush();
  }

  ended(): void {
    if (this.#state === "open") this.#state = "half-closed";
    this.#finishWhenAnswered();
  }

  closed(): void {
    this.#release();
    this.#onClosed(this);
  }

  drain(): void {
    if (this.#state === "finished") return;
    this.#state = "draining";
    this.#finishWhenAnswered();
  }

  sweep(nowMs: number): void {
    if (this.#state === "finished") return;
    const quietMs = nowMs - this.#quietSinceMs;
    const { streamIdleMsMax, streamStallMsMax } = this.#context.limits;
    if (!this.#hasRoom && quietMs >= streamStallMsMax) {
      this.#refuse("stalled", "THROTTLING_QUOTA_EXCEEDED", `no answer was taken off the stream for ${streamStallMsMax} ms`);
    } else if (this.#inFlight === 0 && quietMs >= streamIdleMsMax) {
      this.#context.metrics.refusals.add(1, { reason: "idle" });
      this.#finish({ status: "UNAVAILABLE", message: `nothing came for ${streamIdleMsMax} ms` });
    } else if (this.#inFlight === 0 && this.#share.heldBytes === 0) {
      this.#share.rest();
    }
  }

  /** @throws {ClusterError} where the stream cannot go on. */
  #take(bytes: Uint8Array): void {
    const decoded = decodeProduceRequest(bytes, this.#context.topicIds);
    const acks = decoded.kind === "request" ? decoded.request.acks : decoded.acks;
    if (acks !== "none") {
      if (this.#correlations.has(decoded.correlation)) {
        throw new ClusterError("INVALID_REQUEST", `correlation ${decoded.correlation} is in flight already`);
      }
      this.#correlations.add(decoded.correlation);
    }
    this.#inFlight += 1;
    if (this.#inFlight >= produceInFlightMax) this.#setReading(false);
    if (decoded.kind === "refused") {
      this.#answer(decoded.correlation, acks, 0, failures(decoded.entryCount, decoded.failure));
    } else if (this.#share.take(bytes.length)) {
      this.#carryOut(decoded.correlation, decoded.request, bytes.length);
    } else {
      this.#context.metrics.refusals.add(1, { reason: "memory" });
      const message = "the server holds as many unanswered bytes as it may, and this stream more than its share";
      const failure = { code: "THROTTLING_QUOTA_EXCEEDED", message } as const;
      this.#answer(decoded.correlation, acks, 0, failures(decoded.request.entries.length, failure));
    }
  }

  #carryOut(correlation: number, request: ProduceRequest, byteLength: number): void {
    const { acks } = request;
    const entryCount = request.entries.length;
    // Where this rejects we are wrong, or the disk is: nobody here may catch that.
    void this.#context.api.produce(request, this.#abort.signal).then(
      (results) => {
        invariant(acks === "none" || results.length === entryCount, `${entryCount} produce entries had ${results.length} results`);
        this.#answer(correlation, acks, byteLength, results);
      },
      (error: unknown) => this.#answer(correlation, acks, byteLength, failures(entryCount, toClusterError(error))),
    );
  }

  #answer(correlation: number, acks: Acks, heldBytes: number, results: readonly ProduceResult[]): void {
    if (this.#state === "finished") {
      this.#share.give(heldBytes);
      return;
    }
    this.#endedRequests += 1;
    this.#endedBytes += heldBytes;
    if (acks !== "none") {
      this.#correlations.delete(correlation);
      this.#answers.push({ correlation, results });
    }
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    // Behind everything that is ready in this turn of the loop: a message costs as much as the requests that it answers.
    this.#context.clock.defer(this.#flushPlanned);
  }

  readonly #flushPlanned = (): void => {
    this.#isFlushPlanned = false;
    this.#flush();
  };

  /** Sends all answers that are ready, and credit for what they free. */
  #flush(): void {
    if (this.#endedRequests === 0 || !this.#hasRoom || this.#state === "finished") return;
    this.#touch();
    this.#context.metrics.requests.add(this.#endedRequests, labels);
    this.#context.metrics.receivedBytes.add(this.#receivedBytes, labels);
    this.#receivedBytes = 0;
    this.#share.give(this.#endedBytes);
    this.#inFlight -= this.#endedRequests;
    this.#endedBytes = 0;
    this.#endedRequests = 0;
    const answers = this.#answers;
    this.#answers = [];
    const grantedBytes = Math.max(0, this.#share.windowBytes - this.#share.heldBytes - this.#creditBytes);
    this.#creditBytes += grantedBytes;
    for (const part of parts(answers)) this.#write(part.answers, part.isLast ? grantedBytes : 0);
    if (this.#inFlight < produceInFlightMax) this.#setReading(true);
    this.#finishWhenAnswered();
  }

  #write(answers: readonly ProduceAnswer[], creditBytes: number): void {
    if (answers.length === 0 && creditBytes === 0) return;
    const { message, byteLength } = encodeProduceResponse({ answers, creditBytes });
    this.#context.metrics.sentBytes.add(byteLength, labels);
    if (!this.#stream.write(message)) this.#hasRoom = false;
  }

  #setReading(isReading: boolean): void {
    if (this.#isReading === isReading) return;
    this.#isReading = isReading;
    if (isReading) this.#stream.resume();
    else this.#stream.pause();
  }

  #touch(): void {
    this.#quietSinceMs = this.#context.clock.monotonicMs();
  }

  #finishWhenAnswered(): void {
    if (this.#inFlight > 0) return;
    if (this.#state === "half-closed") this.#finish(okStatus);
    if (this.#state === "draining") this.#finish({ status: "UNAVAILABLE", message: drainingMessage });
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

  /** What is still with the api gives back its bytes when it ends. */
  #release(): void {
    this.#state = "finished";
    this.#answers = [];
    this.#share.give(this.#endedBytes);
    this.#endedBytes = 0;
    this.#share.rest();
    this.#abort.abort();
  }
}

function failures(count: number, failure: Failure): readonly ProduceResult[] {
  const result = { kind: "failed", failure: { code: failure.code, message: failure.message } } as const;
  return new Array<ProduceResult>(count).fill(result);
}

/** Answers in messages of bounded size; one message also for none. */
function* parts(answers: readonly ProduceAnswer[]): Generator<{ readonly answers: readonly ProduceAnswer[]; readonly isLast: boolean }> {
  let begin = 0;
  let results = 0;
  for (let index = 0; index < answers.length; index += 1) {
    const count = answers[index]!.results.length;
    if (results + count > resultsPerResponseMax && index > begin) {
      yield { answers: answers.slice(begin, index), isLast: false };
      begin = index;
      results = 0;
    }
    results += count;
  }
  yield { answers: begin === 0 ? answers : answers.slice(begin), isLast: true };
}
