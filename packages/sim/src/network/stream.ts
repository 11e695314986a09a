// One end of a stream: messages out, cut into frames as the other end gives credit; frames in, put together and handed to the
// owner unless it pauses. The calling and the answering end are one class, seen through two interfaces of the port.

import type { IncomingStream, OutgoingMessage, OutgoingStream, StreamEvents, StreamStatus } from "@varve/runtime";
import type { Life } from "../life.ts";
import { hashBytes } from "../trace.ts";
import { dataBytesMax, type Frame, frameHeaderBytes, messageHeaderBytes } from "./frame.ts";

/** The side of a connection that carries the stream. */
export interface Carrier {
  readonly messageBytesMax: number;
  readonly streamWindowBytes: number;
  readonly streamBufferBytes: number;
  /** The stream has frames again. */
  wake(stream: SimStream): void;
  /** Sends a frame before those that wait. */
  send(frame: Frame): void;
  /** The stream is over. */
  gone(stream: SimStream): void;
  /** Once in a while true: what was on its way comes although the reader has paused. */
  slipsThrough(): boolean;
}

const cancelled: StreamStatus = { status: "CANCELLED", message: "cancelled by the caller" };
/** What `write` counts before there is a connection. */
const unconnectedBufferBytes = 65_536;

export class SimStream implements OutgoingStream, IncomingStream {
  readonly method: string;
  readonly peer: string;
  readonly #life: Life;
  readonly #isCaller: boolean;
  /** Set by whoever carries it. */
  number = 0;
  isWaiting = false;
  #carrier: Carrier | undefined;
  #events: StreamEvents | undefined;
  #isOpen = true;

  readonly #outbox: Uint8Array[] = [];
  #outboxBytes = 0;
  #sentOfFirst = 0;
  #hasBegunFirst = false;
  #credit = 0;
  #last: { readonly kind: "end" } | { readonly kind: "status"; readonly status: StreamStatus } | undefined;
  #isLastSent = false;
  #wantsRoom = false;

  readonly #inbox: Uint8Array[] = [];
  #isPaused = false;
  #slips = 0;
  #heldCredit = 0;
  #owedCredit = 0;
  #otherHasEnded = false;
  #otherStatus: StreamStatus | undefined;

  constructor(life: Life, method: string, peer: string, isCaller: boolean) {
    this.#life = life;
    this.method = method;
    this.peer = peer;
    this.#isCaller = isCaller;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Who is told what happens here. */
  own(events: StreamEvents): void {
    this.#events = events;
  }

  /** From now on `carrier` carries it. */
  carry(carrier: Carrier): void {
    this.#carrier = carrier;
    this.#credit = carrier.streamWindowBytes;
    carrier.wake(this);
  }

  write(message: OutgoingMessage): boolean {
    if (!this.#isOpen || this.#last !== undefined || !this.#life.alive) return true;
    const copy = message instanceof Uint8Array ? message.slice() : joined(message);
    this.#outbox.push(copy);
    this.#outboxBytes += copy.length;
    const { scheduler, node } = this.#life;
    scheduler.trace.event(scheduler.nowMs, "network.message", node, this.method, hashBytes(copy));
    this.#carrier?.wake(this);
    this.#wantsRoom ||= this.#outboxBytes >= (this.#carrier?.streamBufferBytes ?? unconnectedBufferBytes);
    return !this.#wantsRoom;
  }

  pause(): void {
    this.#isPaused = true;
    this.#slips = this.#carrier?.slipsThrough() ? 1 : 0;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#tell(() => {
      this.#returnCredit(this.#heldCredit);
      this.#heldCredit = 0;
      this.#drain();
    });
  }

  end(): void {
    if (!this.#isOpen || this.#last !== undefined || !this.#life.alive) return;
    this.#last = { kind: "end" };
    this.#carrier?.wake(this);
  }

  finish(status: StreamStatus): void {
    if (!this.#isOpen || this.#last !== undefined || !this.#life.alive) return;
    this.#last = { kind: "status", status };
    this.#inbox.length = 0;
    this.#carrier?.wake(this);
  }

  cancel(): void {
    if (!this.#isOpen || !this.#life.alive) return;
    this.#carrier?.send({ kind: "cancel", stream: this.number, bytes: frameHeaderBytes });
    this.close(cancelled);
  }

  /** Ends it here; the owner is told in a later event. */
  close(status: StreamStatus): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#outbox.length = 0;
    this.#inbox.length = 0;
    this.#carrier?.gone(this);
    const { scheduler } = this.#life;
    scheduler.afterInOrder(0, () => this.#life.deliver(() => this.#events?.closed(status)));
  }

  /** The next frame that may be sent, if any. */
  next(): Frame | undefined {
    if (!this.#isOpen) return undefined;
    const message = this.#outbox[0];
    if (message !== undefined) return this.#nextOf(message);
    if (this.#last === undefined || this.#isLastSent) return undefined;
    this.#isLastSent = true;
    if (this.#last.kind === "end") return { kind: "end", stream: this.number, bytes: frameHeaderBytes };
    const { status } = this.#last;
    this.close(status);
    return { kind: "status", stream: this.number, status, bytes: frameHeaderBytes + status.message.length };
  }

  /** Takes a frame of the other end. Called within an event of this process. */
  receive(frame: Frame): void {
    if (!this.#isOpen) return;
    switch (frame.kind) {
      case "data":
        return this.#receiveData(frame);
      case "credit":
        this.#credit += frame.credit;
        this.#carrier?.wake(this);
        return;
      case "end":
        this.#otherHasEnded = true;
        return this.#drain();
      case "status":
        this.#otherHasEnded = true;
        this.#otherStatus = frame.status;
        // A failure may overtake what a paused owner has not taken.
        if (frame.status.status !== "OK" && this.#isPaused && this.#carrier?.slipsThrough()) return this.close(frame.status);
        return this.#drain();
      case "cancel":
        return this.close(cancelled);
    }
  }

  #nextOf(message: Uint8Array): Frame | undefined {
    const length = Math.min(message.length - this.#sentOfFirst, this.#credit, dataBytesMax);
    if (length === 0 && message.length > 0) return undefined;
    const part = this.#hasBegunFirst ? "later" : "first";
    this.#hasBegunFirst = true;
    this.#sentOfFirst += length;
    this.#credit -= length;
    this.#outboxBytes -= length;
    const isLast = this.#sentOfFirst === message.length;
    if (isLast) {
      this.#outbox.shift();
      this.#sentOfFirst = 0;
      this.#hasBegunFirst = false;
    }
    this.#offerRoom();
    const bytes = frameHeaderBytes + (part === "first" ? messageHeaderBytes : 0) + length;
    return { kind: "data", stream: this.number, message, length, part, isLast, bytes };
  }

  #offerRoom(): void {
    const limit = this.#carrier?.streamBufferBytes ?? unconnectedBufferBytes;
    if (!this.#wantsRoom || this.#outboxBytes > limit / 2) return;
    this.#wantsRoom = false;
    this.#tell(() => this.#events?.room());
  }

  #receiveData(frame: Frame & { kind: "data" }): void {
    const { message } = frame;
    if (frame.part === "first" && message.length > (this.#carrier?.messageBytesMax ?? 0)) return this.#refuse(message.length);
    if (this.#isPaused) this.#heldCredit += frame.length;
    else this.#returnCredit(frame.length);
    if (!frame.isLast || this.#last?.kind === "status") return;
    this.#inbox.push(message);
    this.#drain();
  }

  #refuse(length: number): void {
    const status: StreamStatus = {
      status: "RESOURCE_EXHAUSTED",
      message: `a message of ${length} bytes; at most ${this.#carrier?.messageBytesMax}`,
    };
    const stream = this.number;
    this.#carrier?.send(
      this.#isCaller ? { kind: "cancel", stream, bytes: frameHeaderBytes } : { kind: "status", stream, status, bytes: frameHeaderBytes },
    );
    this.close(status);
  }

  /** Hands over what has come, in order, as far as the owner takes it. */
  #drain(): void {
    while (this.#inbox.length > 0) {
      if (!this.#isOpen || !this.#life.alive) return;
      if (this.#isPaused && this.#slips-- <= 0) return;
      this.#events?.message(this.#inbox.shift() as Uint8Array);
    }
    if (!this.#isOpen) return;
    if (this.#otherHasEnded) {
      this.#otherHasEnded = false;
      this.#events?.ended();
    }
    if (this.#otherStatus !== undefined) this.close(this.#otherStatus);
  }

  #returnCredit(bytes: number): void {
    this.#owedCredit += bytes;
    if (this.#carrier === undefined || 2 * this.#owedCredit < this.#carrier.streamWindowBytes) return;
    this.#carrier.send({ kind: "credit", stream: this.number, credit: this.#owedCredit, bytes: frameHeaderBytes });
    this.#owedCredit = 0;
  }

  /** Runs code of the owner's process in an event of its own. */
  #tell(run: () => void): void {
    this.#life.scheduler.afterInOrder(0, () =>
      this.#life.deliver(() => {
        if (this.#isOpen) run();
      }),
    );
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
