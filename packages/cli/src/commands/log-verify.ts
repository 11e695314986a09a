// `varve log verify`: whether segment files are whole. A torn tail of the newest segment is told, but is no damage.

import type { Invocation } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import type { formatFlags } from "../flag-tables.ts";
import { checkSegments, type SegmentSummary } from "../segment-check.ts";
import { findSegments } from "../segment-files.ts";
import { table } from "../table.ts";

export async function run({ args, flags, output, say, signal }: Invocation<typeof formatFlags>): Promise<number> {
  const path = args[0]!;
  const { segments, problems, tornTail } = await checkSegments(await findSegments(path), signal);
  if (flags.format === "json") output.json({ path, segments, problems, tornTail: tornTail ?? null });
  else {
    output.print(table(["SEGMENT", "BATCHES", "RECORDS", "FIRST", "LAST", "BYTES", "INDEX", "TIME INDEX"], segments.map(cells)));
    for (const { file, position, message } of problems) output.print(`DAMAGED  ${file} at byte ${position}: ${message}`);
    if (tornTail !== undefined) output.print(`torn     ${tornTail.file}: ${tornTail.message}; the next start of its server cuts it off`);
  }
  if (problems.length === 0) {
    if (flags.format === "text") output.print(tornTail === undefined ? "whole" : "whole up to there");
    return exitCodes.ok.code;
  }
  say(`varve: ${problems.length} ${problems.length === 1 ? "problem" : "problems"} in ${path}; docs/operations.md says what to do`);
  return exitCodes.failed.code;
}

function cells(segment: SegmentSummary): readonly (string | number)[] {
  const { file, batches, records, firstOffset, lastOffset, bytes, indexEntries, timeIndexEntries } = segment;
  return [file, batches, records, firstOffset ?? "-", lastOffset ?? "-", bytes, indexEntries, timeIndexEntries];
}
