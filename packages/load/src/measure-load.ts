// What came of a load between two moments while it ran by itself: operations, bytes and records, the processor time of both sides, latencies.

import { setTimeout as delay } from "node:timers/promises";
import { LatencyHistogram, type LatencySummary } from "./latency-histogram.ts";
import { cpuSeconds } from "./proc.ts";

/** What a load counts as it goes. */
export class LoadCounts {
  ops = 0;
  bytes = 0;
  records = 0;
  /** Operations that failed; the first of them. */
  failures = 0;
  firstFailure: string | undefined;
  readonly latencies: LatencyHistogram = new LatencyHistogram();

  fail(why: string): void {
    this.failures += 1;
    this.firstFailure ??= why;
  }
}

export interface MeasureOptions {
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** The process that is measured; the load generator is this one. */
  readonly serverPid: number;
}

export interface LoadFigures {
  /** Length of the counted time. */
  readonly seconds: number;
  readonly ops: number;
  readonly opsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly recordsPerSecond: number;
  readonly serverCpuSeconds: number;
  readonly serverCpuSecondsPerGb: number;
  readonly serverCpuSecondsPerMillionRecords: number;
  readonly clientCpuSeconds: number;
  readonly clientCpuSecondsPerGb: number;
  /** Absent when the load times nothing. */
  readonly latencyMicros?: LatencySummary;
}

/** How often a load that ends with its bytes is looked at. */
const pollMs = 20;

/**
 * @param bytesMax the counted time ends when so much has been done, if that comes first.
 * @throws {Error} when an operation failed, or none was done.
 */
export async function measureLoad(
  counts: LoadCounts,
  { warmupSeconds, seconds, serverPid }: MeasureOptions,
  bytesMax?: number,
): Promise<LoadFigures> {
  await delay(warmupSeconds * 1_000);
  counts.latencies.clear();
  const { ops, bytes, records } = counts;
  const before = { ops, bytes, records, server: cpuSeconds(serverPid), client: cpuSeconds(process.pid), atMs: performance.now() };
  if (bytesMax === undefined) await delay(seconds * 1_000);
  else while (counts.bytes < bytesMax && performance.now() < before.atMs + seconds * 1_000) await delay(pollMs);
  const counted = (performance.now() - before.atMs) / 1_000;
  const done = { ops: counts.ops - before.ops, bytes: counts.bytes - before.bytes, records: counts.records - before.records };
  const server = cpuSeconds(serverPid) - before.server;
  const client = cpuSeconds(process.pid) - before.client;
  if (counts.failures > 0) throw new Error(`${counts.failures} operations failed, the first with: ${counts.firstFailure}`);
  if (done.ops === 0) throw new Error(`no operation was done in ${counted.toFixed(1)} s`);
  return {
    seconds: counted,
    ops: done.ops,
    opsPerSecond: done.ops / counted,
    bytesPerSecond: done.bytes / counted,
    recordsPerSecond: done.records / counted,
    serverCpuSeconds: server,
    serverCpuSecondsPerGb: server / (done.bytes / 1e9),
    serverCpuSecondsPerMillionRecords: server / (done.records / 1e6),
    clientCpuSeconds: client,
    clientCpuSecondsPerGb: client / (done.bytes / 1e9),
    ...(counts.latencies.count > 0 ? { latencyMicros: counts.latencies.summary() } : {}),
  };
}
