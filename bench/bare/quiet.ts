// Waits until the machine has nothing else to do: a figure taken beside other work says nothing.

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** How idle the machine must be, and for how long, before a cell starts. */
const idleShareMin = 0.9;
const quietMs = 500;

/** @returns whether it became quiet before `waitMsMax` were over. */
export async function waitForQuiet(waitMsMax: number): Promise<boolean> {
  const deadlineMs = performance.now() + waitMsMax;
  do {
    const before = processorTicks();
    await delay(quietMs);
    const after = processorTicks();
    if ((after.idle - before.idle) / (after.all - before.all) >= idleShareMin) return true;
  } while (performance.now() < deadlineMs);
  return false;
}

function processorTicks(): { readonly idle: number; readonly all: number } {
  // cpu  user nice system idle iowait irq softirq steal guest guest_nice; a guest's time is part of user time.
  const [, ...fields] = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]?.split(/\s+/) ?? [];
  const ticks = fields.slice(0, 8).map(Number);
  return { idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), all: ticks.reduce((sum, value) => sum + value, 0) };
}
