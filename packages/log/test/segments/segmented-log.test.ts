// Shows what one log on one disk does: it grows, rolls, is read from memory and disk, is cut and emptied, loses its oldest segments, and
// opens again as it was.

import { toOffset } from "@varve/model";
import { batchSize } from "@varve/record";
import { DiskError, type DiskFile, sleep } from "@varve/runtime";
import type { MachinePorts } from "@varve/sim";
import { expect, test } from "vitest";
import { createSegmentedLog, openSegmentedLog, type SegmentedLog } from "../../src/segments/segmented-log.ts";
import {
  basesOf,
  batchAt,
  batchesOf,
  type ContextOptions,
  compression as contextCompression,
  contextOf,
  endOf,
  folder,
  joined,
  machine,
  readAll,
  topicConfig,
  watchReads,
} from "./harness.ts";

const small = topicConfig({ "segment.bytes": 4096, "index.interval.bytes": 200 });
const zero = toOffset(0);
const startMs = 1_700_000_000_000;

/** Appends batches of 1, 2, 3, 1, 2, 3, … records from the end on; rolls when it must. */
async function fill(log: SegmentedLog, count: number): Promise<readonly Uint8Array[]> {
  const batches: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const batch = batchAt(log.logEnd, { records: 1 + (index % 3), valueBytes: 100 });
    if (log.mustRoll(batch.length, 0)) await log.roll();
    log.appendStamped(batch);
    batches.push(batch.slice());
  }
  return batches;
}

/** Runs `use` on a log that is empty. */
async function withLog(
  use: (log: SegmentedLog, world: ReturnType<typeof machine>, ports: MachinePorts) => Promise<void>,
  config = small,
  options: ContextOptions = {},
): Promise<void> {
  const world = machine();
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    await use(await createSegmentedLog(contextOf(ports, options), folder, config, zero), world, ports);
  });
}

const logFiles = (world: ReturnType<typeof machine>) =>
  world.disk
    .folder(folder)
    .names()
    .filter((name) => name.endsWith(".log"))
    .map((name) => Number(name.slice(0, 20)));

test("what was appended over many segments is read back, byte for byte, from memory and from the disk", async () => {
  for (const tailBytesMax of [0, 3_000, 1_000_000]) {
    const use = async (log: SegmentedLog, world: ReturnType<typeof machine>) => {
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

test("a read gives the batch that holds its offset, no batch that reaches past its bound, and the first one whatever its size", async () => {
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
  return contextCompression.crc32c(bytes);
}

test("retention by age takes whole segments from the front whose newest record is too old, below the high watermark, never the active one", async () => {
  const config = topicConfig({ "retention.ms": 1_000, "segment.bytes": 4_096 });
  const use = async (log: SegmentedLog, world: ReturnType<typeof machine>) => {
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

test("a sync answers with the end at its call, and with a cut's end when the log was cut meanwhile", async () => {
  await withLog(async (log) => {
    await fill(log, 10);
    const end = log.logEnd;
    const syncing = log.sync();
    await fill(log, 3);
    expect((await syncing).offset).toBe(end);
    expect(log.isDirty).toBe(true);
    const [later, cut] = [log.sync(), log.cut(toOffset(7))];
    expect(await cut).toBe(7);
    expect((await later).offset).toBeLessThanOrEqual(end + 6);
    expect(await log.sync()).toEqual(log.position);
    expect(log.isDirty).toBe(false);
  });
});

test("an answer to a second sync waits for the first one's files", async () => {
  const world = machine();
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    await ports.disk.syncFolder("");
    const log = await createSegmentedLog(contextOf(ports), folder, small, zero);
    await log.sync();
    log.appendStamped(batchAt(0));
    let firstIsDone = false;
    const first = log.sync().then(() => {
      firstIsDone = true;
    });
    // Nothing is dirty for it: what it answers for is with the first.
    expect((await log.sync()).offset).toBe(1);
    expect(firstIsDone).toBe(true);
    await first;
  });
  world.machine.kill("power", "drop");
  await world.run(async (ports) => {
    const position = { offset: toOffset(1), segmentBase: zero, bytes: batchAt(0).length };
    const log = await openSegmentedLog(contextOf(ports), folder, small, { kind: "position", position }, zero);
    expect(basesOf(await log.read(zero, 1, log.logEnd))).toEqual([0]);
  });
});

test("a full disk fails the append and nothing else: cut back, the log goes on where it was", async () => {
  const world = machine();
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports), folder, topicConfig(), zero);
    log.appendStamped(batchAt(0));
    world.disk.capacityBytes = world.disk.usedBytes + 50;
    const refused = batchAt(1, { valueBytes: 500 });
    expect(() => log.appendStamped(refused)).toThrowError(DiskError);
    expect([log.logEnd, log.hasResidue]).toEqual([1, true]);
    expect(basesOf(await log.read(zero, 1_000, log.logEnd))).toEqual([0]);
    expect(() => log.appendStamped(batchAt(1))).toThrowError("neither adopted nor cut");
    expect(await log.cut(log.logEnd)).toBe(1);
    expect(world.disk.contents(`${folder}/00000000000000000000.log`).length).toBe(batchAt(0).length);
    world.disk.capacityBytes += 10_000;
    log.appendStamped(refused);
    await log.sync();
    expect(joined(await readAll(log, 0, 2))).toEqual(joined([batchAt(0), refused]));
  });
});

test("a roll that the full disk stops is tried again, and the log is none the worse", async () => {
  const world = machine();
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports, { tailBytesMax: 0 }), folder, small, zero);
    const batches = await fill(log, 5);
    const { capacityBytes } = world.disk;
    // One name more fits, then two, …: the roll fails at each of its steps in turn.
    for (let room = 0; log.activeBase === 0; room += 32) {
      world.disk.capacityBytes = world.disk.usedBytes + room;
      await log.roll().catch((error: unknown) => expect(error).toMatchObject({ kind: "no-space" }));
      expect(joined(await readAll(log, 0, log.logEnd))).toEqual(joined(batches));
    }
    world.disk.capacityBytes = capacityBytes;
    const more = await fill(log, 5);
    await log.close();
    const again = await openSegmentedLog(contextOf(ports), folder, small, { kind: "all" }, zero);
    expect(joined(await readAll(again, 0, again.logEnd))).toEqual(joined([...batches, ...more]));
  });
});

test("the scrub reads all of the log in steps, reports damage once a round, and begins again", async () => {
  const use = async (log: SegmentedLog, world: ReturnType<typeof machine>) => {
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

test("deleted, a log leaves no file and no folder", async () => {
  await withLog(async (log, world) => {
    await fill(log, 50);
    const syncing = log.sync();
    await log.drop();
    await syncing;
    expect(world.disk.folder("").names()).toEqual([]);
  });
});

test("two changes of one log at once are an error of ours", async () => {
  await withLog(async (log) => {
    await fill(log, 5);
    const rolling = log.roll();
    await expect(log.cut(zero)).rejects.toThrowError("two changes of one log at once");
    expect(() => log.appendStamped(batchAt(log.logEnd))).toThrowError("two changes of one log at once");
    await rolling;
  });
});
