// `varve topic desc`: a topic's partitions with their offsets, and its settings.

import type { PartitionDescription, PartitionOffset } from "@varve/client";
import { withCluster } from "../cluster.ts";
import type { Invocation } from "../command.ts";
import type { bootstrapFlags, formatFlags, timeoutFlags } from "../flag-tables.ts";
import { grouped, table } from "../table.ts";

export async function run(invocation: Invocation<typeof formatFlags & typeof bootstrapFlags & typeof timeoutFlags>): Promise<number> {
  const { args, flags, output, signal } = invocation;
  const name = args[0]!;
  const topic = await withCluster(invocation, async ({ admin }) => {
    const { topicId, partitions } = await admin.describeTopic(name, { signal });
    const [settings, starts, ends] = await Promise.all([
      admin.describeConfigs(name, { signal }),
      admin.listOffsets(name, "earliest", { signal }),
      admin.listOffsets(name, "latest", { signal }),
    ]);
    return {
      name,
      topicId,
      partitions: partitions.map((partition) => described(partition, starts, ends)),
      settings: settings.map(({ key, value, isSet, defaultValue, about }) => ({ key, value, isSet, default: defaultValue, about })),
    };
  });
  if (flags.format === "json") {
    output.json(topic);
    return 0;
  }
  const records = topic.partitions.reduce((sum, { start, end }) => sum + (end ?? 0) - (start ?? 0), 0);
  output.print(`${name}  id ${topic.topicId}, ${topic.partitions.length} partitions, ${grouped(records)} offsets in use\n`);
  const rows = topic.partitions.map(({ partition, leader, leaderEpoch, replicas, inSyncReplicas, start, end }) => {
    return [partition, leader ?? "none", leaderEpoch, replicas.join(","), inSyncReplicas.join(","), start ?? "?", end ?? "?"];
  });
  output.print(table(["PARTITION", "LEADER", "EPOCH", "REPLICAS", "IN SYNC", "START", "END"], rows));
  const settings = topic.settings.map(({ key, value, isSet, default: preset }) => [key, value, isSet ? "set" : "default", preset]);
  output.print(`\n${table(["SETTING", "VALUE", "FROM", "DEFAULT"], settings)}`);
  return 0;
}

interface DescribedPartition extends PartitionDescription {
  /** Of the first record, and behind the last committed one. */
  readonly start: number | undefined;
  readonly end: number | undefined;
}

function described(
  partition: PartitionDescription,
  starts: readonly PartitionOffset[],
  ends: readonly PartitionOffset[],
): DescribedPartition {
  const at = (offsets: readonly PartitionOffset[]) => offsets.find((entry) => entry.partition === partition.partition)?.offset;
  return { ...partition, start: at(starts), end: at(ends) };
}
