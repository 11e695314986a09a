// Runs a history through the deaths of a plan: life after life over one disk, each of which first holds what it finds against the promises.

import { setImmediate } from "node:timers";
import { DiskError, sleep } from "@varve/runtime";
import { type Death, type DiskOnly, diskOnly, type MachinePorts, type Moment, Random, type SimMetrics } from "@varve/sim";
import { mayPass } from "../../src/disk-verdict.ts";
import type { JournalTuning } from "../../src/journal/tuning.ts";
import type { LogStore, LogStoreOptions } from "../../src/log.ts";
import { openLogStore } from "../../src/open-store.ts";
import { scriptCompression } from "./batches.ts";
import { Driver } from "./driver.ts";
import { DriverState, idOf } from "./driver-state.ts";
import { drawLooks } from "./looks.ts";
import { Violation } from "./model.ts";
import { beginRefusals, drawRefusals, endRefusals, isRefusing, type Refusals, refusalsOf } from "./refusals.ts";
import { drawHistory, printHistory, type Step } from "./steps.ts";

/** What ends a life: a death at an effect, or none. */
export interface PlannedDeath {
  /** Counted from the first of that life; among those whose kind and path begin so, when `of` says how. */
  readonly effect: number;
  readonly of?: string;
  readonly moment: Moment;
  readonly death: Death;
  /** The power goes too, with nothing in between; what becomes of unsynced changes then. */
  readonly thenPower?: "drop" | "keep" | "draw";
}

export interface Crashing {
  readonly seed: number;
  readonly steps: readonly Step[];
  readonly partitions: number;
  readonly segmentBytes?: number;
  readonly store?: Partial<LogStoreOptions>;
  readonly tuning?: Partial<JournalTuning>;
  /** One for each life, until they are used up. */
  readonly deaths: readonly (PlannedDeath | undefined)[];
  readonly refusals?: Refusals;
}

/** What a run was. */
export interface Crashed {
  /** Effects of each life, the last ones without a death. */
  readonly effects: readonly number[];
  readonly lives: number;
  /** Of everything that happened. */
  readonly traceHash: string;
  /** Of the disk's troubles, and of what the journal did. */
  readonly counts: ReadonlyMap<string, number>;
  /** What each log held at the end. */
  readonly ends: string;
  /** What each life found once it had recovered; undefined for one that died before. */
  readonly found: readonly (string | undefined)[];
}

const livesMax = 60;
/** What the page cache showed after a sync that failed must be on the disk once recovery has relied on it. */
const afterFailure: PlannedDeath = { effect: 40, moment: "after", death: "process", thenPower: "drop" };
const journalCounters = ["varve_journal_rounds_total", "varve_journal_direct_rounds_total", "varve_journal_waits_total"] as const;
/** Of one life: it hangs when it takes more. */
const eventsMax = 30_000;
const signal = new AbortController().signal;
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const storeDefaults = {
  clusterId: "history",
  nodeId: 1,
  journalFiles: 4,
  journalFileBytes: 16_384,
  journalWaitingBytesMax: 8_192,
  tailBytesMax: 16_384,
  openFilesMax: 4,
  diskFreeBytesMin: 4_096,
  retentionCheckMs: 86_400_000,
  producerExpiryMs: 86_400_000,
  scrubBytesPerSecond: 0,
} as const;

const tuningDefaults = {
  firstFileBytesMax: 8_192,
  directBytesPerPartitionMin: 2_500,
  unsyncedMsMax: 30,
  unsyncedBytesMax: 4_000,
  usedFilesTarget: 2,
  markDelayMsMax: 10,
};

/** @throws {Violation} when a promise is broken; whatever else the log throws where nobody may. */
export async function crash(plan: Crashing): Promise<Crashed> {
  const machine = diskOnly({ seed: plan.seed, turn, eventsMax });
  const state = new DriverState(plan.partitions, plan.segmentBytes ?? 2_000);
  const effects: number[] = [];
  const counts = new Map<string, number>();
  const found: (string | undefined)[] = [];
  let isDone = false;
  let hasFailed = false;
  let deaths = 0;
  for (let life = 0; !isDone; life++) {
    if (life === livesMax) throw new Violation(`not through after ${livesMax} lives`);
    const before = machine.disk.effects;
    const planned = plan.deaths[deaths] ?? (hasFailed ? afterFailure : undefined);
    hasFailed = false;
    let left = planned?.effect ?? Number.POSITIVE_INFINITY;
    machine.disk.onEffect = (ordinal, kind, path) => {
      if (planned !== undefined && `${kind} ${path}`.startsWith(planned.of ?? "") && --left === 0)
        machine.disk.dieAt(ordinal, planned.moment, planned.death);
    };
    let metrics: SimMetrics | undefined;
    state.found = undefined;
    const outcome = await machine.run((ports) => {
      metrics = ports.metrics;
      return live(plan, machine, state, ports, life);
    });
    found.push(state.found);
    for (const name of journalCounters) counts.set(name, (counts.get(name) ?? 0) + (metrics?.value(name) ?? 0));
    effects.push(machine.disk.effects - before);
    // A life that a refusal ends leaves its death to the next: there are no fewer deaths for all the refusals.
    if (outcome.kind === "died" || !state.wasRefused) deaths++;
    if (outcome.kind === "died" && planned?.thenPower !== undefined) machine.machine.kill("power", planned.thenPower);
    if (outcome.kind === "finished") {
      isDone = outcome.value === "done";
      // A life that its own disk ended: the process goes, and sometimes the power with it.
      hasFailed = outcome.value === "failed";
      if (hasFailed) machine.machine.kill(state.marks % 4 === 0 ? "power" : "process");
    }
  }
  return {
    effects,
    lives: effects.length,
    traceHash: machine.trace.hash,
    counts: new Map([...machine.trace.counts, ...counts]),
    ends: summary(state),
    found,
  };
}

async function live(
  plan: Crashing,
  machine: DiskOnly,
  state: DriverState,
  ports: MachinePorts,
  life: number,
): Promise<"done" | "restart" | "failed"> {
  state.hasFailed = false;
  state.wasRefused = false;
  machine.disk.capacityBytes = 1e12;
  endRefusals(machine);
  const spell = plan.refusals?.openings[life];
  if (spell !== undefined) beginRefusals(machine, spell);
  let fail = () => {};
  const failed = new Promise<"failed">((resolve) => {
    fail = () => resolve("failed");
  });
  const options: LogStoreOptions = {
    ...storeDefaults,
    ...plan.store,
    tuning: { ...tuningDefaults, ...plan.tuning },
    configOf: ({ partition }) => state.configs[partition]!,
    onDiskFailure: () => {
      state.hasFailed = true;
      fail();
    },
  };
  const store = await unlessDiskFails(openLogStore({ ...ports, compression: scriptCompression }, options, signal), machine);
  endRefusals(machine);
  if (store === "refused") state.wasRefused = true;
  if (store === "refused") return "restart";
  if (store === "failed") return "failed";
  const living = verify(state, store).then(() => goOn(plan, options, machine, state, ports, store));
  return Promise.race([failed, living.catch((error: unknown) => unlessFailed(state, error))]);
}

/** A disk that failed refuses everything in words of its own. */
function unlessFailed(state: DriverState, error: unknown): "failed" {
  if (state.hasFailed || (error instanceof DiskError && error.kind === "io")) return "failed";
  throw error;
}

/** A sync that fails while the store is being opened is one more way to end a life, and so is a refusal. */
async function unlessDiskFails(opening: Promise<LogStore>, machine: DiskOnly): Promise<LogStore | "refused" | "failed"> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof DiskError && error.kind === "io") return "failed";
    if (isRefusing(machine) && mayPass(error)) return "refused";
    throw error;
  }
}

async function verify(state: DriverState, store: LogStore): Promise<void> {
  for (const [number, model] of state.models.entries()) await model.found(store.get(idOf(number)));
  state.found = summary(state);
}

function summary(state: DriverState): string {
  return state.models.map(({ name, start, end, exists }) => (exists ? `${name} [${start}, ${end})` : `${name} none`)).join("; ");
}

async function goOn(
  plan: Crashing,
  options: LogStoreOptions,
  machine: DiskOnly,
  state: DriverState,
  ports: MachinePorts,
  store: LogStore,
): Promise<"done" | "restart" | "failed"> {
  const driver = new Driver(state, machine, ports, store);
  const how = await driver.run(plan.steps);
  await driver.settle();
  if (state.hasFailed) return "failed";
  const refused = refusalsOf(machine);
  if (plan.refusals?.closing !== undefined) beginRefusals(machine, plan.refusals.closing);
  await store.close();
  endRefusals(machine);
  const mayBeUnclean = refusalsOf(machine) > refused;
  if (!mayBeUnclean && machine.disk.openFiles > 0) throw new Violation(`${machine.disk.openFiles} files are open behind a clean shutdown`);
  // What a clean shutdown leaves is there again, and nothing but that.
  const again = await openLogStore({ ...ports, compression: scriptCompression }, options, signal);
  if (!again.startedClean && !mayBeUnclean) throw new Violation("a clean shutdown was not taken for one");
  for (const [number, model] of state.models.entries()) {
    const log = again.get(idOf(number));
    // A making that was refused, as was all that followed: the next start may find it made.
    if (mayBeUnclean && model.mayAppear) continue;
    if ((log !== undefined) !== model.exists) throw new Violation(`${model.name}: ${model.exists ? "gone" : "back"} after a clean restart`);
    if (log !== undefined) await model.same(log);
  }
  await sleep(ports.clock, 0);
  return how;
}

/** A history and deaths, all of it from a seed. */
export function drawCrashing(seed: number): Crashing {
  const random = new Random(seed, "history");
  const partitions = random.integer(1, 3);
  const steps = drawHistory(random, random.integer(8, 60), partitions);
  const deaths: (PlannedDeath | undefined)[] = [];
  for (let life = random.integer(1, 5); life > 0; life--) deaths.push(drawDeath(random));
  // From draws of their own: a history without them is what it would be if there were none.
  const strewn = new Random(seed, "refusals");
  const { steps: refused, refusals } = drawRefusals(strewn, steps);
  const all = drawLooks(new Random(seed, "looks"), refused, partitions);
  // What is refused comes to fewer effects, at which fewer of the planned deaths are met.
  if (refused.length > steps.length) for (let more = strewn.integer(1, 3); more > 0; more--) deaths.push(drawDeath(strewn));
  return {
    seed,
    steps: all,
    refusals,
    partitions,
    segmentBytes: random.pick([1_000, 2_000, 8_000]),
    store: {
      journalFiles: random.integer(2, 5),
      journalFileBytes: random.pick([8_192, 16_384, 32_768]),
      journalWaitingBytesMax: random.pick([4_096, 8_192, 32_768]),
      openFilesMax: random.pick([1, 4, 64]),
      tailBytesMax: random.pick([0, 4_096, 1_000_000]),
    },
    tuning: {
      firstFileBytesMax: random.pick([4_096, 8_192, 32_768]),
      directBytesPerPartitionMin: random.pick([300, 1_200, 5_000, 1_000_000]),
      unsyncedMsMax: random.pick([3, 30, 5_000]),
      unsyncedBytesMax: random.pick([500, 4_000, 1_000_000]),
      usedFilesTarget: random.pick([1, 2, 4]),
      markDelayMsMax: random.pick([2, 10, 100]),
    },
    deaths,
  };
}

/** Effects at which a death does most harm, and how many of them a life has, about. */
const momentous: readonly (readonly [string, number])[] = [
  ["disk.write-sync journal/", 12],
  ["disk.sync journal/", 12],
  ["disk.write-sync A", 15],
  ["disk.sync A", 10],
  ["disk.truncate", 3],
  ["disk.unlink A", 12],
  ["disk.remove-folder", 2],
  ["disk.rename recovery-point", 3],
  ["disk.rename A", 6],
  ["disk.sync-folder A", 8],
  ["disk.sync-folder ", 8],
];

function drawDeath(random: Random): PlannedDeath {
  const common = {
    moment: random.pick(["torn", "torn", "after", "before"] as const),
    death: random.pick(["process", "power"] as const),
    ...(random.chance(0.4) ? { thenPower: random.pick(["drop", "drop", "keep", "draw"] as const) } : {}),
  };
  // The first few effects of a life are its recovery.
  if (random.chance(0.3)) return { effect: random.integer(1, 40), ...common };
  if (random.chance(0.3)) return { effect: random.integer(1, 250), ...common };
  const [of, count] = random.pick(momentous);
  return { of, effect: random.integer(1, count), ...common };
}

/** Runs one; an error says what to run again. */
export async function crashSeed(plan: Crashing): Promise<Crashed> {
  try {
    return await crash(plan);
  } catch (error) {
    const { steps, ...rest } = plan;
    throw new Error(
      `seed ${plan.seed}: ${error instanceof Error ? error.message : String(error)}\n${JSON.stringify(rest)}\n${printHistory(steps)}`,
      { cause: error },
    );
  }
}
