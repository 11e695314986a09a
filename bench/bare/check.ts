// Checks the yardsticks themselves: each loop against the raw TCP loop of the same minute, by the ratios that performance.md
// shows. A loop that stays below half of its ratio is written wrong. Run: node bench/bare/check.ts [repetitions] [folder] [longest wait for a quiet machine, ms]

import { type BareCell, runCell } from "./protocol.ts";
import { waitForQuiet } from "./quiet.ts";

interface Expectation {
  readonly cell: BareCell;
  readonly against: BareCell;
  /** Bytes per second of the cell divided by those of the other. */
  readonly ratio: number;
  /** Where the ratio is from. */
  readonly source: string;
}

const expectations: readonly Expectation[] = [
  { cell: "produce-16k", against: "tcp-16k", ratio: 327 / 1_928, source: "5.2 bidi 16 KiB, depth 8; 10.2" },
  { cell: "produce-128k", against: "tcp-128k", ratio: 0.3, source: "5.3 upload with wide windows" },
  { cell: "fetch-1m-unread", against: "tcp-128k", ratio: 1_590 / 2_986, source: "5.2 server stream 1 MiB; 10.2" },
  { cell: "tcp-16k-durable", against: "tcp-16k", ratio: 1_125 / 1_928, source: "10.2 fsync, 64 x 16 KiB" },
];

/** Cells without a figure in performance.md, for the table. */
const alsoShown: readonly BareCell[] = ["produce-16k-durable", "fetch-1m", "round-trip-durable", "sync-each-of-100", "node-start"];

const tolerance = 2;

const repetitions = Number(process.argv[2] ?? 7);
const folder = process.argv[3] ?? "";
/** How long a cell waits before it runs beside whatever runs. */
const quietWaitMsMax = Number(process.argv[4] ?? 20_000);
const cells = [...new Set([...expectations.flatMap(({ cell, against }) => [against, cell]), ...alsoShown])];
const seen = new Map<
  BareCell,
  { readonly throughput: number[]; readonly cpu: number[]; readonly micros: number[]; readonly ops: number[] }
>();
for (const cell of cells) seen.set(cell, { throughput: [], cpu: [], micros: [], ops: [] });

let loudCells = 0;
for (let repetition = 0; repetition < repetitions; repetition++) {
  for (const cell of cells) {
    if (!(await waitForQuiet(quietWaitMsMax))) loudCells += 1;
    const result = await runCell(cell, folder === "" ? {} : { folder });
    const figures = figuresOf(cell);
    figures.throughput.push(result.bytesPerSecond / 1e6);
    figures.cpu.push(result.serverCpuSecondsPerGb);
    figures.ops.push(result.opsPerSecond);
    if (result.latencyMicros !== undefined) figures.micros.push(result.latencyMicros.p50);
  }
}

const print = (line: string) => process.stdout.write(`${line}\n`);
print(`${repetitions} repetitions, ${loudCells} of ${repetitions * cells.length} cells began beside other work\n`);
print("| cell | ops/s | MB/s (min–max) | server s/GB | p50 µs |\n|---|---|---|---|---|");
for (const cell of cells) {
  const { throughput, cpu, micros, ops } = figuresOf(cell);
  const range = `${median(throughput).toFixed(0)} (${Math.min(...throughput).toFixed(0)}–${Math.max(...throughput).toFixed(0)})`;
  print(
    `| ${cell} | ${median(ops).toFixed(0)} | ${range} | ${median(cpu).toFixed(2)} | ${micros.length > 0 ? median(micros).toFixed(0) : ""} |`,
  );
}
print("\n| cell | against | ratio | expected | holds | source |\n|---|---|---|---|---|---|");
for (const { cell, against, ratio, source } of expectations) {
  // Pairs of one repetition are neighbours in time: the median of their ratios, not the ratio of medians.
  const others = figuresOf(against).throughput;
  const found = median(figuresOf(cell).throughput.map((value, at) => value / (others[at] ?? Number.NaN)));
  const holds = found * tolerance >= ratio;
  if (!holds) process.exitCode = 1;
  print(`| ${cell} | ${against} | ${found.toFixed(2)} | ${ratio.toFixed(2)} | ${holds ? "yes" : "NO"} | ${source} |`);
}

function figuresOf(cell: BareCell): { throughput: number[]; cpu: number[]; micros: number[]; ops: number[] } {
  const figures = seen.get(cell);
  if (figures === undefined) throw new Error(`${cell} was not run`);
  return figures;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}
