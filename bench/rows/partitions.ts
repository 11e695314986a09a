// Many partitions with fsync before ack: the same load on a hundred as on one, and one journal against a sync of every partition's file.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { bareCell, halves, halvesOf, interleaved, loadCell, type Row, type RunContext, rowOfPairs, vitals, vitalsOf } from "../row.ts";
import { produceLoad } from "./produce.ts";

const partitionCount = 100;

export const partitions100: Row = rowOfPairs(
  {
    name: "partitions-100",
    about: `${partitionCount} partitions against 1, fsync before ack, batches of 16 KiB, 64 in flight in all`,
    measures: { records: { unit: "per second", goal: { kind: "ratio at least", ratio: 0.7 } }, cpu: halves(0.7).cpu, ...vitals },
  },
  async (context, at) => {
    const [many, one] = await interleaved(at, [
      // Neither is bounded: a hundred logs of a hundredth would do nothing but roll.
      () => loadCell(context, produceLoad("fsync", { depth: 64, partitionCount, isBounded: false })),
      () => loadCell(context, produceLoad("fsync", { depth: 64, isBounded: false })),
    ] as const);
    const { throughput, cpu } = halvesOf(many, one);
    return {
      records: { ...throughput, value: many.recordsPerSecond, floor: one.recordsPerSecond },
      cpu,
      ...vitalsOf(many),
    };
  },
);

/** Rounds of one journal for all partitions, in a process of its own; the bare side has no network either. */
async function journalRounds(
  { folder, warmupSeconds, seconds }: RunContext,
  batchBytes: number,
): Promise<{ readonly roundsPerSecond: number }> {
  const program = join(import.meta.dirname, "..", "load", "journal-rounds.ts");
  const job = JSON.stringify({ folder, warmupSeconds, seconds, partitionCount, batchBytes });
  const { stdout } = await promisify(execFile)(process.execPath, [program, job], {
    env: { UV_THREADPOOL_SIZE: "8", ...process.env },
    timeout: 60_000,
  });
  return JSON.parse(stdout) as { readonly roundsPerSecond: number };
}

export const rounds100: Row = rowOfPairs(
  {
    name: "rounds-100",
    about: `a batch to each of ${partitionCount} partitions and all durable, again and again: the log's journal against one fdatasync of each file`,
    measures: {
      "rounds of 1 KiB batches": { unit: "per second", goal: { kind: "ratio at least", ratio: 5 } },
      "rounds of 16 KiB batches": { unit: "per second", goal: { kind: "ratio at least", ratio: 5 } },
    },
  },
  async (context, at) => {
    const [small, bareSmall, large, bareLarge] = await interleaved(at, [
      () => journalRounds(context, 1_024),
      () => bareCell(context, "sync-each-of-100", { bytes: 1_024 }),
      () => journalRounds(context, 16_384),
      () => bareCell(context, "sync-each-of-100"),
    ] as const);
    return {
      "rounds of 1 KiB batches": { value: small.roundsPerSecond, floor: bareSmall.opsPerSecond },
      "rounds of 16 KiB batches": { value: large.roundsPerSecond, floor: bareLarge.opsPerSecond },
    };
  },
);
