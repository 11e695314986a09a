// `varve topic create`: one topic, with its settings.

import { ClusterError } from "@varve/client";
import { withCluster } from "../cluster.ts";
import { type Invocation, UsageError } from "../command.ts";
import type { bootstrapFlags, formatFlags, timeoutFlags, topicCreateFlags } from "../flag-tables.ts";

type Flags = typeof formatFlags & typeof bootstrapFlags & typeof timeoutFlags & typeof topicCreateFlags;

export async function run(invocation: Invocation<Flags>): Promise<number> {
  const { args, flags, output, signal } = invocation;
  const name = args[0]!;
  const spec = { name, partitions: flags.partitions, replicationFactor: flags["replication-factor"], config: settings(flags.config) };
  const isDryRun = flags["dry-run"];
  const made = await withCluster(invocation, async ({ admin }) => {
    try {
      return { created: !isDryRun, ...(await admin.createTopic(spec, { validateOnly: isDryRun, signal })) };
    } catch (error) {
      const isThere = error instanceof ClusterError && error.code === "TOPIC_ALREADY_EXISTS";
      if (!isThere || !flags["if-not-exists"]) throw error;
      const { topicId, partitions } = await admin.describeTopic(name, { signal });
      return { created: false, name, topicId, partitionCount: partitions.length, replicationFactor: partitions[0]?.replicas.length ?? 0 };
    }
  });
  const { created, topicId, partitionCount, replicationFactor } = made;
  if (flags.format === "json") output.json({ name, created, topicId, partitions: partitionCount, replicationFactor });
  else {
    const what = created ? "created" : isDryRun ? "could be created" : "is there already";
    output.print(
      `${name} ${what}: ${partitionCount} ${partitionCount === 1 ? "partition" : "partitions"}, ${replicationFactor} ${replicationFactor === 1 ? "replica" : "replicas"} each, id ${topicId}`,
    );
  }
  return 0;
}

/** @throws {UsageError} */
function settings(pairs: readonly string[]): Readonly<Record<string, string>> {
  const strange = pairs.filter((pair) => !/^[^=]+=/.test(pair));
  if (strange.length > 0) throw new UsageError(strange.map((pair) => `--config is key=value, as in retention.ms=7d, not "${pair}"`));
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}
