// One client of a simulation: a node on which one process runs a loop of operations, life after life. What the loop does is its kind's.

import type { ClientPorts } from "@varve/client";
import type { Random, SimNode, World } from "@varve/sim";
import type { ClientNode } from "../faults/deeds.ts";
import type { Shared } from "./shared.ts";

/** What one life of a client is given. */
export interface ClientLife {
  readonly shared: Shared;
  readonly ports: ClientPorts;
  /** Names this life in the history; no other life of any client has it. */
  readonly process: number;
  readonly random: Random;
}

/** Runs until the clients have nothing more to do. Resolves then, and never in a life that is cut short. */
export type ClientLoop = (life: ClientLife) => Promise<void>;

export class SimClient implements ClientNode {
  readonly name: string;
  readonly node: SimNode;
  readonly #world: World;
  readonly #shared: Shared;
  readonly #loop: ClientLoop;
  #lives = 0;
  #isDone = false;

  constructor(name: string, world: World, shared: Shared, loop: ClientLoop) {
    this.name = name;
    this.node = world.node(name);
    this.#world = world;
    this.#shared = shared;
    this.#loop = loop;
  }

  /** Its loop has come to its end. */
  get isDone(): boolean {
    return this.#isDone;
  }

  start(): void {
    const life = ++this.#lives;
    const ports = this.node.boot();
    const process = this.#shared.nextProcess();
    const random = this.#world.random.stream(`client/${this.name}/${life}`);
    this.#loop({ shared: this.#shared, ports, process, random }).then(
      () => {
        if (life === this.#lives) this.#isDone = true;
      },
      (error: unknown) =>
        this.#shared.report(`client ${this.name} ended: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
    );
  }

  replace(): void {
    if (this.#isDone) return;
    this.node.kill("process");
    this.start();
  }
}
