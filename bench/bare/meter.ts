// What every cell measures: operations and bytes between two moments, and the CPU time of both processes between them.

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { BareLoop, BareOptions, BareResult } from "./protocol.ts";

/** The kernel's clock ticks per second in /proc/PID/stat: USER_HZ, 100 on every Linux of today. */
const ticksPerSecond = 100;

/** User and system time of a process, all threads. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in parentheses, and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export class Meter {
  readonly #loop: BareLoop;
  readonly #options: BareOptions;
  /** Operations since the start; the loop counts them. */
  ops = 0;
  bytes = 0;
  readonly #latencies: number[] = [];
  #isCounting = false;

  constructor(loop: BareLoop, options: BareOptions) {
    this.#loop = loop;
    this.#options = options;
  }

  /** Notes how long one operation took. */
  latency(micros: number): void {
    if (this.#isCounting) this.#latencies.push(micros);
  }

  /** Warms up, counts, and says what came of it, while the loop runs by itself. */
  async measure(serverPid: number): Promise<BareResult> {
    await delay(this.#options.warmupSeconds * 1_000);
    const before = {
      ops: this.ops,
      bytes: this.bytes,
      atMs: performance.now(),
      server: cpuSeconds(serverPid),
      client: cpuSeconds(process.pid),
    };
    this.#isCounting = true;
    await delay(this.#options.seconds * 1_000);
    const seconds = (performance.now() - before.atMs) / 1_000;
    const ops = this.ops - before.ops;
    const bytes = this.bytes - before.bytes;
    const serverCpuSeconds = cpuSeconds(serverPid) - before.server;
    const clientCpuSeconds = cpuSeconds(process.pid) - before.client;
    return {
      loop: this.#loop,
      options: this.#options,
      seconds,
      ops,
      opsPerSecond: ops / seconds,
      bytesPerSecond: bytes / seconds,
      serverCpuSeconds,
      serverCpuSecondsPerGb: serverCpuSeconds / (bytes / 1e9),
      clientCpuSeconds,
      clientCpuSecondsPerGb: clientCpuSeconds / (bytes / 1e9),
      ...(this.#latencies.length > 0 ? { latencyMicros: percentiles(this.#latencies) } : {}),
    };
  }
}

/** @param samples at least one. */
export function percentiles(samples: readonly number[]): NonNullable<BareResult["latencyMicros"]> {
  const sorted = samples.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
