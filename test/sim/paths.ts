// Every fault that can be done and every way that leads back from one, by the counter that it leaves: a batch of seeds in which one of them
// never happened has shown nothing about it.

import { faultKinds } from "./faults/kinds.ts";

/** What disks and networks do by themselves, or because of a deed. */
const worldFaults: readonly string[] = [
  ...["power-cut", "dropped", "torn", "reordered", "entry-dropped", "done-after-death", "full", "stall", "stall-all", "slowed"],
  ...["sync-failed", "bit-flip", "bit-flip-derived", "bad-sector", "misdirected", "stopped", "too-many-files"],
]
  .map((fault) => `disk.fault.${fault}`)
  .concat(
    ["lost", "cut-off", "duplicated", "repeat-discarded", "reordered", "refused", "break-heard", "break-silent"].map(
      (fault) => `network.fault.${fault}`,
    ),
    [
      "network.clog",
      "network.resent",
      "network.keepalive-lost",
      "disk.death.process",
      "disk.death.power",
      "machine.pause",
      "clock.fault.jump",
      "clock.fault.rate",
    ],
  );

/** A way back, and the counters that show that it was taken: any of them. */
const recoveryPaths: Readonly<Record<string, RegExp>> = {
  "start after a clean stop": /^server\.started-clean$/,
  "start after a death": /^server\.recovered$/,
  "start that failed for want of space": /^server\.start-failed\.no-space$/,
  "start that failed because the disk did": /^server\.start-failed\.io$/,
  "exit because the disk failed": /^server\.exit\.diskFailed$/,
  "torn tail that was cut": /^log: cut a torn tail$/,
  "deleted partition whose rest was removed": /^log: removed what was left of a deleted partition$/,
  "index that was rebuilt": /^log: an index is rebuilt from its segment$/,
  "writes refused before the disk is full": /^log: the disk is nearly full/,
  "writes taken again": /^log: there is room on the disk again/,
  "round that synced segments instead of the journal": /^metric\.varve_journal_direct_rounds_total$/,
  "append that waited for room in the journal": /^metric\.varve_journal_waits_total$/,
  "reader that was told of damage": /^reader\.damaged$/,
  "reader out of range": /^reader\.OFFSET_OUT_OF_RANGE$/,
  "reader of a topic that was made again": /^reader\.UNKNOWN_TOPIC_ID$/,
  "send without an answer in time": /^send\.info\.REQUEST_TIMED_OUT$/,
  "sequence that the log has lost": /^send\.(fail|info)\.OUT_OF_ORDER_SEQUENCE_NUMBER$/,
};

/** How often each fault was done and each way was taken. @param counts by the counter's name. */
export function pathCounts(counts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const faults = [...faultKinds.map((kind) => `fault.${kind}`), ...worldFaults].map((name) => [name, counts.get(name) ?? 0] as const);
  const paths = Object.entries(recoveryPaths).map(([name, pattern]) => {
    const taken = [...counts].filter(([kind]) => pattern.test(kind));
    return [name, taken.reduce((sum, [, count]) => sum + count, 0)] as const;
  });
  return new Map([...faults, ...paths]);
}

/** Names of the paths that `counts` does not show. */
export function missingPaths(counts: ReadonlyMap<string, number>): readonly string[] {
  return [...pathCounts(counts)].filter(([, count]) => count === 0).map(([name]) => name);
}
