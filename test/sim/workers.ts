// Seeds over several processes, so that all cores have work and a seed that hangs or exhausts its memory takes nobody with it.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SeedOutcome } from "./run-seed.ts";

/** A seed takes seconds; one that takes so long does not end by itself. */
const seedMsMax = 300_000;
/** A process is replaced after so many seeds: what leaks from one to the next stays small. */
const seedsPerProcessMax = 200;
/** What is left is given out in so many parts for each process: seeds differ, and no core is to wait for another. */
const sharesPerJob = 4;

/** Most of what a seed makes is gone within milliseconds of the world: measured, a tenth of the time goes with a small nursery. */
const execArgv = [...process.execArgv, "--max-semi-space-size=32"];

export interface WorkersOptions {
  readonly seeds: readonly number[];
  readonly jobs: number;
  readonly done: (outcome: SeedOutcome) => void;
}

/** Resolves when every seed has an outcome; one whose process died or hung has a violation that says so. */
export async function runSeeds({ seeds, jobs, done }: WorkersOptions): Promise<void> {
  const waiting = [...seeds];
  const work = async (): Promise<void> => {
    for (;;) {
      const share = waiting.splice(0, Math.min(seedsPerProcessMax, Math.ceil(waiting.length / jobs / sharesPerJob)));
      if (share.length === 0) return;
      await runShare(share, done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, seeds.length) }, work));
}

async function runShare(seeds: readonly number[], done: (outcome: SeedOutcome) => void): Promise<void> {
  let child: ChildProcess | undefined;
  for (const seed of seeds) {
    child ??= fork(fileURLToPath(new URL("worker.ts", import.meta.url)), { execArgv, stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const outcome = await ask(child, seed);
    if (outcome.hash === "") {
      child.kill("SIGKILL");
      child = undefined;
    }
    done(outcome);
  }
  child?.disconnect();
}

function ask(child: ChildProcess, seed: number): Promise<SeedOutcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle(lost(seed, `the seed did not end within ${seedMsMax} ms`)), seedMsMax);
    const exited = (code: number | null, signal: string | null) => settle(lost(seed, `its process ended with ${signal ?? `code ${code}`}`));
    const settle = (outcome: SeedOutcome): void => {
      clearTimeout(timer);
      child.off("message", settle);
      child.off("exit", exited);
      resolve(outcome);
    };
    child.once("message", settle);
    child.once("exit", exited);
    child.send(seed);
  });
}

function lost(seed: number, violation: string): SeedOutcome {
  return { seed, hash: "", violations: [violation], events: 0, virtualMs: 0, operations: 0, counts: {}, tail: [] };
}
