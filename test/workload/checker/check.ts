// The verdict over a history: a pure function of its events. What each anomaly means stands in anomaly.ts.

import type { HistoryEvent } from "../history.ts";
import type { Anomaly, AnomalyType } from "./anomaly.ts";
import { checkBounds } from "./bounds.ts";
import { checkFinalLogs, checkLostWrites } from "./losses.ts";
import { checkPollOrder, checkSendOrder } from "./order.ts";
import { prepare } from "./prepare.ts";
import { checkStarts } from "./starts.ts";
import { checkOffsets, checkReads } from "./values.ts";
import { versionsOf } from "./versions.ts";

export interface CheckOptions {
  /** Whether offsets may be missing for good: with transactions or compaction. */
  readonly hasHoles: boolean;
  /** Anomalies that do not count; "int-send-skip" never does. */
  readonly allowed: readonly AnomalyType[];
}

export const strict: CheckOptions = { hasHoles: false, allowed: [] };

export interface Verdict {
  readonly isValid: boolean;
  /** Those that count. */
  readonly anomalies: readonly Anomaly[];
}

/** How many anomalies of one type are kept; a broken cluster makes thousands of them. */
const anomaliesPerTypeMax = 10;

/** @throws when the events are no history. */
export function check(events: readonly HistoryEvent[], options: CheckOptions = strict): Verdict {
  const prepared = prepare(events);
  const versions = versionsOf(prepared);
  const anomalies: Anomaly[] = [];
  const counts = new Map<AnomalyType, number>();
  const report = (type: AnomalyType, key: number, what: string): void => {
    if (type === "int-send-skip" || options.allowed.includes(type)) return;
    const count = (counts.get(type) ?? 0) + 1;
    counts.set(type, count);
    if (count <= anomaliesPerTypeMax) anomalies.push({ type, key, what });
  };
  checkOffsets(prepared, versions, report);
  checkReads(prepared, report);
  checkLostWrites(prepared, versions, report);
  checkFinalLogs(prepared, report);
  checkPollOrder(prepared, versions, options.hasHoles, report);
  checkSendOrder(prepared, versions, report);
  checkBounds(prepared, report);
  checkStarts(prepared, report);
  return { isValid: anomalies.length === 0, anomalies };
}
