// The machine that a figure is from, and whether it did something else meanwhile.

import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { kernelCpuSeconds, machineTicks, ownCpuSeconds, ticksPerSecond } from "@varve/load";

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly fileSystem: string;
  readonly node: string;
}

/** @param folder where the data lies. */
export function machine(folder: string): Machine {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    processors: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    fileSystem: fileSystemOf(folder),
    node: process.version,
  };
}

/** The type of the mount with the longest path above `folder`. */
function fileSystemOf(folder: string): string {
  let [type, longest] = ["unknown", -1];
  for (const line of readFileSync("/proc/mounts", "utf8").split("\n")) {
    const [, point = "", kind = ""] = line.split(" ");
    const isAbove = folder === point || folder.startsWith(point.endsWith("/") ? point : `${point}/`);
    if (isAbove && point.length > longest) [type, longest] = [kind, point.length];
  }
  return type;
}

/** Shares of all processors' time. */
export interface Noise {
  /** Other programs'. The kernel's own threads write back what we wrote, and count as ours. */
  readonly foreign: number;
  /** The host's, for other machines. */
  readonly steal: number;
}

/** Above this share of either a pair is run again. Source: performance.md 13.1. */
export const noiseShareMax = 0.05;

/** Begins to watch. @returns what came of it, once all processes of the pair have ended. */
export function watchNoise(): () => Noise {
  const before = { ticks: machineTicks(), own: ownCpuSeconds(), kernel: kernelCpuSeconds() };
  return () => {
    const ticks = machineTicks();
    const all = ticks.all - before.ticks.all;
    const steal = ticks.steal - before.ticks.steal;
    const busy = all - (ticks.idle - before.ticks.idle) - steal;
    const ours = (ownCpuSeconds() - before.own + kernelCpuSeconds() - before.kernel) * ticksPerSecond;
    return { foreign: Math.max(0, busy - ours) / all, steal: steal / all };
  };
}
