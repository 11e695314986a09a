// What must hold once all faults are gone, beyond what the checker of histories knows: whoever sends is answered, and well.

import type { HistoryEvent } from "../workload/history.ts";
import type { Topics } from "./clients/topics.ts";
import { faultsUntilMs } from "./configuration.ts";

/** What began before this may still suffer from a fault: a time-out that was running, a connection that was given up late. */
const healedMs = faultsUntilMs + 40_000;

/** Failures that have their cause in what a client sends. */
const askedFor: readonly string[] = ["RECORD_LIST_TOO_LARGE", "MESSAGE_TOO_LARGE"];
/** Where a death may take what was acknowledged, the log may not know a producer's last batch any more, and says so once. */
const afterLoss: readonly string[] = ["OUT_OF_ORDER_SEQUENCE_NUMBER", "UNKNOWN_PRODUCER_ID"];

/** Sends that failed although nothing was wrong any more. */
export function sendsThatFailedHealed(events: readonly HistoryEvent[], topics: Topics): readonly string[] {
  const begunMs = new Map<number | "nemesis", number>();
  const failures: string[] = [];
  for (const event of events) {
    if (event.type === "invoke") begunMs.set(event.process, event.timeMs);
    if (event.f !== "send" || event.type === "invoke" || (begunMs.get(event.process) ?? 0) < healedMs) continue;
    for (const { key, value, error } of event.value) {
      const { topic } = topics.partitionOf(key);
      if (error === undefined || topic.plan.isRemade || askedFor.includes(error)) continue;
      const isSafe = event.acks === "all" && topic.plan.durability === "fsync" && !topic.plan.isAltered;
      if (!isSafe && afterLoss.includes(error)) continue;
      failures.push(`value ${value} to ${topic.plan.name} failed with ${error} although all faults were healed`);
    }
  }
  return failures.slice(0, 5);
}
