// What can be wrong with a data-path request before anyone looks at its topics.

import type { Failure, PartitionId } from "@varve/model";

export function invalid(message: string): Failure {
  return { code: "INVALID_REQUEST", message };
}

/** The fault of a request that names a partition twice, if it does. */
export function repeatedPartition(entries: readonly { readonly id: PartitionId }[]): Failure | undefined {
  if (entries.length < 2) return undefined;
  const seen = new Set<string>();
  for (const { id } of entries) {
    const key = `${id.topicId}-${id.partition}`;
    if (seen.has(key)) return invalid(`partition ${key} is named twice`);
    seen.add(key);
  }
  return undefined;
}
