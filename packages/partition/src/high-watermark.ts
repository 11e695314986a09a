// How far a partition is committed: arithmetic over the ends that its in-sync replicas have reported.

import { invariant, type Offset } from "@varve/model";

/**
 * The first offset that some replica of the set has not secured yet. Consumers read below it, never at it.
 *
 * @param securedEnds next unsecured offset of each member of the maximal in-sync set, in any order; at least one. Secured is synced under
 *   `durability=fsync`, appended under `durability=replicated`.
 * @returns the smallest of them. O(replicas).
 * Source: correctness.md, P5 and KIP-320 rule 3.
 */
export function leastSecuredEnd(securedEnds: readonly Offset[]): Offset {
  invariant(securedEnds.length > 0, "a high watermark needs at least one in-sync replica");
  let least = securedEnds[0]!;
  for (const end of securedEnds) if (end < least) least = end;
  return least;
}

/** `min.insync.replicas`, as far as the partition has so many replicas at all. Source: kafka-protocol.md 3.6. */
export function effectiveMinInSync(minInSyncReplicas: number, replicaCount: number): number {
  return Math.min(minInSyncReplicas, replicaCount);
}
