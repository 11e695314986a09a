// `npm run bench [-- --rows name,… --pairs 7 --minutes 15 --folder path --quick]`: each row beside its bare loop, as a table and as
// JSON. A figure is the median of its pairs. It exits with 1 when a row could not be run; a goal that is missed is in the table.

import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { waitForQuiet } from "./bare/quiet.ts";
import { type Figure, figureOf, type Sample } from "./figures.ts";
import { machine, noiseShareMax, watchNoise } from "./machine.ts";
import { saveResult, tableOf } from "./report.ts";
import type { Row, RunContext, Samples } from "./row.ts";
import { rows } from "./rows/index.ts";

const { values: flags } = parseArgs({
  options: {
    rows: { type: "string" },
    pairs: { type: "string", default: "7" },
    minutes: { type: "string", default: "15" },
    folder: { type: "string", default: "" },
    quick: { type: "boolean", default: false },
  },
});
const isQuick = flags.quick;
const pairsWanted = isQuick ? 1 : Number(flags.pairs);
/** Pairs that are run again because the machine was not ours. */
const noisyPairsMax = isQuick ? 0 : 2;
const quietWaitMsMax = isQuick ? 0 : 1_000;
const endMs = performance.now() + Number(flags.minutes) * 60_000;
const context: RunContext = {
  folder: flags.folder,
  warmupSeconds: isQuick ? 0.3 : 3,
  seconds: isQuick ? 0.4 : 3,
  isQuick,
};
const resultsFolder = join(import.meta.dirname, "results", isQuick ? "local" : "");
const facts = machine(flags.folder || tmpdir());

interface Pair {
  readonly samples: Samples;
  readonly isNoisy: boolean;
}

/** Pairs until enough of them were quiet, too many were not, or the time of the bench is over; one at least. */
async function runPairs(row: Row): Promise<readonly Pair[]> {
  const opened = await row.open(context);
  const pairs: Pair[] = [];
  const quiet = () => pairs.filter((pair) => !pair.isNoisy).length;
  try {
    while (quiet() < pairsWanted && pairs.length < pairsWanted + noisyPairsMax && (pairs.length === 0 || performance.now() < endMs)) {
      await waitForQuiet(quietWaitMsMax);
      const noiseOf = watchNoise();
      const samples = await opened.pair(pairs.length);
      const { foreign, steal } = noiseOf();
      pairs.push({ samples, isNoisy: foreign > noiseShareMax || steal > noiseShareMax });
    }
  } finally {
    await opened.close();
  }
  return quiet() >= pairsWanted ? pairs.filter((pair) => !pair.isNoisy) : pairs;
}

async function runRow(row: Row): Promise<readonly Figure[]> {
  const pairs = await runPairs(row);
  const figures = Object.entries(row.measures).flatMap(([name, measure]) => {
    const samples = pairs.flatMap(({ samples }): Sample[] => (samples[name] === undefined ? [] : [samples[name]]));
    return samples.length === 0 ? [] : [figureOf(name, measure, samples)];
  });
  const { warmupSeconds, seconds } = context;
  const noisyReps = pairs.filter((pair) => pair.isNoisy).length;
  const at = new Date().toISOString();
  const result = { row: row.name, about: row.about, at, machine: facts, warmupSeconds, seconds, noisyReps, figures };
  saveResult(resultsFolder, result);
  process.stdout.write(`${tableOf(result)}\n`);
  return figures;
}

function chosenRows(): readonly Row[] {
  const names = flags.rows?.split(",");
  const unknown = names?.filter((name) => !rows.some((row) => row.name === name)) ?? [];
  if (unknown.length > 0) throw new Error(`there is no row ${unknown.join(", ")}; there are ${rows.map(({ name }) => name).join(", ")}`);
  return names === undefined ? rows : rows.filter((row) => names.includes(row.name));
}

process.stdout.write(
  `${facts.processors} × ${facts.processor}, ${facts.memoryGib} GiB, ${facts.fileSystem}, Linux ${facts.kernel}, Node ${facts.node}\n\n`,
);
let [asked, held, open] = [0, 0, 0];
for (const row of chosenRows()) {
  try {
    for (const { holds, goal } of await runRow(row)) {
      if (goal === "shown") continue;
      asked += 1;
      if (holds === true) held += 1;
      if (holds === null) open += 1;
    }
  } catch (error) {
    process.exitCode = 1;
    process.stdout.write(`${row.name}: could not be run\n`);
    process.stderr.write(`${row.name}: ${error instanceof Error ? error.message : String(error)}\n\n`);
  }
}
process.stdout.write(`bench: ${held} of ${asked} goals hold, ${open} undecided\n`);
process.exit();
