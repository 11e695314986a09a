// How long a Node process takes that does nothing, from spawn to exit: the floor of every start. One after the other.

import { spawnSync } from "node:child_process";
import { percentiles } from "./meter.ts";
import type { BareOptions, BareResult } from "./protocol.ts";

/** What counts in its result is `latencyMicros`; it moves no bytes, and its processes are gone before their CPU time could be read. */
export function runNodeStart(options: BareOptions): BareResult {
  const micros: number[] = [];
  const startMs = performance.now();
  for (let at = 0; at < options.count; at++) {
    const atMs = performance.now();
    const { status } = spawnSync(process.execPath, ["-e", "0"]);
    if (status !== 0) throw new Error(`node -e 0 ended with ${status}`);
    micros.push((performance.now() - atMs) * 1_000);
  }
  const seconds = (performance.now() - startMs) / 1_000;
  return {
    loop: "node-start",
    options,
    seconds,
    ops: options.count,
    opsPerSecond: options.count / seconds,
    bytesPerSecond: 0,
    serverCpuSeconds: 0,
    serverCpuSecondsPerGb: 0,
    clientCpuSeconds: 0,
    clientCpuSecondsPerGb: 0,
    latencyMicros: percentiles(micros),
  };
}
