// What `npm test` consists of, in order: one row per suite. To add a longer program, add a row; main.ts runs them.

import { existsSync, readdirSync } from "node:fs";

/** How the outcome of a program becomes numbers: its exit code is one test, or vitest's JSON report holds many. */
export type Counting = "exit" | "vitest";

export interface Program {
  /** What a reader of the output sees, and what `npm test -- NAME` is compared with beside the suite's name. */
  readonly name: string;
  /** Arguments to the Node that runs this, from the root of the repository. */
  readonly args: readonly string[];
  readonly counting: Counting;
  /** Whether its output is shown as it comes; otherwise only when it fails. */
  readonly isShown: boolean;
  /** Why it cannot run here, as a sentence; undefined when it can. A program left out counts as one skipped test. */
  readonly leftOut?: string | undefined;
}

export interface Suite {
  readonly name: string;
  /** How many of its programs run at once; two is what the machines that we build for have cores. */
  readonly programsAtOnceMax: number;
  readonly programs: readonly Program[];
}

/** Planted bugs that seconds of searching find, and the patch that plants none. */
const bugsFoundSoon: readonly string[] = ["00-", "01-", "02-", "08-", "32-", "52-"];

export const vitestReport = "node_modules/.cache/varve-test/vitest.json";

export function suites(): readonly Suite[] {
  return [
    { name: "types", programsAtOnceMax: 2, programs: typedFolders().map(typeCheck) },
    {
      name: "style",
      programsAtOnceMax: 1,
      programs: [exitCode("style", "node_modules/@biomejs/biome/bin/biome", ["check", "--config-path=test", "."])],
    },
    { name: "unit", programsAtOnceMax: 1, programs: [unit()] },
    // Each uses all cores by itself. Longer runs, and all the planted bugs, are started by hand.
    {
      name: "sim",
      programsAtOnceMax: 1,
      programs: [shown("sim seeds", "test/sim/main.ts", ["--seeds", "200"]), shown("sim bugs", "test/sim/bugs/run.ts", bugsFoundSoon)],
    },
  ];
}

function typedFolders(): readonly string[] {
  const packages = readdirSync("packages").sort();
  return [...packages.map((name) => `packages/${name}`), "test", "bench"].filter((folder) => existsSync(`${folder}/tsconfig.json`));
}

function typeCheck(folder: string): Program {
  return exitCode(`types ${folder}`, "node_modules/typescript/bin/tsc", ["-p", folder]);
}

function exitCode(name: string, script: string, args: readonly string[]): Program {
  return { name, args: [script, ...args], counting: "exit", isShown: false };
}

/** Counted as one test, with its output as it comes: for those that take minutes. */
function shown(name: string, script: string, args: readonly string[] = []): Program {
  return { ...exitCode(name, script, args), isShown: true };
}

function unit(): Program {
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${vitestReport}`];
  const args = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/vitest.config.ts", ...reporters];
  return { name: "unit", args, counting: "vitest", isShown: true };
}
