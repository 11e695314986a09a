// What a row of the bench is: measures with their goals, and how one pair of cells is run. The rows are in rows/.

import { type BareCell, type BareOptions, type BareResult, runCell } from "./bare/protocol.ts";
import type { Goal, Measure, Sample } from "./figures.ts";
import type { LoadAnswer, LoadJob } from "./load/protocol.ts";
import { type Load, runLoad } from "./load/run-load.ts";

export interface RunContext {
  /** On the disk that is measured; empty for the system's folder for temporary files. */
  readonly folder: string;
  /** Of every cell, bare loops included. */
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** A smoke test: what takes long by itself is made small. */
  readonly isQuick: boolean;
}

export type Samples = Readonly<Record<string, Sample>>;

export interface OpenRow {
  /** @param at counts pairs from 0, so that each side goes first as often as the other. */
  pair(at: number): Promise<Samples>;
  close(): Promise<void>;
}

export interface Row {
  readonly name: string;
  /** What is measured, against what. */
  readonly about: string;
  readonly measures: Readonly<Record<string, Measure>>;
  /** Prepares what the pairs share. */
  open(context: RunContext): Promise<OpenRow>;
}

/** A row whose pairs share nothing. */
export function rowOfPairs(row: Omit<Row, "open">, pair: (context: RunContext, at: number) => Promise<Samples>): Row {
  return { ...row, open: async (context) => ({ pair: (at) => pair(context, at), close: async () => {} }) };
}

/** Runs cells one after the other, in the order given or the other way round from pair to pair. */
export async function interleaved<T extends readonly unknown[]>(
  at: number,
  cells: { readonly [Key in keyof T]: () => Promise<T[Key]> },
): Promise<T> {
  const results: unknown[] = new Array(cells.length);
  const order = cells.map((_, index) => index);
  for (const index of at % 2 === 0 ? order : order.reverse()) results[index] = await cells[index]!();
  return results as unknown as T;
}

export function bareCell(
  { folder, warmupSeconds, seconds }: RunContext,
  cell: BareCell,
  options: Partial<BareOptions> = {},
): Promise<BareResult> {
  return runCell(cell, { warmupSeconds, seconds, ...(folder === "" ? {} : { folder }), ...options });
}

/** A load without its broker and without the times, which are the context's. */
export type LoadOf<Job extends LoadJob> = Job extends LoadJob
  ? Omit<Job, "address" | "serverPid" | "httpAddress" | "warmupSeconds" | "seconds">
  : never;

export function loadCell({ folder, warmupSeconds, seconds }: RunContext, load: LoadOf<LoadJob>): Promise<LoadAnswer> {
  return runLoad({ ...load, warmupSeconds, seconds } as Load, folder);
}

export const shown: Goal = { kind: "shown" };

/** Two halves that both must hold: throughput, and processor time of the broker per byte. */
export function halves(ratio: number): Readonly<Record<"throughput" | "cpu", Measure>> {
  return {
    throughput: { unit: "MB/s", goal: { kind: "ratio at least", ratio } },
    cpu: { unit: "broker CPU s/GB", goal: { kind: "ratio at most", ratio: 1 / ratio } },
  };
}

interface Figures {
  readonly seconds: number;
  readonly bytesPerSecond: number;
  readonly serverCpuSeconds: number;
  readonly serverCpuSecondsPerGb: number;
  readonly clientCpuSeconds: number;
}

/** Share of one processor from which a process of one thread is at its limit, and below which it is not. */
const busyShare = 0.9;
const idleShare = 0.8;

export function halvesOf(ours: Figures, floor: Figures): Readonly<Record<"throughput" | "cpu", Sample>> {
  const isLoadLimited = ours.clientCpuSeconds / ours.seconds >= busyShare && ours.serverCpuSeconds / ours.seconds <= idleShare;
  return {
    throughput: { value: ours.bytesPerSecond / 1e6, floor: floor.bytesPerSecond / 1e6, isLoadLimited },
    cpu: { value: ours.serverCpuSecondsPerGb, floor: floor.serverCpuSecondsPerGb },
  };
}

/** What every loaded cell of ours shows beside its goals. */
export const vitals = {
  "CPU per million records": { unit: "broker CPU s", goal: shown },
  "loop delay": { unit: "ms, p99", goal: shown },
} as const satisfies Readonly<Record<string, Measure>>;

export function vitalsOf(ours: LoadAnswer): Samples {
  return {
    "CPU per million records": { value: ours.serverCpuSecondsPerMillionRecords },
    ...(ours.loopDelayMs === undefined ? {} : { "loop delay": { value: ours.loopDelayMs } }),
  };
}
