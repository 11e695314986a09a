// Checks of what must be there: acknowledged and consumed values, up to what a death may undo and a deletion may take.

import type { Key } from "../history.ts";
import type { Report } from "./anomaly.ts";
import { askedStart } from "./bounds.ts";
import { callsOf, type KeyState, type Prepared, type SentValue } from "./prepare.ts";
import type { Versions } from "./versions.ts";

/** What the final readers have read of one key, and where its log began and ended then. */
interface FinalLog {
  readonly rules: KeyState;
  readonly valueAt: ReadonlyMap<number, number>;
  readonly values: ReadonlySet<number>;
  readonly logStart: number;
  readonly highWatermark: number | undefined;
  /** Ranges that a broker has reported as damaged, and readers stepped over. */
  readonly damaged: readonly { readonly from: number; readonly to: number }[];
}

const never = Number.POSITIVE_INFINITY;

/** Keys that were read to their end by final readers, and not deleted. */
export function finalLogs(prepared: Prepared): ReadonlyMap<Key, FinalLog> {
  const finals = new Map<Key, FinalLog>();
  const finalReads = prepared.reads.filter(({ isFinal, isOk }) => isFinal && isOk);
  const bounds = callsOf(prepared, "list-offsets").filter(({ type }) => type === "ok");
  const skips = callsOf(prepared, "skip").map(({ operation }) => operation);
  const readByKey = Map.groupBy(finalReads, ({ key }) => key);
  const finalKeys = new Set(
    callsOf(prepared, "poll").flatMap(({ operation, type }) =>
      operation.isFinal && type === "ok" ? operation.value.map(({ key }) => key) : [],
    ),
  );
  for (const key of finalKeys) {
    const rules = prepared.keys.get(key);
    if (rules === undefined || rules.deleteInvoked !== never) continue;
    const reads = readByKey.get(key) ?? [];
    const last = bounds.flatMap(({ operation }) => operation.value).findLast((bound) => bound.key === key);
    finals.set(key, {
      rules,
      valueAt: new Map(reads.map(({ offset, value }) => [offset, value])),
      values: new Set(reads.map(({ value }) => value)),
      logStart: last?.logStart ?? 0,
      highWatermark: last?.highWatermark ?? undefined,
      damaged: skips.filter((skip) => skip.key === key).map((skip) => ({ from: skip.damagedFrom, to: skip.resumeAt })),
    });
  }
  return finals;
}

/**
 * lost-write by Jepsen's bound: below the last value that was read from the start on, everything that was stored must have been read. Where
 * a death may undo what was read, its offset may be another value's afterwards: who has read there goes on behind it.
 */
export function checkLostWrites(prepared: Prepared, versions: Versions, report: Report): void {
  const finals = finalLogs(prepared);
  const skips = callsOf(prepared, "skip");
  const readOk = new Set(prepared.reads.filter(({ isOk }) => isOk).map(({ value }) => value));
  const fromStart = prepared.consumers.filter(({ from }) => from.kind === "earliest").flatMap(({ reads }) => reads);
  const fromStartByKey = Map.groupBy(fromStart, ({ key }) => key);
  for (const [key, version] of versions.settled) {
    let bound = -1;
    for (const read of fromStartByKey.get(key) ?? []) if (read.isOk) bound = Math.max(bound, version.index(read.value) ?? -1);
    const log = finals.get(key);
    const asked = askedStart(prepared, key);
    const mayBeUndone = prepared.keys.get(key)?.isAlwaysDurable !== true;
    const passed = new Set((fromStartByKey.get(key) ?? []).map(({ offset }) => offset));
    const damaged = skips.filter(({ operation }) => operation.key === key).map(({ operation }) => operation);
    for (const [value, offsets] of version.values) {
      const isBelow = (version.index(value) ?? never) <= bound;
      const send = prepared.sends.get(value);
      if (!isBelow || readOk.has(value) || send?.outcome !== "ok" || send.key !== key) continue;
      if (mayBeUndone && [...offsets].every((offset) => passed.has(offset))) continue;
      if (damaged.some(({ damagedFrom, resumeAt }) => [...offsets].some((offset) => offset >= damagedFrom && offset < resumeAt))) continue;
      if (log !== undefined && [...offsets].some((offset) => isExcused(log, offset))) continue;
      if (log === undefined && (prepared.keys.get(key)?.isRetained !== false || [...offsets].some((offset) => offset < asked))) continue;
      report("lost-write", key, `value ${value} at ${[...offsets].join(" and ")} was never read`);
    }
  }
}

/** unseen, lost-consumed, hole-below-acked and final-gap: what the final readers must have found. */
export function checkFinalLogs(prepared: Prepared, report: Report): void {
  const sendsByKey = Map.groupBy(prepared.sends.values(), ({ key }) => key);
  const readsByKey = Map.groupBy(prepared.reads, ({ key }) => key);
  for (const [key, log] of finalLogs(prepared)) {
    const acked = (sendsByKey.get(key) ?? []).filter(({ outcome }) => outcome === "ok");
    const lost: SentValue[] = [];
    for (const send of acked) {
      if (log.values.has(send.value) || (send.offset !== null && isExcused(log, send.offset))) continue;
      if (send.offset === null && (log.rules.isRetained || log.logStart > 0)) continue;
      if (prepared.happened(send.undoneBy, send.invoked, never)) lost.push(send);
      else report("unseen", key, `value ${send.value}, acknowledged at ${send.offset} with acks=${send.acks}, is not in the log`);
    }
    checkHoles(prepared, log, acked, lost, report);
    for (const read of readsByKey.get(key) ?? []) {
      if (log.values.has(read.value) || isExcused(log, read.offset)) continue;
      if (!prepared.happened(read.undoneBy, read.invoked, never)) {
        report("lost-consumed", key, `value ${read.value}, read at ${read.offset}, is not in the log any more`);
      }
    }
    checkGaps(key, log, report);
  }
}

/**
 * A death takes an end of the log and nothing from its middle. What came later counts as there at its own offset alone: a send
 * that was tried again may have stored its value before what is gone as well.
 */
function checkHoles(prepared: Prepared, log: FinalLog, acked: readonly SentValue[], lost: readonly SentValue[], report: Report): void {
  for (const gone of lost) {
    if (gone.offset === null) continue;
    const later = acked.find(
      ({ offset, value, completed }) =>
        offset !== null &&
        offset > (gone.offset as number) &&
        log.valueAt.get(offset) === value &&
        !prepared.happened(gone.undoneBy, gone.invoked, completed),
    );
    if (later === undefined) continue;
    report("hole-below-acked", gone.key, `value ${gone.value} at ${gone.offset} is gone, value ${later.value} at ${later.offset} is there`);
  }
}

function checkGaps(key: Key, log: FinalLog, report: Report): void {
  if (log.highWatermark === undefined) return;
  for (let offset = log.logStart; offset < log.highWatermark; offset++) {
    if (log.valueAt.has(offset) || isExcused(log, offset)) continue;
    report("final-gap", key, `offset ${offset} of [${log.logStart}, ${log.highWatermark}) was not read at the end`);
    return;
  }
}

function isExcused(log: FinalLog, offset: number): boolean {
  return offset < log.logStart || log.damaged.some(({ from, to }) => offset >= from && offset < to);
}
