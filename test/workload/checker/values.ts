// Checks of single values: one value per offset, one offset per value, nothing read that was not sent, nothing back that was deleted.

import type { Key } from "../history.ts";
import type { Report } from "./anomaly.ts";
import { callsOf, type Prepared, type ReadValue, type SentValue } from "./prepare.ts";
import type { Versions } from "./versions.ts";

/** inconsistent-offsets and duplicate. */
export function checkOffsets(prepared: Prepared, versions: Versions, report: Report): void {
  const all = [...[...versions.settled].map(([key, version]) => ({ key, version })), ...versions.passing];
  for (const { key, version } of all) {
    for (const [offset, values] of version.offsets) {
      if (values.size > 1) report("inconsistent-offsets", key, `offset ${offset} holds ${[...values].join(" and ")}`);
    }
    for (const [value, offsets] of version.values) {
      const isOnce = prepared.sends.get(value)?.isIdempotent ?? true;
      if (offsets.size > 1 && isOnce) report("duplicate", key, `value ${value} stands at ${[...offsets].join(" and ")}`);
    }
  }
}

/** G1a, unexpected-read and resurrected. */
export function checkReads(prepared: Prepared, report: Report): void {
  const readIn = new Map<number, Set<Key>>();
  for (const { key, value } of prepared.reads) readIn.set(value, (readIn.get(value) ?? new Set()).add(key));
  const deletions = Map.groupBy(
    callsOf(prepared, "delete-records").filter(({ type }) => type === "ok"),
    ({ operation }) => operation.key,
  );
  for (const read of prepared.reads) {
    const { key, value, offset } = read;
    const send = prepared.sends.get(value);
    if (send === undefined || !mayHold(prepared, key, send)) {
      report(
        "unexpected-read",
        key,
        `value ${value} at ${offset}, which ${send === undefined ? "nobody sent" : `was sent to key ${send.key}`}`,
      );
      continue;
    }
    if (send.outcome === "fail") report("G1a", key, `value ${value} at ${offset}, whose send failed`);
    checkDeleted(prepared, read, report);
    if (send.key !== key && isSameOrSuccessor(prepared, key, send.key)) {
      const before = prepared.keys.get(send.key);
      const settledBefore = send.completed < (before?.deleteInvoked ?? 0);
      // One that may be stored twice may be stored in both, as long as its producer was still trying.
      const wasThere = send.isIdempotent && readIn.get(value)?.has(send.key) === true;
      if (wasThere || settledBefore) report("resurrected", key, `value ${value} of the deleted key ${send.key} at ${offset}`);
    }
    for (const { operation, completed } of deletions.get(key) ?? []) {
      if (operation.logStart === null || completed > read.invoked || offset >= operation.logStart) continue;
      report("resurrected", key, `value ${value} at ${offset}, after everything below ${operation.logStart} was deleted`);
    }
  }
}

function checkDeleted(prepared: Prepared, { key, value, offset, invoked }: ReadValue, report: Report): void {
  const deleted = prepared.keys.get(key)?.deleted ?? Number.POSITIVE_INFINITY;
  if (invoked > deleted) report("resurrected", key, `value ${value} at ${offset}, after its topic was deleted`);
}

function mayHold(prepared: Prepared, key: Key, send: SentValue): boolean {
  if (isSameOrSuccessor(prepared, key, send.key)) return true;
  const isOpen = send.isPlaced === true && send.outcome !== "ok";
  return isOpen && prepared.keys.get(key)?.topic === prepared.keys.get(send.key)?.topic;
}

function isSameOrSuccessor(prepared: Prepared, key: Key, sentTo: Key): boolean {
  for (let at: Key | null = key; at !== null; at = prepared.keys.get(at)?.predecessor ?? null) if (at === sentTo) return true;
  return false;
}
