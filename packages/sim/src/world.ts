// A whole cluster in one process: nodes with disks, clocks and a network between them, all of it out of one seed.
//
// What a single broker must survive, in any number and order, without losing or inventing an acknowledged record:
//   the death of its process, a power cut, and both in a row, at any effect on the disk, in recovery too;
//   unsynced writes, resizes, renames and entries that are kept, dropped, torn or reordered;
//   a full disk; no file left to open; a disk that is slow, or stands still for a while; a read that fails, a sector that is gone;
//   packets that are late, lost, repeated or out of order; wires that are cut, one way or both, or clogged; connections that
//   break, in the middle of a message too, or are refused; peers that never read, stall, or vanish without a word;
//   a clock that runs fast or slow, or jumps; an event loop that stands still.
// What it must notice and stop at, rather than survive: a sync that failed, a file system that has stopped, a bit that turned, a store that
// lost a batch.

import type { Compression } from "@varve/model";
import type { Ports } from "@varve/runtime";
import { type DiskFaults, drawDiskFaults, soundDisk } from "./disk/faults.ts";
import type { Life } from "./life.ts";
import { drawNetworkFaults, type NetworkFaults, soundNetwork } from "./network/faults.ts";
import { SimNetwork } from "./network/sim-network.ts";
import { Wires } from "./network/wires.ts";
import { type NodeOptions, SimNode } from "./node.ts";
import { Random } from "./random.ts";
import { type Planned, Scheduler, type Turn } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

/** A run that takes more events than this has lost its way, unless `WorldOptions` says otherwise. */
const runEventsMax = 20_000_000;

/** What goes wrong by itself. What is done to the world on purpose (deaths, cuts, full disks) is done by whoever drives it. */
export interface WorldFaults {
  readonly disk: DiskFaults;
  readonly network: NetworkFaults;
  /** Clocks run wrong by up to this share: 0.1 is ten per cent. */
  readonly clockDriftMax: number;
  /** Wall clocks begin wrong by up to so much, either way. */
  readonly clockOffsetMsMax: number;
}

export const noFaults: WorldFaults = { disk: soundDisk, network: soundNetwork, clockDriftMax: 0, clockOffsetMsMax: 0 };

/** The faults of a seed. */
export function drawFaults(seed: number): WorldFaults {
  const random = new Random(seed, "faults");
  return {
    disk: drawDiskFaults(random.stream("disk")),
    network: drawNetworkFaults(random.stream("network")),
    clockDriftMax: random.pick([0, 0.01, 0.1]),
    clockOffsetMsMax: random.pick([0, 1_000, 3_600_000]),
  };
}

export interface WorldOptions {
  readonly seed: number;
  readonly turn: Turn;
  readonly compression: Compression;
  readonly faults?: WorldFaults;
  /**
   * Listens for promises that were rejected and handled by nobody, until what it returns is called. With Node:
   * `(hear) => { process.on("unhandledRejection", hear); return () => process.off("unhandledRejection", hear); }`.
   */
  readonly unhandledRejections?: (hear: (reason: unknown) => void) => () => void;
  /** Looked at after every event; throws when one does not hold. */
  readonly invariants?: () => void;
  readonly eventsMax?: number;
}

/** A run that failed: the seed and the time that it takes to see it again. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
  readonly seed: number;
  readonly timeMs: number;

  constructor(seed: number, timeMs: number, what: string, options?: { cause?: unknown }) {
    super(`seed ${seed} at ${timeMs.toFixed(3)} ms: ${what}`, options);
    this.seed = seed;
    this.timeMs = timeMs;
  }
}

export class World {
  readonly seed: number;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly #options: WorldOptions;
  readonly #wires: Wires;
  readonly #nodes = new Map<string, SimNode>();
  readonly #stopHearing: () => void;
  #faults: WorldFaults;
  #running: Life | undefined;
  #failure: SimulationError | undefined;

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.#options = options;
    this.#faults = options.faults ?? noFaults;
    this.random = new Random(options.seed);
    this.scheduler = new Scheduler(this.random, options.turn);
    this.#wires = new Wires(this.scheduler, this.random.stream("network"), this.#faults.network);
    this.network = new SimNetwork(this.#wires);
    this.#stopHearing = options.unhandledRejections?.((reason) => this.#heard(reason)) ?? (() => {});
  }

  /** Stops listening for rejections. */
  [Symbol.dispose](): void {
    this.#stopHearing();
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  get trace(): Trace {
    return this.scheduler.trace;
  }

  get faults(): WorldFaults {
    return this.#faults;
  }

  /** Other faults from now on, on every disk and wire; clocks keep the rate that they have. */
  setFaults(faults: WorldFaults): void {
    this.#faults = faults;
    this.#wires.faults = faults.network;
    for (const node of this.#nodes.values()) node.disk.faults = faults.disk;
  }

  /** The node of this name; made, not booted, when it is asked for first. Its name is its host's name too. */
  node(name: string, options: NodeOptions = {}): SimNode {
    let node = this.#nodes.get(name);
    if (node === undefined) {
      node = new SimNode(name, this, options, {
        entered: (life) => {
          this.#running = life;
        },
        failed: (life, error) => this.#fail(`node ${life.node} threw: ${text(error)}`, error),
      });
      this.#nodes.set(name, node);
    }
    return node;
  }

  get nodes(): readonly SimNode[] {
    return [...this.#nodes.values()];
  }

  /** Compression as every node has it. */
  get compression(): Ports["compression"] {
    return this.#options.compression;
  }

  /** Does something to the world at a later time: a fault, a check. What it throws fails the run. */
  after(delayMs: number, act: () => void): Planned {
    return this.scheduler.after(delayMs, () => {
      this.#running = undefined;
      try {
        act();
      } catch (error) {
        this.#fail(text(error), error);
      }
    });
  }

  /**
   * Lets the world go on until `condition` holds.
   *
   * @param withinMs of the world's time.
   * @throws {SimulationError} when a node or an invariant fails, when nothing is left to happen, or when it takes too long.
   */
  async runUntil(condition: () => boolean, withinMs: number = Number.POSITIVE_INFINITY): Promise<void> {
    const deadlineMs = this.nowMs + withinMs;
    const lastStep = this.scheduler.steps + (this.#options.eventsMax ?? runEventsMax);
    this.#running = undefined;
    await this.scheduler.settle();
    for (;;) {
      this.#check();
      if (condition()) break;
      const nextMs = this.scheduler.nextMs;
      if (nextMs === undefined) throw this.#error("the run waits, and nothing is left to happen");
      if (nextMs > deadlineMs) throw this.#error(`did not come about within ${withinMs} ms`);
      if (this.scheduler.steps >= lastStep) throw this.#error(`did not come about within ${this.scheduler.steps} events`);
      const ran = this.scheduler.step();
      if (ran instanceof Promise) await ran;
    }
    this.#running = undefined;
  }

  /** Lets the world go on for so long. */
  async runFor(durationMs: number): Promise<void> {
    let isOver = false;
    this.after(durationMs, () => {
      isOver = true;
    });
    await this.runUntil(() => isOver);
  }

  /** Lets the world go on until `promise` is settled, and gives what it gives. */
  async run<Value>(promise: Promise<Value>, withinMs?: number): Promise<Value> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.runUntil(() => isSettled, withinMs);
    return promise;
  }

  #check(): void {
    try {
      this.#options.invariants?.();
    } catch (error) {
      this.#fail(text(error), error);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #heard(reason: unknown): void {
    // What the rest of a dead process's code comes to is no one's business.
    if (this.#running === undefined || this.#running.alive) {
      this.#fail(`node ${this.#running?.node ?? "none"} left a rejection unhandled: ${text(reason)}`, reason);
    } else this.trace.count("machine.rejected-after-death");
  }

  #fail(what: string, cause: unknown): void {
    this.#failure ??= this.#error(what, cause);
  }

  #error(what: string, cause?: unknown): SimulationError {
    return new SimulationError(this.seed, this.nowMs, what, { cause });
  }
}

/** Makes a world. */
export function createWorld(options: WorldOptions): World {
  return new World(options);
}

function text(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
