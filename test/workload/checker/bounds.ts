// Checks of where logs begin and end, as brokers tell it: high watermark and log start.

import type { Key } from "../history.ts";
import type { Report } from "./anomaly.ts";
import { callsOf, type Prepared, type SentValue, type Undoer } from "./prepare.ts";

/** What somebody was told about one log. */
export interface Bound {
  readonly key: Key;
  readonly invoked: number;
  readonly completed: number;
  readonly logStart: number | null;
  readonly highWatermark: number | null;
}

/** watermark-fell, watermark-below-acked, log-start-fell, log-start-rose. */
export function checkBounds(prepared: Prepared, report: Report): void {
  const boundsByKey = Map.groupBy(boundsOf(prepared), ({ key }) => key);
  const ackedByKey = Map.groupBy(
    [...prepared.sends.values()].filter(({ outcome, offset }) => outcome === "ok" && offset !== null),
    ({ key }) => key,
  );
  for (const [key, bounds] of boundsByKey) {
    const rules = prepared.keys.get(key);
    const undoneBy: Undoer = rules?.isAlwaysDurable ? "nothing" : "power-cut";
    const askedFor = askedStart(prepared, key);
    for (const [at, later] of bounds.entries()) {
      for (const earlier of bounds.slice(0, at)) if (earlier.completed < later.invoked) compare(prepared, earlier, later, undoneBy, report);
      const { logStart, highWatermark } = later;
      // Retention takes old segments and never the one that is written to, so something is always left of what was not asked to go.
      if (rules?.isRetained && logStart !== null && highWatermark !== null && logStart >= highWatermark && highWatermark > askedFor) {
        report("log-start-rose", key, `retention has left nothing of [0, ${highWatermark})`);
      }
      if (logStart !== null && rules?.isRetained === false && logStart > askedFor) {
        report("log-start-rose", key, `the log starts at ${logStart}, and nobody asked for more than ${askedFor}`);
      }
    }
    checkAgainstAcks(prepared, bounds, ackedByKey.get(key) ?? [], report);
  }
}

export function boundsOf(prepared: Prepared): readonly Bound[] {
  const listed = callsOf(prepared, "list-offsets").flatMap(({ type, invoked, completed, operation }) =>
    type === "ok" ? operation.value.map((bound) => ({ ...bound, invoked, completed })) : [],
  );
  const deleted = callsOf(prepared, "delete-records").flatMap(({ type, invoked, completed, operation: { key, logStart } }) =>
    type === "ok" ? [{ key, logStart, highWatermark: null, invoked, completed }] : [],
  );
  return [...listed, ...deleted].sort((one, other) => one.invoked - other.invoked);
}

/** The highest log start that anybody asked for. */
export function askedStart(prepared: Prepared, key: Key): number {
  const asked = callsOf(prepared, "delete-records").filter(({ operation, type }) => operation.key === key && type !== "fail");
  return Math.max(0, ...asked.map(({ operation }) => operation.before));
}

function compare(prepared: Prepared, earlier: Bound, later: Bound, undoneBy: Undoer, report: Report): void {
  const { key } = later;
  if (earlier.logStart !== null && later.logStart !== null && later.logStart < earlier.logStart) {
    report("log-start-fell", key, `from ${earlier.logStart} to ${later.logStart}`);
  }
  if (earlier.highWatermark === null || later.highWatermark === null || later.highWatermark >= earlier.highWatermark) return;
  if (prepared.happened(undoneBy, earlier.invoked, later.completed)) return;
  report("watermark-fell", key, `from ${earlier.highWatermark} to ${later.highWatermark}`);
}

function checkAgainstAcks(prepared: Prepared, bounds: readonly Bound[], acked: readonly SentValue[], report: Report): void {
  for (const { key, invoked, completed, highWatermark } of bounds) {
    if (highWatermark === null) continue;
    for (const send of acked) {
      // What acks=leader answers may not have been committed yet.
      if (send.acks !== "all" || send.completed > invoked || (send.offset as number) < highWatermark) continue;
      if (prepared.happened(send.undoneBy, send.invoked, completed)) continue;
      report("watermark-below-acked", key, `it is ${highWatermark}, and value ${send.value} was acknowledged at ${send.offset}`);
    }
  }
}
