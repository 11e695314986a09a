// One direction of a connection: a small TCP. Frames go in whole, leave cut into packets, and come out whole and in order,
// whatever the wires do to the packets. It knows no streams: see side.ts, which also notices when nothing comes any more.

import { type Planned, quiet } from "../scheduler.ts";
import type { Frame } from "./frame.ts";
import type { Wires } from "./wires.ts";

const ackBytes = 40;
/** Until a packet that was not acknowledged is sent again; doubles up to the second. Source: Linux, TCP_RTO_MIN. */
const resendMsMin = 200;
const resendMsMax = 3_000;
/** So often a packet is sent again before the sender gives up in silence. Source: Linux, tcp_retries2. */
const resendsMax = 15;
/** So many acknowledgements that acknowledge nothing new mean a loss. Source: RFC 5681. */
const repeatedAcksMax = 3;

/** The two ends of a pipe. */
export interface PipeEnds {
  readonly from: string;
  readonly to: string;
  /** The next frame to send, asked for when there is room. */
  next(): Frame | undefined;
  /** Frames that have come, in order. @returns what an event returns. */
  received(frames: readonly Frame[]): unknown;
  /** A packet has come, in whatever order: the receiver may be gone. @returns whether it is still there to take it. */
  arrived(): boolean;
}

interface Sent {
  readonly start: number;
  readonly end: number;
}

export class Pipe {
  readonly #wires: Wires;
  readonly #ends: PipeEnds;
  /** Frames that have not wholly arrived, with the position after their last byte. */
  readonly #frames: { readonly end: number; readonly frame: Frame }[] = [];
  #framesEnd = 0;
  #sentEnd = 0;
  #ackedEnd = 0;
  readonly #unacked: Sent[] = [];
  #repeatedAcks = 0;
  #resendMs = resendMsMin;
  #resends = 0;
  #resend: Planned | undefined;
  #receivedEnd = 0;
  readonly #early: Sent[] = [];
  #isOpen = true;
  #isSending = true;
  #breakAt = Number.POSITIVE_INFINITY;
  #broke: () => void = () => {};

  constructor(wires: Wires, ends: PipeEnds) {
    this.#wires = wires;
    this.#ends = ends;
  }

  /** Nothing goes in or comes out any more. */
  close(): void {
    this.#isOpen = false;
    this.#resend?.cancel();
    this.#frames.length = 0;
    this.#unacked.length = 0;
  }

  /** The sender is gone: nothing more goes in, and nothing is sent again; what is on its way arrives. */
  abandon(): void {
    this.#isSending = false;
    this.#resend?.cancel();
  }

  /** Calls `broke` as soon as so many more bytes have arrived, and lets none after them through. */
  breakAfter(bytes: number, broke: () => void): void {
    this.#breakAt = this.#receivedEnd + bytes;
    this.#broke = broke;
  }

  /** Takes frames while there is room, and sends what can be sent. */
  pump(): void {
    if (!this.#isOpen || !this.#isSending) return;
    const { windowBytes } = this.#wires.faults;
    while (this.#framesEnd - this.#ackedEnd < windowBytes) {
      const frame = this.#ends.next();
      if (frame === undefined) break;
      this.#framesEnd += frame.bytes;
      this.#frames.push({ end: this.#framesEnd, frame });
    }
    while (this.#sentEnd < this.#framesEnd) {
      const start = this.#sentEnd;
      this.#sentEnd = Math.min(this.#framesEnd, start + this.#drawPacketBytes());
      const sent = { start, end: this.#sentEnd };
      this.#unacked.push(sent);
      this.#send(sent);
    }
    if (this.#unacked.length > 0 && this.#resend === undefined) this.#planResend();
  }

  #drawPacketBytes(): number {
    const { packetBytesMax } = this.#wires.faults;
    const random = this.#wires.randomOf(this.#ends.from, this.#ends.to);
    return random.chance(0.5) ? packetBytesMax : random.integer(1, packetBytesMax);
  }

  #send({ start, end }: Sent): void {
    this.#wires.send(this.#ends.from, this.#ends.to, ackBytes + end - start, () => this.#arrive(start, end));
  }

  #planResend(): void {
    this.#resend = this.#wires.scheduler.after(this.#resendMs, () => {
      this.#resend = undefined;
      const first = this.#unacked[0];
      if (first === undefined) return quiet;
      if (++this.#resends > resendsMax) {
        this.abandon();
        return quiet;
      }
      this.#wires.scheduler.trace.count("network.resent");
      this.#resendMs = Math.min(resendMsMax, 2 * this.#resendMs);
      this.#send(first);
      this.#planResend();
      return quiet;
    });
  }

  #arrive(start: number, end: number): unknown {
    const { scheduler } = this.#wires;
    if (!this.#isOpen) return quiet;
    scheduler.trace.event(scheduler.nowMs, "network.packet", this.#ends.to, this.#ends.from, end);
    if (!this.#ends.arrived()) return quiet;
    if (end <= this.#receivedEnd) scheduler.trace.count("network.fault.repeat-discarded");
    else if (start > this.#receivedEnd) {
      scheduler.trace.count("network.fault.reordered");
      this.#early.push({ start, end });
    } else this.#advance(end);
    if (this.#receivedEnd >= this.#breakAt) {
      this.#broke();
      return quiet;
    }
    const acked = this.#receivedEnd;
    this.#wires.send(this.#ends.to, this.#ends.from, ackBytes, () => this.#acknowledge(acked));
    return this.#deliver();
  }

  #advance(end: number): void {
    this.#receivedEnd = Math.min(end, this.#breakAt);
    for (let at = 0; at < this.#early.length; ) {
      const early = this.#early[at] as Sent;
      if (early.start > this.#receivedEnd) {
        at++;
        continue;
      }
      this.#receivedEnd = Math.min(this.#breakAt, Math.max(this.#receivedEnd, early.end));
      this.#early.splice(at, 1);
      at = 0;
    }
  }

  #deliver(): unknown {
    let count = 0;
    while (count < this.#frames.length && (this.#frames[count] as { end: number }).end <= this.#receivedEnd) count++;
    if (count === 0) return quiet;
    return this.#ends.received(this.#frames.splice(0, count).map(({ frame }) => frame));
  }

  #acknowledge(end: number): typeof quiet {
    if (!this.#isOpen || !this.#isSending) return quiet;
    if (end > this.#ackedEnd) {
      this.#ackedEnd = end;
      this.#repeatedAcks = 0;
      this.#resends = 0;
      this.#resendMs = resendMsMin;
      while (this.#unacked.length > 0 && (this.#unacked[0] as Sent).end <= end) this.#unacked.shift();
      this.#resend?.cancel();
      this.#resend = undefined;
      this.pump();
    } else if (this.#unacked.length > 0 && ++this.#repeatedAcks === repeatedAcksMax) {
      this.#wires.scheduler.trace.count("network.resent");
      this.#send(this.#unacked[0] as Sent);
    }
    return quiet;
  }
}
