// The server of a simulation with its supervisor: a process that is started again whenever it ends, for whatever reason. It is
// `server`'s own composition over the ports of a simulated machine.

import { CorruptionError, type ServerConfig } from "@varve/model";
import { DiskError, type Ports } from "@varve/runtime";
import { type ExitReason, type RunningServer, startServer } from "@varve/server";
import type { Death, Random, SimNode, SimPorts, World } from "@varve/sim";
import type { History } from "../workload/history.ts";
import type { SyncProof } from "../workload/sync-proof.ts";

type State =
  | { readonly kind: "down" }
  | { readonly kind: "starting"; readonly ports: SimPorts }
  | { readonly kind: "up"; readonly ports: SimPorts; readonly running: RunningServer; readonly sinceMs: number }
  | { readonly kind: "stopping" };

/** A death that is planned for a start. */
export interface Doom {
  /** After so many effects on the disk. */
  readonly effectsAhead: number;
  readonly death: Death;
}

export interface SupervisedServerOptions {
  readonly world: World;
  readonly node: SimNode;
  readonly config: ServerConfig;
  readonly history: History;
  readonly random: Random;
  /** Mean time until a dead process is started again. */
  readonly restartMs: number;
  readonly proof: SyncProof | undefined;
  /** Whether a process may end for such a reason at this moment. */
  readonly mayFail: (error: unknown, when: "start" | "serving" | "stop") => boolean;
  /** An error of the product. */
  readonly report: (what: string) => void;
}

/** Counters of a server that show which ways it took. */
const countedMetrics = ["varve_journal_rounds_total", "varve_journal_direct_rounds_total", "varve_journal_waits_total"] as const;
/** After a start that failed the next one has time: what it failed for is seldom gone at once. */
const failedStartMs = 500;
const moments = ["before", "torn", "after"] as const;
const noEffect = Number.MAX_SAFE_INTEGER;

export class SupervisedServer {
  readonly #options: SupervisedServerOptions;
  #state: State = { kind: "down" };
  #isRestartPlanned = false;
  #isWanted = true;
  #dooms: Doom[] = [];
  #stopped: () => void = () => {};
  /** How the death that was planned last comes. */
  #doomedTo: Death = "process";

  constructor(options: SupervisedServerOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#state.kind === "up";
  }

  /** Since when it serves without a break. */
  get upForMs(): number {
    return this.#state.kind === "up" ? this.#options.world.nowMs - this.#state.sinceMs : 0;
  }

  /** The ports of the process that serves. */
  get ports(): SimPorts | undefined {
    return this.#state.kind === "up" ? this.#state.ports : undefined;
  }

  /** Starts the first process. */
  start(): void {
    this.#boot();
  }

  /** Notices a process that has died in the event that has just run. To be called after every event. */
  watch(): void {
    if (this.#state.kind !== "down" && !this.#options.node.alive) this.#died(this.#doomedTo);
  }

  /** Ends the process, or takes the power off the machine whose process is dead. */
  kill(death: Death): void {
    const { node } = this.#options;
    if (!node.alive && death === "process") return;
    node.kill(death);
    if (this.#state.kind === "down") this.#note(death);
    else this.#died(death);
  }

  /** The machine dies within the next effects on its disk. */
  doom(effectsAhead: number, death: Death): void {
    const { node, random } = this.#options;
    this.#doomedTo = death;
    node.disk.dieAt(node.disk.effects + effectsAhead, random.pick(moments), death);
  }

  /** The next processes die while they start. */
  doomNextStarts(dooms: readonly Doom[]): void {
    this.#dooms = [...dooms];
  }

  /** Nothing that was planned happens any more. */
  spare(): void {
    this.#dooms = [];
    this.#options.node.disk.dieAt(noEffect, "before", "process");
  }

  /** SIGTERM. */
  stop(): void {
    if (this.#state.kind !== "up") return;
    const { running } = this.#state;
    const stopping: State = { kind: "stopping" };
    this.#state = stopping;
    // What is left of a process that has died meanwhile says nothing.
    running.stop().then(
      () => {
        if (this.#state === stopping) this.#exit("clean-stop");
      },
      (error: unknown) => {
        if (this.#state !== stopping) return;
        this.#check("stop", "a stop failed", error);
        this.#exit("failed-stop");
      },
    );
  }

  /** SIGTERM, and no other process after it. */
  stopForGood(stopped: () => void): void {
    this.#isWanted = false;
    this.#stopped = stopped;
    this.stop();
  }

  #boot(): void {
    const { config, node, world, proof } = this.#options;
    this.#isRestartPlanned = false;
    const ports = node.boot();
    const starting: State = { kind: "starting", ports };
    this.#state = starting;
    const doom = this.#dooms.shift();
    if (doom !== undefined) this.doom(doom.effectsAhead, doom.death);
    const hooks = {
      fatal: (reason: ExitReason, error: Error) => this.#fatal(reason, error),
    };
    const watched: Ports = proof === undefined ? ports : { ...ports, disk: proof.disk(ports.disk), network: proof.network(ports.network) };
    startServer(config, { ...watched, loadNetwork: async () => watched.network }, hooks, new AbortController().signal).then(
      (running) => {
        if (this.#state !== starting) return;
        world.trace.count(running.startedClean ? "server.started-clean" : "server.recovered");
        this.#state = { kind: "up", ports, running, sinceMs: world.nowMs };
      },
      (error: unknown) => {
        if (this.#state !== starting) return;
        this.#check("start", "a start failed", error);
        world.trace.count(`server.start-failed.${nameOf(error)}`);
        this.#exit("failed-start", failedStartMs);
      },
    );
  }

  /** What `fatal` is for: the process ends at once. */
  #fatal(reason: ExitReason, error: Error): void {
    const { world } = this.#options;
    world.trace.count(`server.exit.${reason}`);
    this.#check("serving", "the server gave up", error);
    this.#exit(`exit-${reason}`);
  }

  #check(when: "start" | "serving" | "stop", what: string, error: unknown): void {
    if (this.#options.mayFail(error, when)) return;
    this.#options.report(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }

  /**
   * The process ends by itself; what it had not synced stays in the cache, unless somebody sees that its file system has stopped, and starts
   * the machine anew.
   */
  #exit(how: string, pauseMs = 0): void {
    const { history, node, random } = this.#options;
    history.add("nemesis", "info", { f: "fault", fault: how });
    const death = node.disk.hasStopped && random.chance(0.5) ? "power" : "process";
    node.kill(death);
    this.#died(death, pauseMs);
  }

  #died(death: Death, pauseMs = 0): void {
    this.#countPaths();
    this.#state = { kind: "down" };
    this.#note(death);
    if (!this.#isWanted) return this.#stopped();
    if (this.#isRestartPlanned) return;
    this.#isRestartPlanned = true;
    const { world, random, restartMs } = this.#options;
    world.after(pauseMs + random.exponential(restartMs), () => this.#boot());
  }

  /** What the process that ends has done, as far as its metrics tell. */
  #countPaths(): void {
    if (this.#state.kind !== "up") return;
    const { metrics } = this.#state.ports;
    for (const name of countedMetrics) if (metrics.value(name) > 0) this.#options.world.trace.count(`metric.${name}`);
  }

  #note(death: Death): void {
    if (death === "power") this.#options.proof?.powerCut();
    this.#options.history.add("nemesis", "info", { f: "fault", fault: death === "power" ? "power-cut" : "process-death" });
  }
}

function nameOf(error: unknown): string {
  if (error instanceof DiskError) return error.kind;
  if (error instanceof CorruptionError) return "corruption";
  return error instanceof Error ? error.name : "unknown";
}
