// One unary call, the answering end: one message in, its half-close, one message or a failure out, within a deadline of the server's own.

import type { IncomingStream, StreamStatus, Timer } from "@varve/runtime";
import { adminRequestBytesMax, unaryCallMsMax } from "./limits.ts";
import { drainingMessage, type ServedContext, type ServedStream } from "./served-stream.ts";
import { failedStatus, okStatus, toClusterError } from "./status.ts";
import type { ServedMethod } from "./transport-metrics.ts";

/** Carries out one call: its message, or the status that it fails with. May throw or reject with `ClusterError`, which is such a status. */
export type Answer = (request: Uint8Array, signal: AbortSignal) => Uint8Array | StreamStatus | Promise<Uint8Array | StreamStatus>;

export class UnaryCall implements ServedStream {
  readonly #stream: IncomingStream;
  readonly #context: ServedContext;
  readonly #onClosed: (stream: ServedStream) => void;
  readonly #labels: { readonly method: ServedMethod };
  readonly #answer: Answer;
  readonly #abort = new AbortController();
  readonly #deadline: Timer;
  #state: "open" | "answering" | "finished" = "open";
  #request: Uint8Array | undefined;

  constructor(
    stream: IncomingStream,
    context: ServedContext,
    onClosed: (stream: ServedStream) => void,
    method: ServedMethod,
    answer: Answer,
  ) {
    this.#stream = stream;
    this.#context = context;
    this.#onClosed = onClosed;
    this.#labels = { method };
    this.#answer = answer;
    this.#deadline = context.clock.setTimer(unaryCallMsMax, () => {
      this.#finish(failedStatus("REQUEST_TIMED_OUT", `no answer within ${unaryCallMsMax} ms; whether the call took effect is unknown`));
    });
  }

  message(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#context.metrics.receivedBytes.add(bytes.length, this.#labels);
    if (this.#request !== undefined) {
      this.#refuse("a unary call has one message");
    } else if (bytes.length > adminRequestBytesMax) {
      this.#refuse(`the request has ${bytes.length} bytes, the limit is ${adminRequestBytesMax}`);
    } else {
      this.#request = bytes;
    }
  }

  /** Never waited for: one answer is written, and the transport takes it. */
  room(): void {}

  ended(): void {
    if (this.#state !== "open") return;
    if (this.#request === undefined) {
      this.#refuse("the call ended before its request came");
      return;
    }
    this.#state = "answering";
    this.#context.metrics.requests.add(1, this.#labels);
    void this.#carryOut(this.#request);
  }

  closed(): void {
    this.#state = "finished";
    this.#deadline.cancel();
    this.#abort.abort();
    this.#onClosed(this);
  }

  /** A call that is being carried out has its answer; one that waits for its request has nothing to lose. */
  drain(): void {
    if (this.#state === "open") this.#finish({ status: "UNAVAILABLE", message: drainingMessage });
  }

  /** The deadline does it. */
  sweep(): void {}

  /** Rejects only where nobody here may catch it: where we are wrong, or the disk is. */
  async #carryOut(request: Uint8Array): Promise<void> {
    try {
      const answer = await this.#answer(request, this.#abort.signal);
      if (this.#state !== "answering") return;
      if (!(answer instanceof Uint8Array)) {
        this.#finish(answer);
        return;
      }
      this.#context.metrics.sentBytes.add(answer.length, this.#labels);
      this.#stream.write(answer);
      this.#finish(okStatus);
    } catch (error) {
      const { code, message } = toClusterError(error);
      this.#finish(failedStatus(code, message));
    }
  }

  #refuse(message: string): void {
    this.#context.metrics.refusals.add(1, { reason: "malformed" });
    this.#finish(failedStatus("INVALID_REQUEST", message));
  }

  #finish(status: StreamStatus): void {
    if (this.#state === "finished") return;
    this.#state = "finished";
    this.#deadline.cancel();
    this.#abort.abort();
    this.#stream.finish(status);
  }
}
