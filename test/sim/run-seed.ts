// One seed from beginning to end: a world, a server under a supervisor, clients, faults, healing, a last restart, and everything read once
// more; then the verdict. The same seed gives the same hash.

import { CorruptionError } from "@varve/model";
import { DiskError } from "@varve/runtime";
import { nodeCompression } from "@varve/runtime/node";
import { createWorld, noFaults, Random, SimulationError, type World } from "@varve/sim";
import { check } from "../workload/checker/check.ts";
import { History, type HistoryEvent } from "../workload/history.ts";
import { SyncProof } from "../workload/sync-proof.ts";
import { administering } from "./clients/administering.ts";
import { SimClient } from "./clients/client.ts";
import { consuming } from "./clients/consuming.ts";
import { Finale } from "./clients/finale.ts";
import { producing } from "./clients/producing.ts";
import type { Shared } from "./clients/shared.ts";
import { Topics } from "./clients/topics.ts";
import { busyMs, type Configuration, drawConfiguration, faultsUntilMs, operationsMin } from "./configuration.ts";
import { Rot } from "./faults/rot.ts";
import { scheduleFaults } from "./faults/schedule.ts";
import { sendsThatFailedHealed } from "./healed.ts";
import { SupervisedServer } from "./server.ts";
import { turn } from "./turn.ts";

/** How long everything may take to come to an end once clients begin nothing new. */
const finishMsMax = 400_000;
/** Within it everything that was appended is committed. */
const settleMs = 5_000;
/** So much of the disk's size is never needed by a seed. */
const capacityBytes = 1_073_741_824;
/** What the disk was asked while faults lasted may fail so much later: behind a stall, on a disk that was slowed. */
const lateMsMax = 5_000;
const openFilesMax = 65_536;
const eventsMax = 1_000_000;

export interface SeedOutcome {
  readonly seed: number;
  readonly hash: string;
  /** Empty when all is well. */
  readonly violations: readonly string[];
  readonly events: number;
  readonly virtualMs: number;
  readonly operations: number;
  /** How often each fault, operation and recovery path happened. */
  readonly counts: Readonly<Record<string, number>>;
  /** The last events in words, of a seed that failed. */
  readonly tail: readonly string[];
}

/** What a failed seed leaves behind for whoever looks into it. */
export interface SeedRecord {
  readonly outcome: SeedOutcome;
  readonly configuration: Configuration;
  readonly history: readonly HistoryEvent[];
  readonly serverLog: string;
}

export async function runSeed(seed: number): Promise<SeedRecord> {
  const configuration = drawConfiguration(new Random(seed, "configuration"));
  const violations: string[] = [];
  let server: SupervisedServer | undefined;
  using world = createWorld({
    seed,
    turn,
    compression: nodeCompression,
    faults: {
      ...noFaults,
      clockDriftMax: configuration.faults.world.clockDriftMax,
      clockOffsetMsMax: configuration.faults.world.clockOffsetMsMax,
    },
    unhandledRejections: (hear) => {
      process.on("unhandledRejection", hear);
      return () => process.off("unhandledRejection", hear);
    },
    invariants: () => server?.watch(),
    eventsMax,
  });
  const run = new SeedRun(world, configuration, violations);
  server = run.server;
  try {
    await run.play();
    violations.push(...run.verdict());
  } catch (error) {
    violations.push(error instanceof SimulationError ? describe(error) : `the simulation itself failed: ${describe(error)}`);
  }
  const { trace } = world;
  const outcome: SeedOutcome = {
    seed,
    hash: trace.hash,
    violations,
    events: world.scheduler.steps,
    virtualMs: world.nowMs,
    operations: run.operations,
    counts: Object.fromEntries(trace.counts),
    tail: violations.length === 0 ? [] : trace.tail(),
  };
  return { outcome, configuration, history: run.history.events, serverLog: world.node("broker").logBook.text() };
}

class SeedRun {
  readonly history: History;
  readonly server: SupervisedServer;
  readonly #world: World;
  readonly #configuration: Configuration;
  readonly #violations: string[];
  readonly #rot: Rot;
  readonly #proof: SyncProof | undefined;
  readonly #shared: Shared;
  readonly #clients: readonly SimClient[];
  readonly #mortals: readonly SimClient[];
  operations = 0;
  #isOver = false;
  #atTopicChange: () => void = () => {};

  constructor(world: World, configuration: Configuration, violations: string[]) {
    this.#world = world;
    this.#configuration = configuration;
    this.#violations = violations;
    this.history = new History(() => world.nowMs);
    const broker = world.node("broker", { capacityBytes, openFilesMax });
    const topics = new Topics(configuration.topics);
    this.#proof = configuration.provesSyncs ? new SyncProof((id) => isDurable(topics, id)) : undefined;
    this.server = new SupervisedServer({
      world,
      node: broker,
      config: configuration.server,
      history: this.history,
      random: world.random.stream("supervisor"),
      restartMs: configuration.faults.restartMs,
      proof: this.#proof,
      mayFail: (error, when) => this.#mayFail(error, when),
      report: (what) => this.#report(what),
    });
    this.#rot = new Rot(world, broker, this.server, world.random.stream("rot"));
    let [processes, producers, values] = [0, 0, 0];
    this.#shared = {
      world,
      history: this.history,
      configuration,
      topics,
      timestamps: new Map(),
      isDamaged: (topicId, partition) => this.#rot.has(topicId, partition),
      report: (what) => this.#report(what),
      nextProcess: () => processes++,
      nextProducer: () => producers++,
      nextValue: () => values++,
      isOver: () => this.#isOver,
      topicChanges: () => {
        const act = this.#atTopicChange;
        this.#atTopicChange = () => {};
        act();
      },
      count: () => this.operations++,
    };
    const client = (name: string, loop: ConstructorParameters<typeof SimClient>[3]) => new SimClient(name, world, this.#shared, loop);
    const administrator = client("admin", administering);
    this.#mortals = [
      ...configuration.producers.map((plan, at) => client(`producer-${at}`, producing(plan))),
      ...configuration.consumers.map((plan, at) => client(`consumer-${at}`, consuming(plan))),
    ];
    this.#clients = [administrator, ...this.#mortals];
  }

  async play(): Promise<void> {
    const world = this.#world;
    this.server.start();
    for (const client of this.#clients) client.start();
    let isHealed = false;
    const broker = world.node("broker");
    const context = {
      world,
      broker,
      server: this.server,
      clients: this.#mortals,
      rot: this.#rot,
      capacityBytes,
      openFilesMax,
      atTopicChange: (act: () => void) => {
        this.#atTopicChange = act;
      },
      random: world.random.stream("faults"),
    };
    scheduleFaults(context, this.#configuration.faults, () => {
      isHealed = true;
    });
    await world.runUntil(() => isHealed && world.nowMs >= busyMs && this.operations >= operationsMin, 4 * busyMs);
    this.#isOver = true;
    await this.#within("clients did not come to their end", () => this.#clients.every(({ isDone }) => isDone));
    // What acks=leader was answered for is not committed yet; nothing more is sent, so soon it is.
    await world.runFor(settleMs);
    await this.#lastRestart();
    const finale = new Finale(world, this.#shared);
    finale.start();
    await this.#within("not everything could be read at the end", () => finale.isDone);
    await this.#rest();
  }

  /** What is wrong with all that happened. */
  verdict(): readonly string[] {
    const anomalies = check(this.history.events).anomalies.map(({ type, key, what }) => `${type}: key ${key}: ${what}`);
    const log = this.#world.node("broker").logBook.lines;
    const errors = log.filter(({ level, message }) => level === "error" && !this.#mayComplain(message));
    const complaints = errors.map(({ message, timeMs }) => `at ${timeMs.toFixed(3)} ms the server logged an error: ${message}`);
    for (const { level, message } of log) if (level !== "error") this.#world.trace.count(`log: ${message}`);
    const failed = sendsThatFailedHealed(this.history.events, this.#shared.topics);
    return [...anomalies, ...(this.#proof?.violations ?? []), ...complaints, ...failed];
  }

  /** Everything that was promised is still there after one more end of the process, which nobody was ready for. */
  async #lastRestart(): Promise<void> {
    const end = this.#world.random.stream("last").pick(["none", "clean", "process", "power", "power"] as const);
    if (end === "none") return;
    if (end === "clean") this.server.stop();
    else this.server.kill(end);
    await this.#within("the server did not come back", () => this.server.isUp);
  }

  /** With nobody there, the server holds nothing for anybody. */
  async #rest(): Promise<void> {
    const atRest = () => {
      const metrics = this.server.ports?.metrics;
      return (
        metrics !== undefined &&
        ["varve_waiting_writes", "varve_grpc_produce_held_bytes", "varve_grpc_streams"].every(
          (name) => metrics.value(name as `varve_${string}`) === 0,
        )
      );
    };
    await this.#within("the server still holds something for clients that are gone", atRest);
    let isDown = false;
    this.server.stopForGood(() => {
      isDown = true;
    });
    await this.#within("the server did not stop", () => isDown);
    this.#checkFolders();
  }

  /** Nothing of a topic that was deleted is left on the disk. */
  #checkFolders(): void {
    const topicIds = new Set<string | undefined>(this.#shared.topics.all.map(({ topicId }) => topicId));
    for (const folder of this.#world.node("broker").disk.root.names()) {
      const topicId = /^(.{22})-\d+$/.exec(folder)?.[1];
      if (topicId !== undefined && !topicIds.has(topicId)) this.#report(`${folder} is left of a topic that was deleted`);
    }
  }

  async #within(problem: string, condition: () => boolean): Promise<void> {
    const deadlineMs = this.#world.nowMs + finishMsMax;
    await this.#world.runUntil(() => condition() || this.#world.nowMs > deadlineMs);
    if (!condition()) throw new SimulationError(this.#world.seed, this.#world.nowMs, problem);
  }

  #report(what: string): void {
    this.#violations.push(`at ${this.#world.nowMs.toFixed(3)} ms: ${what}`);
  }

  /** Whether the server has a reason for such an error line. */
  #mayComplain(message: string): boolean {
    const { counts } = this.#world.trace;
    if (message.startsWith("the disk failed")) return counts.has("disk.fault.sync-failed");
    // On a disk that is nearly full the server refuses it before the disk does.
    if (message.startsWith("a topic is not as the metadata says"))
      return counts.has("fault.disk-full") || counts.has("disk.fault.too-many-files");
    return this.#rot.any;
  }

  /**
   * Whether a process may end so: for what was done to the disk on purpose. A server that has started waits until there is room again on the
   * disk, or a file that it may open; but for its metadata, of which a failed write is the end (docs/formats/metadata.md, "Writing").
   */
  #mayFail(error: unknown, when: "start" | "serving" | "stop"): boolean {
    if (this.#world.nowMs > faultsUntilMs + lateMsMax) return false;
    const { counts } = this.#world.trace;
    if (error instanceof CorruptionError) return this.#rot.any;
    if (!(error instanceof DiskError)) return false;
    if (error.kind === "io") return counts.has("disk.fault.sync-failed");
    if (when === "serving" && !error.path.startsWith("controller/")) return false;
    return (
      (error.kind === "no-space" && counts.has("disk.fault.full")) ||
      (error.kind === "too-many-files" && counts.has("disk.fault.too-many-files"))
    );
  }
}

function isDurable(topics: Topics, hexId: string): boolean {
  const topic = topics.all.find(({ topicId }) => topicId !== undefined && Buffer.from(topicId, "base64url").toString("hex") === hexId);
  return topic !== undefined && topic.plan.durability === "fsync" && !topic.plan.isAltered;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `\n${error.cause.stack}` : "";
  return `${error instanceof SimulationError ? error.message : error.stack}${cause}`;
}
