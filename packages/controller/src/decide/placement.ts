// Which brokers hold a partition: round-robin, so that leaders are spread evenly; followers at a distance that grows with each round, so
// that the partitions of a broker that fails are led by all others in equal parts. Source: the rule of Kafka's AdminUtils.

import type { NodeId } from "@varve/model";
import { invariant } from "@varve/model";

/**
 * @param brokers rising ids; at least `replicationFactor` of them.
 * @param first index in `brokers` of the leader of partition 0.
 * @returns for partitions `from` to `to` - 1 the replicas, the leader first.
 */
export function place(
  brokers: readonly NodeId[],
  first: number,
  from: number,
  to: number,
  replicationFactor: number,
): readonly (readonly NodeId[])[] {
  invariant(replicationFactor >= 1 && replicationFactor <= brokers.length, `${replicationFactor} replicas on ${brokers.length} brokers`);
  const placed: (readonly NodeId[])[] = [];
  for (let partition = from; partition < to; partition += 1) {
    const leader = (first + partition) % brokers.length;
    const round = Math.floor(partition / brokers.length);
    const replicas = [brokers[leader]!];
    for (let follower = 0; follower < replicationFactor - 1; follower += 1) {
      const distance = 1 + ((round + follower) % (brokers.length - 1));
      replicas.push(brokers[(leader + distance) % brokers.length]!);
    }
    placed.push(replicas);
  }
  return placed;
}
