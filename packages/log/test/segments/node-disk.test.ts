// Shows on a real file system what the simulated disk showed: a log grows, rolls, is read, cut, closed, left and taken up again; and a bit
// that flipped in its file is found.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toOffset } from "@varve/model";
import { nodeClock, nodeDisk } from "@varve/runtime/node";
import { afterEach, expect, test } from "vitest";
import { createSegmentContext, type SegmentContext } from "../../src/segments/context.ts";
import { createSegmentedLog, openSegmentedLog } from "../../src/segments/segmented-log.ts";
import { basesOf, batchAt, compression, endOf, folder, joined, readAll, topicConfig } from "./harness.ts";

const folders: string[] = [];
const config = topicConfig({ "segment.bytes": 65_536, "index.interval.bytes": 1_024 });
const zero = toOffset(0);
const logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => logger };

afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

function dataFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "varve-segments-"));
  folders.push(path);
  return path;
}

function contextIn(path: string): SegmentContext {
  const ports = { disk: nodeDisk(path), clock: nodeClock, compression, logger };
  return createSegmentContext(ports, { tailBytesMax: 0, openFilesMax: 2, producerExpiryMs: 86_400_000, checkpointIntervalBytes: 20_000 });
}

test("a log that was appended to, synced and left without a close is whole again, with and without its tail", async () => {
  const path = dataFolder();
  const context = contextIn(path);
  await context.ports.disk.makeFolder(folder);
  const log = await createSegmentedLog(context, folder, config, zero);
  const batches: Uint8Array[] = [];
  let mark = log.position;
  for (let index = 0; index < 400; index++) {
    const batch = batchAt(log.logEnd, { records: 1 + (index % 4), valueBytes: 150, epoch: Math.floor(index / 150) });
    if (log.mustRoll(batch.length, nodeClock.wallMs())) await log.roll();
    log.appendStamped(batch);
    batches.push(batch.slice());
    if (index % 50 === 40) mark = await log.sync();
  }
  const end = log.logEnd;

  const adopting = await openSegmentedLog(contextIn(path), folder, config, { kind: "position", position: mark }, zero);
  expect(adopting.logEnd).toBe(mark.offset);
  expect((await adopting.adoptTail()).end).toBe(end);
  expect(joined(await readAll(adopting, 0, end))).toEqual(joined(batches));
  await adopting.close();

  const clean = await openSegmentedLog(contextIn(path), folder, config, { kind: "all" }, zero);
  expect([clean.logEnd, clean.latestEpoch?.epoch]).toEqual([end, 2]);
  expect(await clean.cut(mark.offset)).toBe(mark.offset);
  await clean.sync();
  const kept = batches.filter((batch) => endOf(batch) <= mark.offset);
  expect(joined(await readAll(clean, 0, clean.logEnd))).toEqual(joined(kept));
  clean.raiseStart(toOffset(500));
  expect(await clean.deleteBelowStart()).toBeGreaterThan(0);
  expect(basesOf(await clean.read(toOffset(500), 1, clean.logEnd))[0]).toBeLessThanOrEqual(500);
  await clean.close();

  const cutting = await openSegmentedLog(contextIn(path), folder, config, { kind: "offset", offset: mark.offset }, toOffset(500));
  expect(await cutting.cut(cutting.logEnd)).toBe(mark.offset);
  await cutting.drop();
});

test("a bit that flipped in the file is reported with file and byte, and the rest is served", async () => {
  const path = dataFolder();
  const context = contextIn(path);
  await context.ports.disk.makeFolder(folder);
  const log = await createSegmentedLog(context, folder, config, zero);
  for (let base = 0; base < 20; base++) log.appendStamped(batchAt(base, { valueBytes: 300 }));
  await log.sync();
  const size = batchAt(0, { valueBytes: 300 }).length;
  const file = join(path, folder, "00000000000000000000.log");
  const content = readFileSync(file);
  content[5 * size + 100]! ^= 4;
  writeFileSync(file, content);
  expect(basesOf(await log.read(zero, 1_000_000, log.logEnd))).toEqual([0, 1, 2, 3, 4]);
  expect(await log.read(toOffset(5), 1_000_000, log.logEnd)).toMatchObject({
    kind: "damaged",
    resumeAt: 6,
    error: { file: `${folder}/00000000000000000000.log`, position: 5 * size },
  });
  expect(basesOf(await log.read(toOffset(6), 1_000_000, log.logEnd)).length).toBe(14);
  await log.close();
});
