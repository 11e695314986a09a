// Many records to bytes without holding the loop.

import type { MetadataRecord } from "@varve/metadata";
import { RecordListWriter } from "@varve/metadata";
import type { Clock } from "@varve/runtime";
import { stepBudgetMs, turn } from "@varve/runtime";

/** Records between two looks at the clock. */
const recordsPerLook = 64;

/** @returns lists of records (`decodeRecords`), each but the last of at least `partBytesMin`; one at least, which may be empty. */
export async function encodeInSteps(records: Iterable<MetadataRecord>, partBytesMin: number, clock: Clock): Promise<readonly Uint8Array[]> {
  const writer = new RecordListWriter();
  const parts: Uint8Array[] = [];
  let stepEndMs = clock.monotonicMs() + stepBudgetMs;
  let count = 0;
  for (const record of records) {
    writer.add(record);
    if (writer.byteLength >= partBytesMin) parts.push(writer.take());
    count += 1;
    if (count % recordsPerLook !== 0 || clock.monotonicMs() < stepEndMs) continue;
    await turn(clock);
    stepEndMs = clock.monotonicMs() + stepBudgetMs;
  }
  if (writer.byteLength > 0 || parts.length === 0) parts.push(writer.take());
  return parts;
}
