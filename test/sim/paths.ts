// Every fault that can be done and every way that leads back from one, by the counter that it leaves: a batch of seeds in which one of them
// never happened has shown nothing about it.

import { faultKinds } from "./faults/kinds.ts";

/** A path, and when it has been taken: once one of its counters was raised. */
const recoveryPaths: Readonly<Record<string, RegExp>> = {
  "start after a clean stop": /^server\.started-clean$/,
  "start after a death": /^server\.recovered$/,
  "exit because the disk failed": /^server\.exit\.diskFailed$/,
};

/** Names of the paths that `counts` does not show. */
export function missingPaths(counts: ReadonlyMap<string, number>): readonly string[] {
  const kinds = [...counts.keys()];
  const faults = faultKinds.filter((kind) => !counts.has(`fault.${kind}`)).map((kind) => `fault.${kind}`);
  const paths = Object.entries(recoveryPaths)
    .filter(([, pattern]) => !kinds.some((kind) => pattern.test(kind)))
    .map(([name]) => name);
  return [...faults, ...paths];
}
