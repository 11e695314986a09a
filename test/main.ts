// `npm test`: runs the suites of suites.ts one after the other and ends with the line `N passed, N failed, N skipped`.
// Arguments name the suites or programs to run; without any, all of them run. It exits with 1 when anything failed, and
// in CI (CI=true) also when anything was skipped.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { type Program, type Suite, suites, vitestReport } from "./suites.ts";
import { inWords, nothing, sum, type Tally, tallyOfExit, tallyOfLeftOut, tallyOfVitest, withoutSkips } from "./tally.ts";

const PROGRAM_MS_MAX = 60 * 60_000;

interface Outcome {
  readonly code: number;
  readonly output: string;
}

const running = new Set<ChildProcess>();

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Resolves when the program has ended: with its exit code (1 when a signal ended it) and the output that was not shown. */
function run(program: Program): Promise<Outcome> {
  return new Promise((resolve) => {
    const output: Buffer[] = [];
    const child = spawn(process.execPath, program.args, {
      stdio: program.isShown ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
      timeout: PROGRAM_MS_MAX,
    });
    running.add(child);
    child.stdout?.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => output.push(chunk));
    child.on("error", (error) => output.push(Buffer.from(`${error.message}\n`)));
    child.on("close", (code, signal) => {
      running.delete(child);
      if (signal !== null) output.push(Buffer.from(`ended by ${signal}\n`));
      resolve({ code: code ?? 1, output: Buffer.concat(output).toString() });
    });
  });
}

function tallyOf(program: Program, code: number): Tally {
  if (program.counting === "exit") return tallyOfExit(code);
  return tallyOfVitest(existsSync(vitestReport) ? readFileSync(vitestReport, "utf8") : undefined, code);
}

async function runProgram(program: Program): Promise<Tally> {
  if (program.leftOut !== undefined) return tallyOfLeftOut(program.name, program.leftOut);
  const startedAtMs = performance.now();
  const { code, output } = await run(program);
  const tally = tallyOf(program, code);
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  say(`${tally.failed === 0 ? "ok    " : "FAILED"} ${program.name} (${seconds} s)`);
  if (tally.failed > 0 && output !== "") say(output.trimEnd());
  return tally;
}

async function runSuite(suite: Suite): Promise<Tally> {
  const waiting = [...suite.programs];
  let tally = nothing;
  async function work(): Promise<void> {
    for (let program = waiting.shift(); program !== undefined; program = waiting.shift()) {
      const outcome = await runProgram(program);
      tally = sum(tally, outcome);
    }
  }
  await Promise.all(Array.from({ length: suite.programsAtOnceMax }, work));
  return tally;
}

/** The suites with every program that was not asked for left out; asking for nothing asks for everything. */
function chosen(all: readonly Suite[], names: readonly string[]): readonly Suite[] {
  if (names.length === 0) return all;
  const known = new Set(all.flatMap((suite) => [suite.name, ...suite.programs.map((program) => program.name)]));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    process.stderr.write(`npm test: there is no ${unknown.join(", ")}; there are ${[...known].join(", ")}\n`);
    process.exit(2);
  }
  const isAskedFor = (suite: Suite, program: Program) => names.includes(suite.name) || names.includes(program.name);
  return all.map((suite) => ({
    ...suite,
    programs: suite.programs.map((program) => (isAskedFor(suite, program) ? program : { ...program, leftOut: "not asked for" })),
  }));
}

async function main(names: readonly string[]): Promise<number> {
  const isCi = process.env.CI === "true";
  rmSync(vitestReport, { force: true });
  let tally = nothing;
  for (const suite of chosen(suites(), names)) tally = sum(tally, await runSuite(suite));
  for (const line of tally.leftOut) say(`left out: ${line}`);
  if (isCi && tally.skipped > 0) {
    say("CI=true: what is left out has failed");
    tally = withoutSkips(tally);
  }
  say(inWords(tally));
  return tally.failed === 0 ? 0 : 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    for (const child of running) child.kill(signal);
    process.exit(1);
  });
}
process.exitCode = await main(process.argv.slice(2));
