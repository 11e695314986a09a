// One listening address: the connections that came to it, and the streams that it shows to its owner.

import type { IncomingStream, ListenOptions, MessageListener, StreamEvents, StreamStatus } from "@varve/runtime";
import { type Life, never } from "../life.ts";
import type { Planned } from "../scheduler.ts";
import type { Side, SideOwner } from "./side.ts";

const shutDown: StreamStatus = { status: "UNAVAILABLE", message: "the server is shutting down" };

export type Accept = (stream: IncomingStream) => StreamEvents | StreamStatus;

export class Listener implements MessageListener, SideOwner {
  readonly address: string;
  readonly life: Life;
  readonly options: ListenOptions;
  readonly #accept: Accept;
  /** Gives the address back. */
  readonly #release: () => void;
  readonly #sides = new Set<Side>();
  #isTaking = true;
  #closed: (() => void)[] = [];
  #grace: Planned | undefined;

  constructor(address: string, life: Life, options: ListenOptions, accept: Accept, release: () => void) {
    this.address = address;
    this.life = life;
    this.options = options;
    this.#accept = accept;
    this.#release = release;
  }

  get messageBytesMax(): number {
    return this.options.messageBytesMax;
  }

  /** A connection has come. */
  add(side: Side): void {
    this.#sides.add(side);
  }

  accept(stream: IncomingStream): StreamEvents | StreamStatus {
    if (!this.#isTaking) return shutDown;
    if (!this.options.methods.includes(stream.method)) return { status: "UNIMPLEMENTED", message: `${stream.method}: no such method here` };
    return this.#accept(stream);
  }

  wentAway(): void {}

  streamEnded(): void {
    // Its last frame is on its way to the pipe yet.
    if (!this.#isTaking) this.#closeSoon();
  }

  lost(side: Side): void {
    this.#sides.delete(side);
    this.#closeWhenDone();
  }

  close(graceMs: number): Promise<void> {
    if (!this.life.alive) return never();
    if (this.#isTaking) {
      this.#isTaking = false;
      this.#release();
      for (const side of this.#sides) side.goAway();
      this.#grace = this.life.scheduler.after(graceMs, () =>
        this.life.deliver(() => {
          for (const side of [...this.#sides]) side.close(shutDown);
          this.#closeWhenDone();
        }),
      );
    }
    return new Promise((resolve) => {
      this.#closed.push(resolve);
      this.#closeSoon();
    });
  }

  #closeSoon(): void {
    this.life.scheduler.after(0, () => this.life.deliver(() => this.#closeWhenDone()));
  }

  #closeWhenDone(): void {
    if (this.#isTaking || [...this.#sides].some((side) => side.streams > 0)) return;
    this.#grace?.cancel();
    for (const side of [...this.#sides]) side.close(shutDown);
    for (const resolve of this.#closed.splice(0)) resolve();
  }
}
