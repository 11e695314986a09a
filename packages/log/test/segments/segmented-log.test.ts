// Shows what one log on one disk does: it grows, rolls, is read from memory and disk, is cut, deleted, and opens again as it was.

import { toOffset } from "@varve/model";
import { batchSize } from "@varve/record";
import { type DiskFile, sleep } from "@varve/runtime";
import type { DiskOnly, MachinePorts } from "@varve/sim";
import { expect, test } from "vitest";
import { createSegmentedLog, openSegmentedLog, type SegmentedLog } from "../../src/segments/segmented-log.ts";
import {
  basesOf,
  batchAt,
  batchesOf,
  compression,
  contextOf,
  endOf,
  fill,
  folder,
  joined,
  logFiles,
  machine,
  readAll,
  small,
  topicConfig,
  watchReads,
  withLog,
} from "./harness.ts";

const zero = toOffset(0);

test("what was appended over many segments is read back, byte for byte, from memory and from the disk", async () => {
  for (const tailBytesMax of [0, 3_000, 1_000_000]) {
    const use = async (log: SegmentedLog, world: DiskOnly) => {
      const batches = await fill(log, 100);
      expect(log.logEnd).toBe(endOf(batches.at(-1)!));
      expect(log.byteLength).toBe(joined(batches).length);
      expect(joined(await readAll(log, 0, log.logEnd))).toEqual(joined(batches));
      expect(logFiles(world).length).toBeGreaterThan(5);
    };
    await withLog(use, small, { tailBytesMax });
  }
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
    expect(log.isDirty).toBe(false);
    expect(joined(await readAll(log, 0, log.logEnd))).toEqual(joined(kept));
    expect(basesOf(await log.read(toOffset(8), 1, log.logEnd))).toEqual([7]);
  });
});

test("a read gives the batch that holds its offset, none that reaches past its bound, and the first whatever its size", async () => {
  for (const tailBytesMax of [0, 1_000_000]) {
    const use = async (log: SegmentedLog) => {
      // Batches at 0, 1, 3, 6, 7, 9.
      const batches = await fill(log, 6);
      expect(basesOf(await log.read(toOffset(4), 1, log.logEnd))).toEqual([3]);
      expect(basesOf(await log.read(toOffset(3), 1_000_000, toOffset(9)))).toEqual([3, 6, 7]);
      expect(basesOf(await log.read(toOffset(3), 1_000_000, toOffset(8)))).toEqual([3, 6]);
      expect(await log.read(toOffset(4), 1_000_000, toOffset(5))).toMatchObject({ kind: "batches", byteLength: 0, nextOffset: 4 });
      expect(basesOf(await log.read(zero, batches[0]!.length + batches[1]!.length, log.logEnd))).toEqual([0, 1]);
      expect(await log.read(log.logEnd, 1_000, log.logEnd)).toMatchObject({ kind: "batches", byteLength: 0, nextOffset: 12 });
      expect(await log.read(toOffset(13), 1_000, log.logEnd)).toEqual({ kind: "out-of-range", logStart: 0, logEnd: 12 });
      log.raiseStart(toOffset(4));
      expect(await log.read(toOffset(3), 1_000, log.logEnd)).toEqual({ kind: "out-of-range", logStart: 4, logEnd: 12 });
      expect(basesOf(await log.read(toOffset(4), 1, log.logEnd))).toEqual([3]);
    };
    await withLog(use, small, { tailBytesMax });
  }
});

test("a segment ends by its size, by its age, and by its index; never when it is empty", async () => {
  await withLog(async (log) => {
    expect(log.mustRoll(10_000_000, Number.MAX_SAFE_INTEGER)).toBe(false);
    const batch = batchAt(0, { valueBytes: 2_000 });
    log.appendStamped(batch);
    const rest = 4_096 - batch.length;
    expect([log.mustRoll(rest, 0), log.mustRoll(rest + 1, 0)]).toEqual([false, true]);
    await log.roll();
    expect(log.activeBase).toBe(1);
    expect(log.mustRoll(10_000, 0)).toBe(false);
    await log.roll();
    expect(log.activeBase).toBe(1);
  });
  const use = async (log: SegmentedLog) => {
    // Its records are years old; its age is not.
    log.appendStamped(batchAt(0, { timestampMs: 5 }));
    const age = 604_800_000;
    expect([log.mustRoll(1, log.logEnd), log.mustRoll(1, age * 1_000_000)]).toEqual([false, true]);
  };
  await withLog(use, topicConfig());
  const byIndex = async (log: SegmentedLog) => {
    let rolled = 0;
    for (let base = 0; base < 20; base++) {
      if (log.mustRoll(100, 0)) {
        rolled += 1;
        await log.roll();
      }
      log.appendStamped(batchAt(base));
    }
    // Room for five entries of the time index, one of them the last. The first batch has none: five batches a segment.
    expect(rolled).toBe(3);
  };
  await withLog(byIndex, topicConfig({ "index.interval.bytes": 0, "segment.index.bytes": 60 }));
});

test("a batch of several megabytes is written in pieces and read whole", async () => {
  const use = async (log: SegmentedLog) => {
    const large = batchAt(0, { valueBytes: 3_000_000 });
    log.appendStamped(large);
    log.appendStamped(batchAt(1));
    expect(batchesOf(await log.read(zero, 1, log.logEnd))[0]).toEqual(large);
    expect(basesOf(await log.read(zero, 10_000_000, log.logEnd))).toEqual([0, 1]);
  };
  await withLog(use, topicConfig(), { tailBytesMax: 0 });
});

test("offsets that run far past the base leave the index alone, and the next batch begins a segment", async () => {
  const use = async (log: SegmentedLog) => {
    const wide = batchAt(0);
    // The last offset, as a batch of two billion records would have it; the header says so, nobody looks behind it.
    new DataView(wide.buffer, wide.byteOffset).setInt32(23, 2_147_483_646);
    new DataView(wide.buffer, wide.byteOffset).setUint32(17, crc(wide.subarray(21)));
    log.appendStamped(wide);
    log.appendStamped(batchAt(2_147_483_647));
    expect(log.mustRoll(1, 0)).toBe(true);
    await log.roll();
    expect(log.activeBase).toBe(2_147_483_648);
    log.appendStamped(batchAt(2_147_483_648));
    expect(basesOf(await log.read(toOffset(77), 1, log.logEnd))).toEqual([0]);
    expect(basesOf(await log.read(toOffset(2_147_483_647), 1_000, log.logEnd))).toEqual([2_147_483_647]);
    expect(basesOf(await log.read(toOffset(2_147_483_648), 1_000, log.logEnd))).toEqual([2_147_483_648]);
    await log.close();
  };
  await withLog(use, topicConfig({ "index.interval.bytes": 0 }), { tailBytesMax: 0 });
});

function crc(bytes: Uint8Array): number {
  return compression.crc32c(bytes);
}

test("a read that is under way when the log is cut tells of the log before or after it, and of nothing else", async () => {
  const use = async (log: SegmentedLog, _: unknown, { clock }: MachinePorts) => {
    const before = await fill(log, 60);
    const end = log.logEnd;
    const readAt = async (offset: number, afterMs: number) => {
      await sleep(clock, afterMs);
      return log.read(toOffset(offset), 5_000, toOffset(end));
    };
    const reading = Promise.all(Array.from({ length: end }, (__, offset) => readAt(offset, (offset % 20) * 0.1)));
    await log.cut(toOffset(30));
    const replacement = batchAt(30, { epoch: 1, fill: 0xee });
    log.appendStamped(replacement);
    const after = [...before.filter((batch) => endOf(batch) <= 30), replacement];
    const isPart = (bytes: Uint8Array, of: readonly Uint8Array[]) => Buffer.from(joined(of)).includes(bytes);
    const answers = { before: 0, after: 0, "out-of-range": 0 };
    for (const result of await reading) {
      if (result.kind === "out-of-range") {
        answers["out-of-range"] += 1;
        continue;
      }
      const bytes = joined(batchesOf(result));
      expect(isPart(bytes, before) || isPart(bytes, after)).toBe(true);
      answers[isPart(bytes, before) ? "before" : "after"] += 1;
    }
    expect(answers["out-of-range"]).toBeGreaterThan(0);
    expect(answers.before).toBeGreaterThan(0);
  };
  await withLog(use, small, { tailBytesMax: 0 });
});

test("no more files are open for reading than may be, and what is evicted is opened again", async () => {
  const world = machine();
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const open = new Set<DiskFile>();
    const disk = watchReads(ports.disk, () => {});
    const counting = {
      ...disk,
      open: async (path: string, mode: "read" | "write" | "create") => {
        const file = await disk.open(path, mode);
        if (mode !== "read" || !path.endsWith(".log")) return file;
        open.add(file);
        const close = file.close.bind(file);
        file.close = () => {
          open.delete(file);
          return close();
        };
        return file;
      },
    };
    const log = await createSegmentedLog(
      contextOf({ ...ports, disk: counting }, { tailBytesMax: 0, openFilesMax: 3 }),
      folder,
      small,
      zero,
    );
    const batches = await fill(log, 100);
    for (let round = 0; round < 2; round++) {
      for (const batch of batches) {
        expect(batchesOf(await log.read(toOffset(endOf(batch) - 1), batchSize(batch, 0), log.logEnd))).toEqual([batch]);
        expect(open.size).toBeLessThanOrEqual(3);
      }
    }
    await log.close();
    expect(open.size).toBe(0);
  });
});

test("deleted, a log leaves no file and no folder", async () => {
  await withLog(async (log, world) => {
    await fill(log, 50);
    const syncing = log.sync();
    await log.drop();
    await syncing;
    expect(world.disk.folder("").names()).toEqual([]);
  });
});

test("two changes of one end of a log at once are an error of ours", async () => {
  await withLog(async (log) => {
    await fill(log, 5);
    const rolling = log.roll();
    await expect(log.cut(zero)).rejects.toThrowError("two changes of the log's end at once");
    expect(() => log.appendStamped(batchAt(log.logEnd))).toThrowError("two changes of the log's end at once");
    await rolling;
  });
});
