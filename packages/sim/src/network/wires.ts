// The wires between hosts: each pair has one per direction, which delays, loses, repeats, clogs, and can be cut.
// A packet here is a length and what happens when it arrives; putting them in order is pipe.ts.

import type { Random } from "../random.ts";
import { quiet, type Scheduler } from "../scheduler.ts";
import type { NetworkFaults } from "./faults.ts";

/** Within one host. */
const localDelayMs = 0.02;

interface Wire {
  isCut: boolean;
  clearFromMs: number;
  freeFromMs: number;
  readonly random: Random;
}

/** All wires of a world. Hosts are names. */
export class Wires {
  readonly scheduler: Scheduler;
  faults: NetworkFaults;
  readonly #random: Random;
  readonly #wires = new Map<string, Wire>();

  constructor(scheduler: Scheduler, random: Random, faults: NetworkFaults) {
    this.scheduler = scheduler;
    this.#random = random;
    this.faults = faults;
  }

  /** Nothing gets from `from` to `to` until it is mended; what is on its way is lost. */
  cut(from: string, to: string): void {
    this.#event("network.cut", from, to);
    this.#wire(from, to).isCut = true;
  }

  mend(from: string, to: string): void {
    this.#event("network.mend", from, to);
    this.#wire(from, to).isCut = false;
  }

  mendAll(): void {
    this.#event("network.mend", "*", "*");
    for (const wire of this.#wires.values()) {
      wire.isCut = false;
      wire.clearFromMs = 0;
    }
  }

  isCut(from: string, to: string): boolean {
    return this.#wire(from, to).isCut;
  }

  /** Nothing that is sent from now on arrives before `durationMs` have passed; nothing of it is lost. */
  clog(from: string, to: string, durationMs: number): void {
    this.#event("network.clog", from, to);
    const wire = this.#wire(from, to);
    wire.clearFromMs = Math.max(wire.clearFromMs, this.scheduler.nowMs + durationMs);
  }

  /** Sends a packet: `arrive` runs once, later, or never, or twice. */
  send(from: string, to: string, bytes: number, arrive: () => unknown): void {
    const { faults, scheduler } = this;
    if (from === to) {
      scheduler.after(localDelayMs, arrive);
      return;
    }
    const wire = this.#wire(from, to);
    const { random } = wire;
    if (random.chance(faults.clogRate)) this.clog(from, to, random.exponential(faults.clogMs));
    if (wire.isCut) return this.#lose("network.fault.cut-off");
    if (random.chance(faults.lossRate)) return this.#lose("network.fault.lost");
    const startMs = Math.max(scheduler.nowMs, wire.freeFromMs);
    wire.freeFromMs = startMs + bytes / faults.bytesPerMs;
    const attempts = random.chance(faults.duplicateRate) ? 2 : 1;
    if (attempts === 2) scheduler.trace.count("network.fault.duplicated");
    for (let attempt = 0; attempt < attempts; attempt++) {
      const arrivalMs = wire.freeFromMs + faults.delayMsMin + random.exponential(faults.delayMsMean);
      scheduler.after(Math.max(arrivalMs, wire.clearFromMs) - scheduler.nowMs, () => {
        if (!wire.isCut) return arrive();
        this.#lose("network.fault.cut-off");
        return quiet;
      });
    }
  }

  /** Whether the attempt to connect that has come is refused for no reason. */
  refuses(from: string, to: string): boolean {
    if (from === to || !this.#wire(from, to).random.chance(this.faults.refuseRate)) return false;
    this.scheduler.trace.count("network.fault.refused");
    return true;
  }

  /** The chance that belongs to what goes from one host to another. */
  randomOf(from: string, to: string): Random {
    return this.#wire(from, to).random;
  }

  #wire(from: string, to: string): Wire {
    const key = `${from} ${to}`;
    let wire = this.#wires.get(key);
    if (wire === undefined) {
      wire = { isCut: false, clearFromMs: 0, freeFromMs: 0, random: this.#random.stream(key) };
      this.#wires.set(key, wire);
    }
    return wire;
  }

  #lose(fault: string): void {
    this.scheduler.trace.count(fault);
  }

  #event(kind: string, from: string, to: string): void {
    this.scheduler.trace.event(this.scheduler.nowMs, kind, from, to);
  }
}
