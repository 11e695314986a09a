// The calling end of one stream, over grpc-js' client call.

import type { ClientDuplexStream, StatusObject } from "@grpc/grpc-js";
import type { OutgoingMessage, OutgoingStream, StreamEvents, StreamStatus } from "@varve/runtime";
import { byteLengthOf } from "./codec.ts";
import { fromGrpcStatus } from "./status.ts";
import { Unsent } from "./unsent.ts";

export class GrpcOutgoingStream implements OutgoingStream {
  readonly #call: ClientDuplexStream<OutgoingMessage, Uint8Array>;
  readonly #events: StreamEvents;
  readonly #onClosed: (stream: GrpcOutgoingStream) => void;
  readonly #unsent = new Unsent(() => this.#hasRoom());
  #state: "open" | "half-closed" | "cancelled" | "closed" = "open";
  /** The final status, while messages that came before it are still to be delivered. */
  #status: StreamStatus | undefined;

  constructor(call: ClientDuplexStream<OutgoingMessage, Uint8Array>, events: StreamEvents, onClosed: (stream: GrpcOutgoingStream) => void) {
    this.#call = call;
    this.#events = events;
    this.#onClosed = onClosed;
    call.on("data", (message: Uint8Array) => this.#receive(message));
    call.on("end", () => this.#end());
    call.on("status", (status) => this.#finish(status));
    // The status says the same, and comes right after it.
    call.on("error", () => {});
  }

  write(message: OutgoingMessage): boolean {
    if (this.#state !== "open") return true;
    this.#call.write(message, this.#unsent.sent);
    return this.#unsent.add(byteLengthOf(message));
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "half-closed";
    this.#call.end();
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  cancel(): void {
    if (this.#state === "cancelled" || this.#state === "closed") return;
    this.#state = "cancelled";
    this.#call.cancel();
  }

  #receive(message: Uint8Array): void {
    if (this.#state === "open" || this.#state === "half-closed") this.#events.message(message);
  }

  #hasRoom(): void {
    if (this.#state === "open") this.#events.room();
  }

  #end(): void {
    if (this.#state === "cancelled" || this.#state === "closed") return;
    this.#events.ended();
    if (this.#status !== undefined) this.#close(this.#status);
  }

  #finish(grpcStatus: StatusObject): void {
    const status = fromGrpcStatus(grpcStatus);
    // "end" follows when the messages before it have been taken. An owner who is not taking any must still learn of a failure.
    const waits = this.#state !== "cancelled" && (status.status === "OK" || !this.#call.isPaused());
    if (waits) this.#status = status;
    else this.#close(status);
  }

  #close(status: StreamStatus): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#onClosed(this);
    this.#events.closed(status);
  }
}
