// Checks of where a consumer begins to read, against where it was told to: earliest, latest, an offset, a time.

import type { Key, OperationOf } from "../history.ts";
import type { Report } from "./anomaly.ts";
import { askedStart, type Bound, boundsOf } from "./bounds.ts";
import { type Consumer, callsOf, type Prepared, type ReadValue, type SentValue } from "./prepare.ts";

/** wrong-start: of the first value that each consumer read of each key. */
export function checkStarts(prepared: Prepared, report: Report): void {
  const boundsByKey = Map.groupBy(boundsOf(prepared), ({ key }) => key);
  const damage = callsOf(prepared, "skip").map(({ operation }) => operation);
  const ackedByKey = Map.groupBy(
    [...prepared.sends.values()].filter((send) => send.outcome === "ok" && send.acks === "all" && isReadable(damage, send)),
    ({ key }) => key,
  );
  for (const consumer of prepared.consumers) {
    for (const key of consumer.keys) {
      const first = consumer.reads.find((read) => read.key === key);
      if (first === undefined || consumer.skips.some((skip) => skip.key === key && skip.resumeAt === first.offset)) continue;
      const problem = problemOf(
        prepared,
        consumer,
        first,
        boundsByKey.get(key) ?? [],
        settledBefore(prepared, ackedByKey, key, consumer, first),
      );
      if (problem === undefined) continue;
      report(
        "wrong-start",
        key,
        `told to begin at ${JSON.stringify(consumer.from)}, began with ${first.value} at ${first.offset}: ${problem}`,
      );
    }
  }
}

/** Whether a value stands at an offset that is known, and that no reader has found damaged: a search by time cannot see the others. */
function isReadable(damage: readonly OperationOf<"skip">[], { key, offset }: SentValue): boolean {
  if (offset === null) return false;
  return !damage.some((skip) => skip.key === key && offset >= skip.damagedFrom && offset < skip.resumeAt);
}

/** What was acknowledged before the consumer began, and cannot have been lost since. */
function settledBefore(
  prepared: Prepared,
  ackedByKey: ReadonlyMap<Key, readonly SentValue[]>,
  key: Key,
  { invoked }: Consumer,
  { completed }: ReadValue,
): readonly SentValue[] {
  const acked = ackedByKey.get(key) ?? [];
  return acked.filter((send) => send.completed < invoked && !prepared.happened(send.undoneBy, send.invoked, completed));
}

function problemOf(
  prepared: Prepared,
  { from, invoked }: Consumer,
  first: ReadValue,
  bounds: readonly Bound[],
  acked: readonly SentValue[],
): string | undefined {
  if (from.kind === "offset") return first.offset === from.offset ? undefined : "another offset";
  const startBefore = Math.max(0, ...bounds.filter(({ completed }) => completed < invoked).map(({ logStart }) => logStart ?? 0));
  if (first.offset < startBefore) return `the log started at ${startBefore} already`;
  const startAfter = bounds.find((bound) => bound.invoked > first.completed && bound.logStart !== null)?.logStart ?? undefined;
  if (from.kind === "earliest") {
    return startAfter !== undefined && first.offset > startAfter ? `the log started at ${startAfter} even later` : undefined;
  }
  if (from.kind === "latest") {
    const passed = acked.find(({ offset }) => (offset as number) >= first.offset);
    return passed === undefined ? undefined : `${passed.offset} had been acknowledged before`;
  }
  const { timestampMs } = from;
  // Where nobody asked for the log start later, it may have been anywhere up to what was asked to be deleted.
  const keyStart =
    startAfter ?? (prepared.keys.get(first.key)?.isRetained === false ? askedStart(prepared, first.key) : Number.POSITIVE_INFINITY);
  const found = acked.filter(
    (send) => (send.timestampMs ?? Number.NEGATIVE_INFINITY) >= timestampMs && (send.offset as number) >= keyStart,
  );
  if (found.length === 0) return undefined;
  const passed = found.find(({ offset }) => (offset as number) < first.offset);
  if (passed !== undefined) return `value ${passed.value} at ${passed.offset} bears the time ${passed.timestampMs}`;
  const time = prepared.sends.get(first.value)?.timestampMs;
  return time !== undefined && time < timestampMs ? `it bears the time ${time}` : undefined;
}
