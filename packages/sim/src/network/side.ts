// One side of a connection: its streams, in turn, over one pipe each way, and the pings that notice when the other side is gone.
// How a connection comes about is sim-network.ts; who takes its streams is listener.ts, who opens them caller.ts.

import type { StreamEvents, StreamStatus } from "@varve/runtime";
import type { Life } from "../life.ts";
import type { Random } from "../random.ts";
import { type Planned, quiet } from "../scheduler.ts";
import { type Frame, frameHeaderBytes } from "./frame.ts";
import { Pipe } from "./pipe.ts";
import { type Carrier, SimStream } from "./stream.ts";
import type { Wires } from "./wires.ts";

/** A ping goes out this often; when no answer has come by the next, the connection is lost. */
const keepaliveMs = 10_000;
const resetBytes = 40;
/** How often a message that is on its way comes through a pause. */
const slipRate = 0.25;
/** How long it takes, on average, until a side hears that its connection broke. */
const breakNoticeMsMean = 5;

/** Who answers a side's streams, and hears of its end. */
export interface SideOwner {
  readonly messageBytesMax: number;
  /** A stream that the other side has opened. @returns who is told of it, or the status that refuses it. */
  accept(stream: SimStream): StreamEvents | StreamStatus;
  /** The other side takes no new streams. */
  wentAway(): void;
  /** One stream less. */
  streamEnded(): void;
  /** The side is down, with all of its streams. */
  lost(side: Side): void;
}

/** A machine as the network sees it. */
export interface Host {
  readonly name: string;
  readonly isPowered: boolean;
  /** Its ends of connections. */
  readonly sides: Set<Side>;
}

export interface SideOptions {
  readonly role: "caller" | "answerer";
  readonly life: Life;
  readonly host: Host;
  readonly owner: SideOwner;
  readonly peer: string;
  /** How many streams the other side takes at once. */
  readonly streamsMax: number;
}

export class Side implements Carrier {
  readonly life: Life;
  readonly role: "caller" | "answerer";
  /** Names the connection to the owner of the side. */
  readonly peer: string;
  readonly #wires: Wires;
  readonly #host: Host;
  readonly #owner: SideOwner;
  readonly #streamsMax: number;
  /** Agreed when the connection begins: two ends that count by different windows would wait for each other. */
  readonly streamWindowBytes: number;
  readonly #streams = new Map<number, SimStream>();
  /** Streams that wait for another one to end. */
  readonly #queued: SimStream[] = [];
  readonly #urgent: Frame[] = [];
  readonly #ready: SimStream[] = [];
  #lastNumber = 0;
  #isUp = true;
  #isBroken = false;
  #out: Pipe | undefined;
  #in: Pipe | undefined;
  #other: Side | undefined;
  #keepalive: Planned | undefined;
  #awaitsPong = false;

  constructor(wires: Wires, options: SideOptions) {
    this.#wires = wires;
    this.life = options.life;
    this.#host = options.host;
    this.peer = options.peer;
    this.#owner = options.owner;
    this.role = options.role;
    this.#streamsMax = options.streamsMax;
    this.streamWindowBytes = wires.faults.streamWindowBytes;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get streams(): number {
    return this.#streams.size + this.#queued.length;
  }

  get messageBytesMax(): number {
    return this.#owner.messageBytesMax;
  }

  get streamBufferBytes(): number {
    return this.#wires.faults.streamBufferBytes;
  }

  /** Makes two sides one connection. */
  static join(wires: Wires, caller: Side, answerer: Side): void {
    const pipe = (from: Side, to: Side) =>
      new Pipe(wires, {
        from: from.#host.name,
        to: to.#host.name,
        next: () => from.#next(),
        arrived: () => to.#arrived(),
        received: (frames) => to.#received(frames),
      });
    const up = pipe(caller, answerer);
    const down = pipe(answerer, caller);
    for (const [side, other, out, incoming] of [
      [caller, answerer, up, down],
      [answerer, caller, down, up],
    ] as const) {
      side.#other = other;
      side.#out = out;
      side.#in = incoming;
      side.#host.sides.add(side);
      side.#planKeepalive();
      out.pump();
    }
  }

  /** Opens a stream to the other side, at once or when an earlier one has ended. */
  open(stream: SimStream): void {
    if (this.#streams.size >= this.#streamsMax) {
      this.#queued.push(stream);
      return;
    }
    stream.number = ++this.#lastNumber;
    this.#streams.set(stream.number, stream);
    this.send({ kind: "open", stream: stream.number, method: stream.method, bytes: frameHeaderBytes + stream.method.length });
    stream.carry(this);
  }

  wake(stream: SimStream): void {
    if (!stream.isWaiting) {
      stream.isWaiting = true;
      this.#ready.push(stream);
    }
    this.#out?.pump();
  }

  send(frame: Frame): void {
    this.#urgent.push(frame);
    this.#out?.pump();
  }

  gone(stream: SimStream): void {
    this.#streams.delete(stream.number);
    while (this.#isUp && this.#streams.size < this.#streamsMax) {
      const next = this.#queued.shift();
      if (next === undefined) break;
      if (next.isOpen) this.open(next);
    }
    this.#owner.streamEnded();
  }

  slipsThrough(): boolean {
    return this.#random.chance(slipRate);
  }

  goAway(): void {
    this.send({ kind: "go-away", bytes: frameHeaderBytes });
  }

  /** Ends the connection in good order: what was sent arrives before the other side hears of it. */
  close(status: StreamStatus): void {
    if (!this.#isUp) return;
    for (const stream of [...this.#streams.values()]) {
      const number = stream.number;
      this.send(
        this.role === "caller"
          ? { kind: "cancel", stream: number, bytes: frameHeaderBytes }
          : { kind: "status", stream: number, status, bytes: frameHeaderBytes },
      );
    }
    this.send({ kind: "close", bytes: frameHeaderBytes });
    this.#down(status);
  }

  /** The way breaks. Each side hears of it after a while, or, when the break is silent, from the pings that are not answered. */
  break(how: "heard" | "silent"): void {
    const other = this.#other;
    if (other === undefined || this.#isBroken) return;
    this.#isBroken = true;
    other.#isBroken = true;
    this.#wires.scheduler.trace.count(`network.fault.break-${how}`);
    this.#out?.close();
    this.#in?.close();
    if (how === "silent") return;
    for (const side of [this, other]) {
      const delayMs = side.#random.exponential(breakNoticeMsMean);
      this.#wires.scheduler.after(delayMs, () => side.life.deliver(() => side.#lose("the connection broke")));
    }
  }

  /** Breaks after so many more bytes have come to this side. */
  breakAfter(bytes: number): void {
    this.#in?.breakAfter(bytes, () => this.break("heard"));
  }

  /** Its process has died; with the machine still up, the kernel closes the connection. */
  died(death: "process" | "power"): void {
    this.#isUp = false;
    this.#keepalive?.cancel();
    this.#out?.abandon();
    if (death === "process") this.#reset();
  }

  get #random(): Random {
    return this.#wires.randomOf(this.#host.name, this.#otherHost?.name ?? "");
  }

  get #otherHost(): Host | undefined {
    return this.#other === undefined ? undefined : this.#other.#host;
  }

  #next(): Frame | undefined {
    const urgent = this.#urgent.shift();
    if (urgent !== undefined) return urgent;
    for (let stream = this.#ready.shift(); stream !== undefined; stream = this.#ready.shift()) {
      const frame = stream.next();
      if (frame === undefined) {
        stream.isWaiting = false;
        continue;
      }
      this.#ready.push(stream);
      return frame;
    }
    return undefined;
  }

  #arrived(): boolean {
    if (this.#otherHost !== this.#host && this.#random.chance(this.#wires.faults.breakRate)) {
      this.break(this.#random.chance(0.7) ? "heard" : "silent");
      return false;
    }
    // The kernel of a machine that is up answers for a process that is not.
    if (!this.life.alive && this.#host.isPowered) this.#reset();
    return this.life.alive;
  }

  #received(frames: readonly Frame[]): unknown {
    return this.life.deliver(() => {
      for (const frame of frames) if (this.life.alive && this.#isUp) this.#take(frame);
    });
  }

  #take(frame: Frame): void {
    switch (frame.kind) {
      case "open":
        return this.#accept(frame.stream, frame.method);
      case "ping":
        return this.send({ kind: "pong", bytes: frameHeaderBytes });
      case "pong":
        this.#awaitsPong = false;
        return;
      case "go-away":
        return this.#owner.wentAway();
      case "close":
        return this.#lose("closed by the other side");
      default:
        this.#streams.get(frame.stream)?.receive(frame);
    }
  }

  #accept(number: number, method: string): void {
    const stream = new SimStream(this.life, method, this.peer, false);
    stream.number = number;
    this.#streams.set(number, stream);
    const answer = this.#owner.accept(stream);
    if (!("closed" in answer)) {
      this.#streams.delete(number);
      this.send({ kind: "status", stream: number, status: answer, bytes: frameHeaderBytes + answer.message.length });
      return;
    }
    stream.own(answer);
    stream.carry(this);
  }

  #planKeepalive(): void {
    this.#keepalive = this.#wires.scheduler.after(keepaliveMs, () => {
      if (!this.#isUp || !this.life.alive) return quiet;
      return this.life.deliver(() => {
        if (!this.#isUp) return;
        if (this.#awaitsPong) {
          this.#wires.scheduler.trace.count("network.keepalive-lost");
          this.#reset();
          return this.#lose("the other side does not answer pings");
        }
        this.#awaitsPong = true;
        this.send({ kind: "ping", bytes: frameHeaderBytes });
        this.#planKeepalive();
      });
    });
  }

  /** Tells the other side, if the wire carries it, that there is nobody here. */
  #reset(): void {
    const other = this.#other;
    if (other === undefined) return;
    this.#wires.send(this.#host.name, other.#host.name, resetBytes, () => other.life.deliver(() => other.#lose("reset by the other side")));
  }

  #lose(reason: string): void {
    if (!this.#isUp) return;
    this.#out?.close();
    this.#in?.close();
    this.#down({
      status: this.role === "caller" ? "UNAVAILABLE" : "CANCELLED",
      message: `connection with ${this.#otherHost?.name} lost: ${reason}`,
    });
  }

  #down(status: StreamStatus): void {
    this.#isUp = false;
    this.#host.sides.delete(this);
    this.#keepalive?.cancel();
    for (const stream of [...this.#streams.values(), ...this.#queued.splice(0)]) stream.close(status);
    this.#owner.lost(this);
  }
}
