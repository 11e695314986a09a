// Shows that a sector which the disk cannot read any more takes the batches in it, and nothing else.

import { toOffset } from "@varve/model";
import { DiskError } from "@varve/runtime";
import { sectorBytes, soundDisk } from "@varve/sim";
import { describe, expect, test } from "vitest";
import { openSegmentedLog, type SegmentedLog } from "../../src/segments/segmented-log.ts";
import { basesOf, batchAt, contextOf, folder, topicConfig, withLog } from "./harness.ts";

const config = topicConfig({ "segment.bytes": 40_000, "index.interval.bytes": 4_000 });
const segments = [`${folder}/00000000000000000000.log`, `${folder}/00000000000000000012.log`] as const;
const batchesPerSegment = 12;

/** Two segments of twelve batches of some 3 KiB each, nothing of them in memory. */
async function fillTwo(log: SegmentedLog): Promise<number> {
  let bytes = 0;
  for (let number = 0; number < 2 * batchesPerSegment; number++) {
    if (number === batchesPerSegment) await log.roll();
    const batch = batchAt(log.logEnd, { valueBytes: 2_900 });
    bytes = batch.length;
    log.appendStamped(batch);
  }
  await log.sync();
  return bytes;
}

interface Reading {
  readonly bases: readonly number[];
  readonly damage: readonly { readonly from: number; readonly resumeAt: number; readonly file: string; readonly position: number }[];
}

async function readOver(log: SegmentedLog): Promise<Reading> {
  const bases: number[] = [];
  const damage: { from: number; resumeAt: number; file: string; position: number }[] = [];
  for (let offset = log.logStart; offset < log.logEnd; ) {
    const result = await log.read(offset, 8_000, log.logEnd);
    if (result.kind === "out-of-range") throw new Error("out of range");
    if (result.kind === "damaged") damage.push({ from: offset, resumeAt: result.resumeAt, ...placeOf(result.error) });
    else bases.push(...basesOf(result));
    offset = result.kind === "damaged" ? result.resumeAt : result.nextOffset;
  }
  return { bases, damage };
}

function placeOf({ file, position }: { readonly file: string; readonly position: number }) {
  return { file, position };
}

const all = Array.from({ length: 2 * batchesPerSegment }, (_, offset) => offset);

describe("a sector that cannot be read", () => {
  test("takes the batches that lie in it, with file and position; all others are served", async () => {
    await withLog(
      async (log, { disk }, ports) => {
        const bytes = await fillTwo(log);
        const sectors = Math.ceil((batchesPerSegment * bytes) / sectorBytes);
        for (let sector = 0; sector < sectors; sector++) {
          disk.spoil(segments[0], sector * sectorBytes + 5);
          const again = await openSegmentedLog(contextOf(ports, { tailBytesMax: 0 }), folder, config, { kind: "all" }, toOffset(0));
          const first = Math.floor((sector * sectorBytes) / bytes);
          const behind = Math.min(batchesPerSegment, Math.ceil(((sector + 1) * sectorBytes) / bytes));
          const { bases, damage } = await readOver(again);
          expect(damage, `sector ${sector}`).toEqual([
            { from: first, resumeAt: expect.any(Number), file: segments[0], position: first * bytes },
          ]);
          // The way on leads over the batch's own length or over the index.
          expect(damage[0]!.resumeAt).toBeGreaterThanOrEqual(behind);
          expect(damage[0]!.resumeAt).toBeLessThanOrEqual(Math.min(batchesPerSegment, behind + 2));
          expect(bases).toEqual(all.filter((base) => base < first || base >= damage[0]!.resumeAt));
          const content = disk.contents(segments[0]);
          const file = await ports.disk.open(segments[0], "write");
          await file.write(content.subarray(sector * sectorBytes, (sector + 1) * sectorBytes), sector * sectorBytes);
          await file.truncate(content.length);
          // The last sector is no whole one: cut off and written again, it is another.
          if ((sector + 1) * sectorBytes > content.length) {
            await file.truncate(sector * sectorBytes);
            await file.write(content.subarray(sector * sectorBytes), sector * sectorBytes);
          }
          await file.close();
        }
      },
      config,
      { tailBytesMax: 0 },
    );
  });

  test("next to another one in the next segment is stepped over like it", async () => {
    await withLog(
      async (log, { disk }) => {
        const bytes = await fillTwo(log);
        await log.roll();
        for (let number = 0; number < 3; number++) log.appendStamped(batchAt(log.logEnd, { valueBytes: 2_900 }));
        await log.sync();
        disk.spoil(segments[0], batchesPerSegment * bytes - 1);
        for (let position = 0; position < batchesPerSegment * bytes; position += sectorBytes) disk.spoil(segments[1], position);
        const { bases, damage } = await readOver(log);
        expect(damage.map(({ file }) => file)).toEqual([...segments]);
        expect(bases.filter((base) => base >= batchesPerSegment)).toEqual([24, 25, 26]);
      },
      config,
      { tailBytesMax: 0 },
    );
  });

  test("at the end of the log, with nothing behind it to go on with, is a read that failed", async () => {
    await withLog(
      async (log, { disk }) => {
        const bytes = await fillTwo(log);
        disk.spoil(segments[1], batchesPerSegment * bytes - 1);
        const last = Math.floor((Math.floor((batchesPerSegment * bytes - 1) / sectorBytes) * sectorBytes) / bytes);
        const lastReadable = toOffset(batchesPerSegment + last - 1);
        expect(basesOf(await log.read(lastReadable, 100_000, log.logEnd))).toEqual([lastReadable]);
        await expect(log.read(toOffset(batchesPerSegment + last), 100_000, log.logEnd)).rejects.toMatchObject({ kind: "unreadable" });
        expect(log.damage).toEqual([]);
        await log.roll();
        log.appendStamped(batchAt(log.logEnd));
        const result = await log.read(toOffset(batchesPerSegment + last), 100_000, log.logEnd);
        expect(result).toMatchObject({ kind: "damaged", resumeAt: log.logEnd - 1 });
      },
      config,
      { tailBytesMax: 0 },
    );
  });

  test("of an index costs a scan of its segment", async () => {
    await withLog(
      async (log, { disk }) => {
        await fillTwo(log);
        disk.spoil(segments[0].replace(".log", ".index"), 0);
        expect(await readOver(log)).toEqual({ bases: all, damage: [] });
      },
      config,
      { tailBytesMax: 0 },
    );
  });

  test("does not keep a log from opening, in a segment or in any of its side files", async () => {
    await withLog(
      async (log, { disk }, ports) => {
        await fillTwo(log);
        await log.close();
        disk.spoil(segments[0], 0);
        for (const name of await ports.disk.list(folder)) if (!name.endsWith(".log")) disk.spoil(`${folder}/${name}`, 0);
        const again = await openSegmentedLog(contextOf(ports, { tailBytesMax: 0 }), folder, config, { kind: "all" }, toOffset(0));
        expect([again.logStart, again.logEnd, again.latestEpoch?.epoch]).toEqual([0, 2 * batchesPerSegment, 0]);
        const { bases, damage } = await readOver(again);
        // With the index gone as well, and the length of the first batch, the next segment is the way on.
        expect(damage).toEqual([{ from: 0, resumeAt: batchesPerSegment, file: segments[0], position: 0 }]);
        expect(bases).toEqual(all.slice(batchesPerSegment));
      },
      config,
      { tailBytesMax: 0 },
    );
  });

  test("keeps a truncation from reaching into what could not be read", async () => {
    await withLog(
      async (log, { disk }) => {
        const bytes = await fillTwo(log);
        disk.spoil(segments[1], 2 * bytes);
        await expect(log.cut(toOffset(batchesPerSegment + 3))).rejects.toMatchObject({ kind: "unreadable" });
        expect(log.logEnd).toBe(2 * batchesPerSegment);
      },
      config,
      { tailBytesMax: 0 },
    );
  });
});

test("an index that is rebuilt on a full disk serves its readers all the same", async () => {
  await withLog(
    async (log, { disk }, ports) => {
      await fillTwo(log);
      await ports.disk.unlink(segments[0].replace(".log", ".index"));
      disk.capacityBytes = disk.usedBytes;
      expect(await readOver(log)).toEqual({ bases: all, damage: [] });
    },
    config,
    { tailBytesMax: 0 },
  );
});

test("a disk that reads nothing for a while is no damage: the read fails, and the same read later succeeds", async () => {
  await withLog(
    async (log, { disk }) => {
      await fillTwo(log);
      disk.faults = { ...soundDisk, readFails: 1 };
      for (const offset of [0, batchesPerSegment, 2 * batchesPerSegment - 1])
        await expect(log.read(toOffset(offset), 10_000, log.logEnd)).rejects.toBeInstanceOf(DiskError);
      disk.faults = soundDisk;
      expect(log.damage).toEqual([]);
      expect(await readOver(log)).toEqual({ bases: all, damage: [] });
    },
    config,
    { tailBytesMax: 0 },
  );
});
