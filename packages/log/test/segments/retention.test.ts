// Shows how a log loses its oldest segments by age and size, how it is emptied, and how the scrub goes through it.

import { toOffset } from "@varve/model";
import type { DiskOnly } from "@varve/sim";
import { expect, test } from "vitest";
import { createSegmentedLog, openSegmentedLog, type SegmentedLog } from "../../src/segments/segmented-log.ts";
import { basesOf, batchAt, contextOf, fill, folder, joined, logFiles, machine, readAll, topicConfig, withLog } from "./harness.ts";

const zero = toOffset(0);
const startMs = 1_700_000_000_000;

test("retention by age takes whole segments from the front, below the high watermark, never the active one", async () => {
  const config = topicConfig({ "retention.ms": 1_000, "segment.bytes": 4_096 });
  const use = async (log: SegmentedLog, world: DiskOnly) => {
    // Segments of two: newest records at +10, +500, +300 and +900 ms.
    for (const [base, ms] of [0, 10, 500, 20, 300, 0, 900, 0].entries()) {
      if (base > 0 && base % 2 === 0) await log.roll();
      log.appendStamped(batchAt(base, { timestampMs: startMs + ms }));
    }
    expect(await log.retentionStart(startMs + 1_010, toOffset(8))).toBeUndefined();
    expect(await log.retentionStart(startMs + 1_011, toOffset(8))).toBe(2);
    // The third is old enough before the second is; the front decides.
    expect(await log.retentionStart(startMs + 1_400, toOffset(8))).toBe(2);
    expect(await log.retentionStart(startMs + 1_501, toOffset(8))).toBe(6);
    expect(await log.retentionStart(startMs + 9_000_000, toOffset(8))).toBe(6);
    expect(await log.retentionStart(startMs + 9_000_000, toOffset(3))).toBe(2);
    log.raiseStart(toOffset(5));
    expect(await log.deleteBelowStart()).toBe(2);
    expect(logFiles(world)).toEqual([4, 6]);
    expect(log.logStart).toBe(5);
    log.configure(topicConfig({ "cleanup.policy": [] }));
    expect(await log.retentionStart(startMs + 9_000_000, toOffset(8))).toBeUndefined();
  };
  await withLog(use, config);
});

test("retention by size takes segments as long as the rest is no smaller than the bound", async () => {
  const size = batchAt(0).length;
  const use = async (log: SegmentedLog) => {
    for (let base = 0; base < 5; base++) {
      if (base > 0) await log.roll();
      log.appendStamped(batchAt(base));
    }
    expect(log.byteLength).toBe(5 * size);
    expect(await log.retentionStart(0, toOffset(5))).toBe(2);
    log.configure(topicConfig({ "retention.bytes": 3 * size + 1, "retention.ms": -1 }));
    expect(await log.retentionStart(0, toOffset(5))).toBe(1);
    log.configure(topicConfig({ "retention.bytes": 5 * size, "retention.ms": -1 }));
    expect(await log.retentionStart(0, toOffset(5))).toBeUndefined();
    log.configure(topicConfig({ "retention.bytes": 0, "retention.ms": -1 }));
    expect(await log.retentionStart(0, toOffset(5))).toBe(4);
    // A roll whose append never came; seed 332 of the simulation.
    await log.roll();
    expect(await log.retentionStart(0, toOffset(5))).toBe(4);
  };
  await withLog(use, topicConfig({ "retention.bytes": 3 * size, "retention.ms": -1 }));
});

test("a time index that claims a segment to be older than it is deletes nothing", async () => {
  const world = machine();
  const config = topicConfig({ "retention.ms": 1_000 });
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports), folder, config, zero);
    log.appendStamped(batchAt(0, { timestampMs: startMs }));
    await log.roll();
    log.appendStamped(batchAt(1, { timestampMs: startMs }));
    await log.close();
  });
  // The time's fifth byte: four months less.
  world.disk.flipBit(`${folder}/00000000000000000000.timeindex`, 3, 1);
  await world.run(async (ports) => {
    const log = await openSegmentedLog(contextOf(ports), folder, config, { kind: "all" }, zero);
    expect(await log.retentionStart(startMs + 500, toOffset(2))).toBeUndefined();
    expect(await log.retentionStart(startMs + 1_001, toOffset(2))).toBe(1);
  });
});

test("the scrub reads all of the log in steps, reports damage once a round, and begins again", async () => {
  const use = async (log: SegmentedLog, world: DiskOnly) => {
    const batches = await fill(log, 40);
    world.disk.flipBit(`${folder}/00000000000000000000.log`, batches[0]!.length + 70, 3);
    for (let round = 0; round < 2; round++) {
      const steps: { readBytes: number; damagedRanges: number; roundDone: boolean }[] = [];
      do {
        steps.push(await log.scrubStep(700));
        expect(steps.length).toBeLessThan(100);
      } while (!steps.at(-1)!.roundDone);
      expect(steps.reduce((sum, { readBytes }) => sum + readBytes, 0)).toBe(joined(batches).length - batches[1]!.length);
      expect(steps.reduce((sum, { damagedRanges }) => sum + damagedRanges, 0)).toBe(1);
    }
    expect(log.damage.map(({ from, resumeAt }) => [from, resumeAt])).toEqual([[1, 3]]);
    // Memory still has it as it was written.
    expect(basesOf(await log.read(toOffset(1), 1, log.logEnd))).toEqual([1]);
  };
  await withLog(use);
});

test("emptied, a log begins again where it is told, and nothing of before is left", async () => {
  await withLog(async (log, world) => {
    await fill(log, 50);
    await log.sync();
    for (const start of [20, 500, 0]) {
      await log.reset(toOffset(start));
      expect([log.logStart, log.logEnd, log.byteLength, log.latestEpoch]).toEqual([start, start, 0, undefined]);
      expect(logFiles(world)).toEqual([start]);
      const batch = batchAt(start, { epoch: 3 });
      log.appendStamped(batch);
      expect(joined(await readAll(log, start, start + 1))).toEqual(batch);
    }
  });
});
