// A node of a world: a machine with a network, and the process on it, life after life.

import { type Compression, invariant } from "@varve/model";
import type { Ports } from "@varve/runtime";
import type { MachineClock } from "./clock.ts";
import type { PowerCut } from "./disk/content.ts";
import type { DiskFaults } from "./disk/faults.ts";
import type { SimDisk } from "./disk/sim-disk.ts";
import type { Death, LifeEvents } from "./life.ts";
import type { LogBook } from "./logger.ts";
import { Machine } from "./machine.ts";
import type { SimMetrics } from "./metrics.ts";
import type { SimNetwork } from "./network/sim-network.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { StoreShelf } from "./store.ts";

export interface NodeOptions {
  readonly capacityBytes?: number;
  readonly openFilesMax?: number;
}

/** What a node takes from its world. */
export interface NodeWorld {
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly compression: Compression;
  readonly faults: { readonly disk: DiskFaults; readonly clockDriftMax: number; readonly clockOffsetMsMax: number };
}

/** The ports of one life; its metrics can be read. */
export type SimPorts = Ports & { readonly metrics: SimMetrics };

export class SimNode {
  readonly name: string;
  readonly #world: NodeWorld;
  readonly #machine: Machine;
  #ports: SimPorts | undefined;

  constructor(name: string, world: NodeWorld, options: NodeOptions, events: LifeEvents) {
    this.name = name;
    this.#world = world;
    const random = world.random.stream(`node/${name}`);
    this.#machine = new Machine({
      ...options,
      name,
      random,
      scheduler: world.scheduler,
      events,
      diskFaults: world.faults.disk,
      died: (death) => world.network.died(name, death),
    });
    const drift = random.stream("clock");
    const { clockDriftMax, clockOffsetMsMax } = world.faults;
    if (clockDriftMax > 0) this.clock.setRate(1 + (2 * drift.fraction() - 1) * clockDriftMax);
    if (clockOffsetMsMax > 0) this.clock.jump(drift.integer(-clockOffsetMsMax, clockOffsetMsMax));
  }

  /** The ports of the present life; the first one begins when they are asked for. @throws {InvariantError} when the process is dead. */
  get ports(): SimPorts {
    const ports = this.#ports ?? this.boot();
    invariant(this.alive, `node ${this.name} is dead: restart it`);
    return ports;
  }

  get alive(): boolean {
    return this.#machine.alive;
  }

  get disk(): SimDisk {
    return this.#machine.disk;
  }

  get stores(): StoreShelf {
    return this.#machine.stores;
  }

  get clock(): MachineClock {
    return this.#machine.clock;
  }

  get logBook(): LogBook {
    return this.#machine.logBook;
  }

  /** Starts the next process over what survived; one that still runs is killed first. */
  boot(): SimPorts {
    const ports = this.#machine.boot();
    const life = this.#machine.life;
    invariant(life !== undefined, `node ${this.name} has no life after its boot`);
    this.#ports = { ...ports, network: this.#world.network.port(life), compression: this.#world.compression };
    return this.#ports;
  }

  /** Ends the process; with "power", what was not synced may go too, also when the process is dead already. */
  kill(death: Death, cut: PowerCut = "draw"): void {
    this.#machine.kill(death, cut);
    if (death === "power") this.#world.network.lostPower(this.name);
  }

  /** Kills the process, when it lives, and starts the next one. */
  restart(death: Death = "process", cut: PowerCut = "draw"): SimPorts {
    if (this.alive || death === "power") this.kill(death, cut);
    return this.boot();
  }

  /** The event loop stands still for so long; then everything that came meanwhile comes at once. */
  pause(durationMs: number): void {
    this.#machine.pause(durationMs);
  }
}
