// A topic's configuration as a client gives it: all problems in one answer, and texts in one form for one value.

import { ClusterError, parseTopicConfig, printValue } from "@varve/model";
import { listedProblemsMax } from "../limits.ts";

/**
 * @returns keys and the text of each value as `printValue` prints it ("64MiB" becomes "67108864").
 * @throws {ClusterError} INVALID_CONFIG with every problem of `texts`, after those in `problems`.
 */
export function checkTopicConfig(
  topicName: string,
  texts: ReadonlyMap<string, string>,
  problems: readonly string[] = [],
): readonly (readonly [key: string, value: string])[] {
  const parsed = parseTopicConfig(texts);
  const all = "problems" in parsed ? [...problems, ...parsed.problems] : problems;
  if (all.length > 0) {
    const rest = all.length - listedProblemsMax;
    const listed = all.slice(0, listedProblemsMax).join("; ");
    throw new ClusterError("INVALID_CONFIG", `${topicName}: ${listed}${rest > 0 ? `; and ${rest} more` : ""}`);
  }
  return "values" in parsed ? Object.entries(parsed.values).map(([key, value]) => [key, printValue(value)]) : [];
}
