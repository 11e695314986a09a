// Random histories from the command line: `node packages/log/test/history/main.ts [seeds] [first seed]`. Ends with a line
// of counts. `--first` stops at the first violation, `--counts` prints what happened how often, `--verbose` each seed as it begins.

import { crashSeed, drawCrashing } from "./crash.ts";

const seeds = Number(process.argv[2] ?? 1_000);
const first = Number(process.argv[3] ?? 1);
const failuresMax = process.argv.includes("--first") ? 1 : 5;
let failures = 0;
let lives = 0;
const counts = new Map<string, number>();
const beganMs = performance.now();
let seed = first;
process.on("uncaughtException", (error) => {
  console.error("uncaught at seed", seed, error);
  process.exit(2);
});
const verbose = process.argv.includes("--verbose");
for (; seed < first + seeds && failures < failuresMax; seed++) {
  if (verbose) console.error(seed);
  try {
    const crashed = await crashSeed(drawCrashing(seed));
    lives += crashed.lives;
    for (const [what, count] of crashed.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  } catch (error) {
    failures++;
    console.error((error as Error).message, (error as Error).cause);
  }
}
const seconds = (performance.now() - beganMs) / 1000;
if (process.argv.includes("--counts")) console.log([...counts].map(([what, count]) => `${what} ${count}`).join("\n"));
console.log(`histories: ${seed - first} seeds, ${lives} lives, ${failures} violations, ${Math.round((seed - first) / seconds)} seeds/s`);
process.exitCode = failures > 0 ? 1 : 0;
