// A machine alone with its disk, for those who test what a disk may do to them: a script runs in a life until it is through
// or the machine dies at the effect that was named, and the next script finds what survived.

import type { PowerCut } from "./disk/content.ts";
import type { DiskFaults } from "./disk/faults.ts";
import type { SimDisk } from "./disk/sim-disk.ts";
import type { Death, Life } from "./life.ts";
import { Machine, type MachinePorts } from "./machine.ts";
import { Random } from "./random.ts";
import { Scheduler, type Turn } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

/** How many events one script may take, unless `DiskOnlyOptions` says otherwise. */
const scriptEventsMax = 1_000_000;

export interface DiskOnlyOptions {
  readonly seed: number;
  readonly turn: Turn;
  readonly faults?: DiskFaults;
  readonly capacityBytes?: number;
  readonly openFilesMax?: number;
  readonly eventsMax?: number;
}

/** How a script ended. */
export type Outcome<Value> = { readonly kind: "finished"; readonly value: Value } | { readonly kind: "died" };

/** A machine and the loop that drives it. */
export interface DiskOnly {
  readonly disk: SimDisk;
  /** For pauses, the clock and the stores. */
  readonly machine: Machine;
  readonly trace: Trace;
  /**
   * Starts a process and runs `script` in it. A process that a script before it left running is killed first.
   *
   * @throws what the script throws while it lives, and what its callbacks throw; an error that says so when it waits for what never comes.
   */
  run<Value>(script: (ports: MachinePorts) => Promise<Value>): Promise<Outcome<Value>>;
  /** Ends the process that the last script left, or lets the power go when it has ended already. */
  kill(death: Death, cut?: PowerCut): void;
}

/** Makes one. Costs microseconds. */
export function diskOnly(options: DiskOnlyOptions): DiskOnly {
  const random = new Random(options.seed);
  const scheduler = new Scheduler(random, options.turn);
  let failure: { readonly error: unknown } | undefined;
  const machine = new Machine({
    name: "n1",
    random: random.stream("n1"),
    scheduler,
    events: {
      entered: () => {},
      failed: (_: Life, error: unknown) => {
        failure ??= { error };
      },
    },
    ...(options.faults === undefined ? {} : { diskFaults: options.faults }),
    ...(options.capacityBytes === undefined ? {} : { capacityBytes: options.capacityBytes }),
    ...(options.openFilesMax === undefined ? {} : { openFilesMax: options.openFilesMax }),
  });
  const eventsMax = options.eventsMax ?? scriptEventsMax;
  return {
    disk: machine.disk,
    machine,
    trace: scheduler.trace,
    kill: (death, cut) => machine.kill(death, cut),
    async run<Value>(script: (ports: MachinePorts) => Promise<Value>): Promise<Outcome<Value>> {
      failure = undefined;
      const ports = machine.boot();
      let settled: { readonly value: Value } | { readonly error: unknown } | undefined;
      const settle = (outcome: NonNullable<typeof settled>) => {
        settled = outcome;
      };
      script(ports).then(
        (value) => settle({ value }),
        (error: unknown) => settle({ error }),
      );
      await scheduler.settle();
      const lastStep = scheduler.steps + eventsMax;
      while (machine.alive && settled === undefined && failure === undefined) {
        if (scheduler.steps >= lastStep) throw new Error(`seed ${options.seed}: not through after ${eventsMax} events`);
        if (!(await scheduler.step())) throw new Error(`seed ${options.seed}: the script waits, and nothing is left to happen`);
      }
      // A dead process's script may have run on to its end, or to an error that only the dead meet: neither counts.
      if (!machine.alive) return { kind: "died" };
      const outcome = failure ?? settled;
      if (outcome !== undefined && "error" in outcome) throw outcome.error;
      return { kind: "finished", value: (outcome as { readonly value: Value }).value };
    },
  };
}
