// `varve topic rm`: deletes topics. Without --yes it says what would go and ends with the code of a condition that was not met.

import type { Outcome, TopicDescription } from "@varve/client";
import { withCluster } from "../cluster.ts";
import type { Invocation } from "../command.ts";
import { exitCodes, exitOf } from "../exit-codes.ts";
import type { bootstrapFlags, formatFlags, timeoutFlags, topicRemoveFlags } from "../flag-tables.ts";

type Flags = typeof formatFlags & typeof bootstrapFlags & typeof timeoutFlags & typeof topicRemoveFlags;

interface Result {
  readonly name: string;
  readonly topicId?: string;
  readonly deleted: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

export async function run(invocation: Invocation<Flags>): Promise<number> {
  const { args, flags, output, say, signal } = invocation;
  const isMeant = flags.yes && !flags["dry-run"];
  const names = [...new Set(args)];
  const outcomes: readonly Outcome<Pick<TopicDescription, "name" | "topicId">>[] = await withCluster(invocation, ({ admin }) =>
    isMeant ? admin.deleteTopics(names, { signal }) : admin.describeTopics(names, { signal }),
  );
  const results = outcomes.map((outcome, at): Result => {
    if (outcome.kind === "ok") return { name: names[at]!, topicId: outcome.value.topicId, deleted: isMeant };
    return { name: names[at]!, deleted: false, error: outcome.failure };
  });
  if (flags.format === "json") output.json(results);
  else for (const result of results) output.print(lineOf(result));
  const failed = outcomes.flatMap((outcome) => (outcome.kind === "failed" ? [outcome.failure] : []));
  if (failed.length > 0) return failed.length < outcomes.length ? exitCodes.partial.code : exitCodes[exitOf(failed[0]!.code)].code;
  if (isMeant || flags["dry-run"]) return exitCodes.ok.code;
  say("varve: nothing was deleted; add --yes to delete");
  return exitCodes.conditionNotMet.code;
}

function lineOf({ name, topicId, deleted, error }: Result): string {
  if (error !== undefined) return `${name}: ${error.message} (${error.code})`;
  return `${name} ${deleted ? "deleted" : "would be deleted with all its records"} (id ${topicId})`;
}
