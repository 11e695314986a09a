// Random histories from the command line: `node packages/log/test/history/main.ts [seeds] [first seed]`. Ends with a line
// of counts. `--first` stops at the first violation, `--counts` prints what happened how often, `--verbose` each seed as it begins.

import { parseArgs } from "node:util";
import { crashSeed, drawCrashing } from "./crash.ts";

const { seeds, first, flags } = readArguments();
const failuresMax = flags.first ? 1 : 5;
let failures = 0;
let lives = 0;
const counts = new Map<string, number>();
const beganMs = performance.now();
let seed = first;
process.on("uncaughtException", (error) => {
  console.error("uncaught at seed", seed, error);
  process.exit(2);
});
for (; seed < first + seeds && failures < failuresMax; seed++) {
  if (flags.verbose) console.error(seed);
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
if (flags.counts) console.log([...counts].map(([what, count]) => `${what} ${count}`).join("\n"));
console.log(`histories: ${seed - first} seeds, ${lives} lives, ${failures} violations, ${Math.round((seed - first) / seconds)} seeds/s`);
process.exitCode = failures > 0 ? 1 : 0;

/** What cannot be read is refused: a run over no seeds would look like one that found nothing. */
function readArguments() {
  try {
    const options = { first: { type: "boolean" }, counts: { type: "boolean" }, verbose: { type: "boolean" } } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const wrong = positionals.find((text, at) => at > 1 || !/^[1-9][0-9]{0,14}$/.test(text));
    if (wrong !== undefined) throw new Error(`${JSON.stringify(wrong)} is neither how many seeds nor the first of them`);
    return { seeds: Number(positionals[0] ?? 1_000), first: Number(positionals[1] ?? 1), flags: values };
  } catch (error) {
    console.error(`histories: ${(error as Error).message}; the arguments are [seeds] [first seed] [--first] [--counts] [--verbose]`);
    process.exit(2);
  }
}
