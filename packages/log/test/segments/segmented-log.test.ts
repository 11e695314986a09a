// Shows what one log on one disk does: it grows, rolls, is read from memory and disk, is cut, and opens again as it was.

import { toOffset } from "@varve/model";
import { expect, test } from "vitest";
import { createSegmentedLog, openSegmentedLog } from "../../src/segments/segmented-log.ts";
import { basesOf, batchAt, contextOf, endOf, folder, joined, machine, readAll, topicConfig, watchReads } from "./harness.ts";

const small = topicConfig({ "segment.bytes": 4096, "index.interval.bytes": 200 });
const zero = toOffset(0);

/** Appends batches of 1, 2, 3, 1, 2, 3, … records from `from` on; rolls when it must. */
async function fill(log: Awaited<ReturnType<typeof createSegmentedLog>>, count: number): Promise<readonly Uint8Array[]> {
  const batches: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const batch = batchAt(log.logEnd, { records: 1 + (index % 3), valueBytes: 100 });
    if (log.mustRoll(batch.length, 0)) await log.roll();
    log.appendStamped(batch);
    batches.push(batch.slice());
  }
  return batches;
}

test("what was appended over many segments is read back, byte for byte, from memory and from the disk", async () => {
  const { run, disk } = machine();
  await run(async (ports) => {
    await ports.disk.makeFolder(folder);
    for (const tailBytesMax of [0, 3_000, 1_000_000]) {
      const context = contextOf(ports, { tailBytesMax });
      await ports.disk.makeFolder(`${folder}/${tailBytesMax}`);
      const log = await createSegmentedLog(context, `${folder}/${tailBytesMax}`, small, zero);
      const batches = await fill(log, 100);
      expect(log.logEnd).toBe(endOf(batches.at(-1)!));
      expect(log.byteLength).toBe(joined(batches).length);
      expect(joined(await readAll(log, 0, log.logEnd))).toEqual(joined(batches));
      await log.close();
    }
  });
  expect(
    disk
      .folder(`${folder}/0`)
      .names()
      .filter((name) => name.endsWith(".log")).length,
  ).toBeGreaterThan(5);
});

test("a log that was closed opens with all that it held, and reads no content for it", async () => {
  const { run } = machine();
  const kept: Uint8Array[] = [];
  await run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports), folder, small, zero);
    kept.push(...(await fill(log, 100)));
    await log.close();
  });
  const reads: string[] = [];
  await run(async (ports) => {
    const watched = { ...ports, disk: watchReads(ports.disk, (path) => reads.push(path)) };
    const log = await openSegmentedLog(contextOf(watched), folder, small, { kind: "all" }, zero);
    expect(reads.filter((path) => path.endsWith(".log"))).toEqual([]);
    expect(log.logEnd).toBe(endOf(kept.at(-1)!));
    expect(log.latestEpoch).toEqual({ epoch: 0, startOffset: 0 });
    expect(joined(await readAll(log, 0, log.logEnd))).toEqual(joined(kept));
    expect(basesOf(await log.read(toOffset(8), 1, log.logEnd))).toEqual([7]);
  });
});
