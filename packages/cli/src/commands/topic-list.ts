// `varve topic ls`: the topics of a cluster.

import { withCluster } from "../cluster.ts";
import type { Invocation } from "../command.ts";
import type { bootstrapFlags, formatFlags, timeoutFlags } from "../flag-tables.ts";
import { table } from "../table.ts";

export async function run(invocation: Invocation<typeof formatFlags & typeof bootstrapFlags & typeof timeoutFlags>): Promise<number> {
  const { flags, output, say, signal } = invocation;
  const topics = await withCluster(invocation, ({ admin }) => admin.listTopics({ signal }));
  const rows = topics.map(({ name, topicId, partitionCount: partitions, replicationFactor }) => ({
    name,
    topicId,
    partitions,
    replicationFactor,
  }));
  if (flags.format === "json") output.json(rows);
  else if (rows.length === 0) say("no topics; `varve topic create NAME` makes one");
  else
    output.print(
      table(
        ["TOPIC", "PARTITIONS", "REPLICAS", "ID"],
        rows.map((row) => [row.name, row.partitions, row.replicationFactor, row.topicId]),
      ),
    );
  return 0;
}
