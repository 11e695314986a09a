// The answering end of one stream, over grpc-js' server call.

import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { IncomingStream, OutgoingMessage, StreamEvents, StreamStatus } from "@varve/runtime";
import { byteLengthOf } from "./codec.ts";
import { toGrpcStatus } from "./status.ts";
import { Unsent } from "./unsent.ts";

/** grpc-js tells a handler only that the call is over, not why. */
const cutOff: StreamStatus = { status: "CANCELLED", message: "the caller cancelled, broke a limit, or is gone" };

export class GrpcIncomingStream implements IncomingStream {
  readonly method: string;
  readonly peer: string;
  readonly #call: ServerDuplexStream<Uint8Array, OutgoingMessage>;
  readonly #unsent = new Unsent(() => this.#hasRoom());
  #events: StreamEvents | undefined;
  #state: "open" | "finishing" | "closed" = "open";
  #status: StreamStatus = cutOff;

  constructor(call: ServerDuplexStream<Uint8Array, OutgoingMessage>) {
    this.#call = call;
    this.method = call.getPath();
    this.peer = call.getPeer();
    // What failed is also told by "cancelled".
    call.on("error", () => {});
  }

  /** From now on `events` is told. */
  start(events: StreamEvents): void {
    const call = this.#call;
    this.#events = events;
    call.on("data", (message: Uint8Array) => {
      if (this.#state === "open") events.message(message);
    });
    // A call that its caller cancels ends like one that it half-closes, and is mostly known as cancelled within the same turn.
    call.on("end", () => {
      setImmediate(() => {
        if (this.#state === "open") events.ended();
      });
    });
    // It comes for every call, also for one that was finished in order.
    call.on("cancelled", () => {
      if (this.#state === "closed") return;
      this.#state = "closed";
      events.closed(this.#status);
    });
  }

  write(message: OutgoingMessage): boolean {
    if (this.#state !== "open") return true;
    this.#call.write(message, this.#unsent.sent);
    return this.#unsent.add(byteLengthOf(message));
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  finish(status: StreamStatus): void {
    if (this.#state !== "open") return;
    this.#state = "finishing";
    this.#status = status;
    // What still comes from the caller is not wanted, and must not hold the connection's window.
    this.#call.resume();
    const grpcStatus = toGrpcStatus(status);
    if (status.status === "OK") this.#call.end(grpcStatus.metadata);
    else this.#call.emit("error", grpcStatus);
  }

  #hasRoom(): void {
    if (this.#state === "open") this.#events?.room();
  }
}
