// `npm run sim -- --seeds N [--first-seed N] [--jobs N] [--trace]`: runs seeds, prints what happened in them and a last line
// `sim: N seeds, 0 violations, …`, and exits with 1 when there was a violation. With --trace one seed shows its last events, its
// server's log lines, and leaves its history behind. `--bugs [part of a name …]` hunts the planted bugs instead.

import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { toNdjson } from "../workload/history.ts";
import { runBugs } from "./bugs/run.ts";
import { Report } from "./report.ts";
import { runSeed } from "./run-seed.ts";
import { runSeeds } from "./workers.ts";

/** Every so many seeds one is run twice. */
const seedsPerRepeat = 100;
const traceFolder = "node_modules/.cache/varve-sim";

function integer(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    process.stderr.write(`sim: --${name} is a number from 0 on, not ${text}\n`);
    process.exit(2);
  }
  return value;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seeds: { type: "string", default: "1" },
      "first-seed": { type: "string", default: "1" },
      jobs: { type: "string", default: String(availableParallelism()) },
      trace: { type: "boolean", default: false },
      bugs: { type: "boolean", default: false },
    },
  });
  if (values.bugs) return runBugs(positionals);
  const count = integer("seeds", values.seeds);
  const first = integer("first-seed", values["first-seed"]);
  const seeds = Array.from({ length: count }, (_, at) => first + at);
  if (values.trace) return trace(first);
  const report = new Report(performance.now(), (text) => process.stdout.write(text));
  await runSeeds({ seeds, jobs: Math.max(1, integer("jobs", values.jobs)), done: (outcome) => report.add(outcome) });
  const repeats = seeds.filter((_, at) => at % seedsPerRepeat === 0);
  await runSeeds({ seeds: repeats, jobs: Math.max(1, integer("jobs", values.jobs)), done: (outcome) => report.addRepeat(outcome) });
  process.stdout.write(report.text(performance.now()));
  return report.isGood ? 0 : 1;
}

async function trace(seed: number): Promise<number> {
  const { outcome, configuration, history, serverLog } = await runSeed(seed);
  mkdirSync(traceFolder, { recursive: true });
  const historyFile = `${traceFolder}/${seed}.history.ndjson`;
  writeFileSync(historyFile, toNdjson(history));
  const lines = [
    ...outcome.tail,
    serverLog,
    JSON.stringify(configuration, (_, value) => (value instanceof Map ? Object.fromEntries(value) : value)),
    `history: ${historyFile}`,
    ...outcome.violations,
    `seed ${seed}: hash ${outcome.hash}, ${outcome.violations.length} violations, ${outcome.operations} operations, ${outcome.events} events`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return outcome.violations.length === 0 ? 0 : 1;
}

process.exitCode = await main();
