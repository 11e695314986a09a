// One machine: a disk, a clock, and the process that runs on it, life after life. It has no network: see world.ts for the
// machines that do, and disk-only.ts for the harness of those who need nothing but a disk.

import type { Clock, Disk, Entropy, Logger, OpenKeyValueStore } from "@varve/runtime";
import { MachineClock, SimClock } from "./clock.ts";
import type { PowerCut } from "./disk/content.ts";
import type { DiskFaults } from "./disk/faults.ts";
import { DiskPort } from "./disk/port.ts";
import { SimDisk } from "./disk/sim-disk.ts";
import { SimEntropy } from "./entropy.ts";
import { type Death, Life, type LifeEvents } from "./life.ts";
import { LogBook, SimLogger } from "./logger.ts";
import { SimMetrics } from "./metrics.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import { StoreShelf } from "./store.ts";

/** How long one reading of the clock takes a process, in milliseconds: a hundred of them use up a step of long work. */
const clockReadCostMs = 0.02;

export interface MachineOptions {
  readonly name: string;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly events: LifeEvents;
  readonly diskFaults?: DiskFaults;
  readonly capacityBytes?: number;
  readonly openFilesMax?: number;
  /** Told when the process has died, before the next one can start. */
  readonly died?: (death: Death) => void;
}

/** The ports of one life that need no network. */
export interface MachinePorts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly disk: Disk;
  readonly openStore: OpenKeyValueStore;
  readonly logger: Logger;
  readonly metrics: SimMetrics;
}

/** One machine. */
export class Machine {
  readonly name: string;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly disk: SimDisk;
  readonly stores: StoreShelf;
  readonly clock: MachineClock;
  readonly logBook: LogBook = new LogBook();
  readonly #events: LifeEvents;
  readonly #died: (death: Death) => void;
  #life: Life | undefined;
  #lives = 0;

  constructor(options: MachineOptions) {
    this.name = options.name;
    this.random = options.random;
    this.scheduler = options.scheduler;
    this.clock = new MachineClock(options.scheduler);
    this.#events = options.events;
    this.#died = options.died ?? (() => {});
    this.disk = new SimDisk({
      random: options.random.stream("disk"),
      scheduler: options.scheduler,
      name: options.name,
      die: (death) => this.kill(death),
      ...(options.diskFaults === undefined ? {} : { faults: options.diskFaults }),
      ...(options.capacityBytes === undefined ? {} : { capacityBytes: options.capacityBytes }),
      ...(options.openFilesMax === undefined ? {} : { openFilesMax: options.openFilesMax }),
    });
    this.stores = new StoreShelf(this.disk);
  }

  /** The process that runs or ran last. */
  get life(): Life | undefined {
    return this.#life;
  }

  get alive(): boolean {
    return this.#life?.alive ?? false;
  }

  /** Starts the next process over what the disk holds; one that still runs is killed first. */
  boot(): MachinePorts {
    if (this.alive) this.kill("process");
    const life = new Life(this.name, ++this.#lives, this.scheduler, this.#events);
    this.#life = life;
    this.scheduler.trace.event(this.scheduler.nowMs, "machine.boot", this.name, "", life.number);
    const clock = new SimClock(life, this.clock, clockReadCostMs);
    return {
      clock,
      entropy: new SimEntropy(this.random.stream(`entropy/${life.number}`)),
      disk: new DiskPort(this.disk, life, () => clock.wallMs()),
      openStore: (folder) => this.stores.open(life, folder),
      logger: new SimLogger(life, this.logBook),
      metrics: new SimMetrics(life),
    };
  }

  /**
   * Ends the process; with "power" also what it and those before it had not synced. A dead machine may lose its power too:
   * a process that dies and a power cut after it, with nothing in between, are two calls.
   *
   * @param cut what becomes of each unsynced change when the power goes.
   */
  kill(death: Death, cut: PowerCut = "draw"): void {
    this.scheduler.trace.event(this.scheduler.nowMs, `machine.${death}-death`, this.name);
    if (this.alive) {
      this.#life?.end();
      this.disk.processDied();
      this.#died(death);
    }
    if (death === "power") this.disk.cutPower(cut);
  }

  /** The event loop of the running process stands still for so long. */
  pause(durationMs: number): void {
    this.scheduler.trace.event(this.scheduler.nowMs, "machine.pause", this.name, "", durationMs);
    this.#life?.stall(durationMs);
  }
}
