// What Linux tells of processes and of the machine: processor time, resident memory. Read synchronously, between two operations.

import { readdirSync, readFileSync } from "node:fs";

/** The kernel's clock ticks per second in /proc: USER_HZ, 100 on every Linux of today. */
export const ticksPerSecond = 100;

/** Fields of /proc/PID/stat behind the program's name, which may hold blanks: [1] is the parent, [11] user time, [12] system time. */
function statFields(pid: number | "self"): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** User and system time of a process, all threads, in hundredths. @throws when there is no such process. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid);
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Of this process and of all its children that have ended. */
export function ownCpuSeconds(): number {
  const fields = statFields("self");
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) / ticksPerSecond;
}

const kernelParent = "2";

/** Of the kernel's own threads: what it writes back for us, among others. */
export function kernelCpuSeconds(): number {
  let ticks = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const fields = statFields(Number(name));
      if (fields[1] === kernelParent) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended since the listing.
    }
  }
  return ticks / ticksPerSecond;
}

/** VmRSS. @throws when there is no such process. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]) * 1_024;
}

/** Since the machine's start, all processors together. */
export interface MachineTicks {
  readonly all: number;
  /** Waiting for a disk is idle. */
  readonly idle: number;
  /** Taken by the host for others. */
  readonly steal: number;
}

export function machineTicks(): MachineTicks {
  // cpu  user nice system idle iowait irq softirq steal guest guest_nice; a guest's time is part of user time.
  const [, ...fields] = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]?.split(/\s+/) ?? [];
  const ticks = fields.slice(0, 8).map(Number);
  return { all: ticks.reduce((sum, value) => sum + value, 0), idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), steal: ticks[7] ?? 0 };
}
