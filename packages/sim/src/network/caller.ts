// A connection to one address as its caller sees it: dialled when a stream needs it, and again when it was lost. Streams that
// are opened meanwhile wait, and fail together when nobody answers.

import type { ConnectOptions, MessageConnection, OutgoingStream, StreamEvents, StreamStatus } from "@varve/runtime";
import { type Life, never } from "../life.ts";
import type { Side, SideOwner } from "./side.ts";
import { SimStream } from "./stream.ts";

const cancelled: StreamStatus = { status: "CANCELLED", message: "the connection was closed here" };

/** Dials `address` for `owner`: calls one of the two, once, in an event of the caller's process. */
export type Dial = (address: string, owner: SideOwner, up: (side: Side) => void, failed: (reason: string) => void) => void;

export class Caller implements MessageConnection, SideOwner {
  readonly address: string;
  readonly messageBytesMax: number;
  readonly #life: Life;
  readonly #dial: Dial;
  readonly #waiting: SimStream[] = [];
  /** Those that carry streams; the last one takes new ones, unless its listener went away. */
  readonly #sides = new Set<Side>();
  #taking: Side | undefined;
  #isDialling = false;
  #isOpen = true;

  constructor(address: string, options: ConnectOptions, life: Life, dial: Dial) {
    this.address = address;
    this.messageBytesMax = options.messageBytesMax;
    this.#life = life;
    this.#dial = dial;
  }

  open(method: string, events: StreamEvents): OutgoingStream {
    const stream = new SimStream(this.#life, method, this.address, true);
    stream.own(events);
    if (!this.#life.alive) return stream;
    if (!this.#isOpen) stream.close(cancelled);
    else if (this.#taking !== undefined) this.#taking.open(stream);
    else {
      this.#waiting.push(stream);
      this.#connect();
    }
    return stream;
  }

  async close(): Promise<void> {
    if (!this.#life.alive) return never();
    if (this.#isOpen) {
      this.#isOpen = false;
      for (const stream of this.#waiting.splice(0)) stream.close(cancelled);
      for (const side of [...this.#sides]) side.close(cancelled);
    }
    await new Promise<void>((resolve) => {
      this.#life.scheduler.after(0, () => this.#life.deliver(resolve));
    });
  }

  accept(): StreamStatus {
    return { status: "UNIMPLEMENTED", message: "a caller answers nothing" };
  }

  wentAway(): void {
    this.#taking = undefined;
  }

  streamEnded(): void {}

  lost(side: Side): void {
    this.#sides.delete(side);
    if (this.#taking === side) this.#taking = undefined;
  }

  #connect(): void {
    if (this.#isDialling) return;
    this.#isDialling = true;
    this.#dial(
      this.address,
      this,
      (side) => {
        this.#isDialling = false;
        this.#sides.add(side);
        if (!this.#isOpen) return side.close(cancelled);
        this.#taking = side;
        for (const stream of this.#waiting.splice(0)) if (stream.isOpen) side.open(stream);
      },
      (reason) => {
        this.#isDialling = false;
        for (const stream of this.#waiting.splice(0)) stream.close({ status: "UNAVAILABLE", message: `${this.address}: ${reason}` });
      },
    );
  }
}
