// Shows what an opening reads and what it can do without: little after a kill, nothing after a close, and any side file may be rubbish.

import { toOffset } from "@varve/model";
import type { MachinePorts } from "@varve/sim";
import fc from "fast-check";
import { expect, test } from "vitest";
import { batchBytesMax } from "../../src/segments/scan.ts";
import { createSegmentedLog, openSegmentedLog, type SegmentedLog } from "../../src/segments/segmented-log.ts";
import { basesOf, batchAt, contextOf, folder, joined, machine, readAll, topicConfig, watchReads } from "./harness.ts";

const checkpointIntervalBytes = 50_000;
const config = topicConfig({ "segment.bytes": 1_000_000, "index.interval.bytes": 4_096 });
const zero = toOffset(0);
const producer = { id: 9, epoch: 0 };

/** Appends batches of 1,000 bytes of one producer, and syncs after every tenth. */
async function fill(log: SegmentedLog, bytes: number): Promise<void> {
  for (let count = 0; log.byteLength < bytes; count++) {
    const batch = batchAt(log.logEnd, { valueBytes: 928, producer: { ...producer, baseSequence: log.logEnd } });
    if (log.mustRoll(batch.length, 0)) await log.roll();
    log.appendStamped(batch);
    if (count % 10 === 9) await log.sync();
  }
}

/** What an opening reads of `.log` files, in bytes. */
async function readsOf(
  ports: MachinePorts,
  open: (ports: MachinePorts) => Promise<SegmentedLog>,
): Promise<{ log: SegmentedLog; bytes: number }> {
  let bytes = 0;
  const disk = watchReads(ports.disk, (path, length) => {
    if (path.endsWith(".log")) bytes += length;
  });
  return { log: await open({ ...ports, disk }), bytes };
}

test("after a kill an opening reads no more than lies behind the last checkpoint, however long the log is", async () => {
  for (const logBytes of [200_000, 3_600_000]) {
    const world = machine();
    let mark = { offset: zero, segmentBase: zero, bytes: 0 };
    await world.run(async (ports) => {
      await ports.disk.makeFolder(folder);
      const log = await createSegmentedLog(contextOf(ports, { checkpointIntervalBytes }), folder, config, zero);
      await fill(log, logBytes);
      mark = await log.sync();
    });
    await world.run(async (ports) => {
      const open = (watched: MachinePorts) =>
        openSegmentedLog(contextOf(watched, { checkpointIntervalBytes }), folder, config, { kind: "position", position: mark }, zero);
      const { log, bytes } = await readsOf(ports, open);
      expect(log.logEnd).toBe(mark.offset);
      // The reads of the last step may be longer than what they are for.
      expect(bytes).toBeLessThan(2 * checkpointIntervalBytes);
      expect(log.checkProducer(batchAt(0, { producer: { ...producer, baseSequence: mark.offset - 5 } }), 0).kind).toBe("duplicate");
      expect(log.checkProducer(batchAt(0, { producer: { ...producer, baseSequence: mark.offset } }), 0).kind).toBe("new");
    });
  }
});

test("without any snapshot an opening reads all there is, and knows the same", async () => {
  const world = machine();
  let mark = { offset: zero, segmentBase: zero, bytes: 0 };
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports, { checkpointIntervalBytes }), folder, config, zero);
    await fill(log, 1_500_000);
    mark = await log.sync();
  });
  await world.run(async (ports) => {
    for (const name of await ports.disk.list(folder)) if (!name.endsWith(".log")) await ports.disk.unlink(`${folder}/${name}`);
    const log = await openSegmentedLog(contextOf(ports), folder, config, { kind: "position", position: mark }, zero);
    expect(log.logEnd).toBe(mark.offset);
    expect(log.latestEpoch).toEqual({ epoch: 0, startOffset: 0 });
    expect(log.checkProducer(batchAt(0, { producer: { ...producer, baseSequence: mark.offset - 5 } }), 0).kind).toBe("duplicate");
    expect(basesOf(await log.read(toOffset(700), 1, log.logEnd))).toEqual([700]);
    expect(basesOf(await log.findByTime(1_700_000_000_000 + 1_300, log.logEnd))).toEqual([1_300]);
  });
});

test("whatever stands in the side files, an opening does not fail, takes little memory, and serves every batch", async () => {
  const world = machine();
  const batches: Uint8Array[] = [];
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports), folder, config, zero);
    for (let base = 0; base < 30; base++) {
      if (base % 10 === 9) await log.roll();
      const batch = batchAt(base, { epoch: Math.floor(base / 7), valueBytes: 500 });
      batches.push(batch.slice());
      log.appendStamped(batch);
    }
    await log.close();
    const names = (await ports.disk.list(folder)).filter((name) => !name.endsWith(".log"));
    const rubbish = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.constant(new Uint8Array(100_000)),
      fc.string({ maxLength: 20 }).map((text) => new TextEncoder().encode(`0\n1\n${text}\n`)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), rubbish, async (name, content) => {
        const path = `${folder}/${name}`;
        const file = await ports.disk.open(path, "write");
        const before = new Uint8Array(file.size);
        await file.read(before, 0);
        await file.truncate(0);
        await file.write(content, 0);
        const again = await openSegmentedLog(contextOf(ports, { tailBytesMax: 0 }), folder, config, { kind: "all" }, zero);
        expect(joined(await readAll(again, 0, 30))).toEqual(joined(batches));
        for (const base of [0, 13, 29]) expect(basesOf(await again.findByTime(1_700_000_000_000 + base, toOffset(30)))).toEqual([base]);
        await again.close();
        const restored = await ports.disk.open(path, "write");
        await restored.truncate(0);
        await restored.write(before, 0);
        await restored.close();
        await file.close();
      }),
      { numRuns: 100 },
    );
  });
});

test("a length that no batch has is damage, and is not believed with memory", async () => {
  const world = machine();
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports), folder, config, zero);
    for (let base = 0; base < 3; base++) log.appendStamped(batchAt(base));
    await log.close();
    const path = `${folder}/00000000000000000000.log`;
    world.disk.overwriteLength(path, 3 * batchBytesMax);
    const size = Uint8Array.of(0x7f, 0xff, 0xff, 0xff);
    world.disk.overwrite(path, batchAt(0).length + 8, size);
    let largest = 0;
    const watched = { ...ports, disk: watchReads(ports.disk, (_, bytes) => (largest = Math.max(largest, bytes))) };
    const again = await openSegmentedLog(contextOf(watched), folder, config, { kind: "offset", offset: zero }, zero);
    const adopted = await again.adoptTail();
    expect(adopted.end).toBe(1);
    expect(adopted.cutBecause).toContain("claims 2147483659 bytes");
    expect(largest).toBeLessThan(batchBytesMax);
    expect(world.disk.contents(path).length).toBe(batchAt(0).length);
  });
});

test("a segment that is missing, or shorter than the mark says, takes its offsets offline, and the log goes on behind", async () => {
  for (const loss of ["missing", "short"] as const) {
    const world = machine();
    let mark = { offset: zero, segmentBase: zero, bytes: 0 };
    await world.run(async (ports) => {
      await ports.disk.makeFolder(folder);
      const log = await createSegmentedLog(contextOf(ports), folder, config, zero);
      for (let base = 0; base < 9; base++) {
        if (base % 3 === 0) await log.roll();
        log.appendStamped(batchAt(base));
      }
      mark = await log.sync();
    });
    const path = `${folder}/00000000000000000006.log`;
    if (loss === "short") world.disk.overwriteLength(path, batchAt(0).length + 30);
    await world.run(async (ports) => {
      if (loss === "missing") await ports.disk.unlink(path);
      const log = await openSegmentedLog(contextOf(ports, { tailBytesMax: 0 }), folder, config, { kind: "position", position: mark }, zero);
      await log.cut(log.logEnd);
      expect(log.logEnd).toBe(9);
      log.appendStamped(batchAt(9));
      const readable = loss === "missing" ? [0, 1, 2, 3, 4, 5, 9] : [0, 1, 2, 3, 4, 5, 6, 9];
      const found: number[] = [];
      for (let offset = zero; offset < log.logEnd; ) {
        const result = await log.read(offset, 10_000, log.logEnd);
        if (result.kind === "batches") found.push(...basesOf(result));
        if (result.kind === "damaged") expect(result.resumeAt).toBe(9);
        offset = result.kind === "damaged" ? result.resumeAt : result.kind === "batches" ? result.nextOffset : log.logEnd;
      }
      expect(found).toEqual(readable);
      const position = await log.sync();
      // And the next start finds it so again.
      const again = await openSegmentedLog(contextOf(ports), folder, config, { kind: "position", position }, zero);
      expect(again.logEnd).toBe(10);
      expect(basesOf(await again.read(toOffset(9), 1, again.logEnd))).toEqual([9]);
    });
  }
});

test("a bit that flipped below the mark, met while a log is taken up, costs its batch and not the log", async () => {
  const world = machine();
  let mark = { offset: zero, segmentBase: zero, bytes: 0 };
  const size = batchAt(0).length;
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports), folder, config, zero);
    for (let base = 0; base < 6; base++) log.appendStamped(batchAt(base));
    mark = await log.sync();
    log.appendStamped(batchAt(6));
  });
  // In the length of batch 3, so that not even its own end is known, and in the body of batch 1.
  world.disk.flipBit(`${folder}/00000000000000000000.log`, 3 * size + 8, 6);
  world.disk.flipBit(`${folder}/00000000000000000000.log`, size + 65, 0);
  await world.run(async (ports) => {
    const log = await openSegmentedLog(contextOf(ports, { tailBytesMax: 0 }), folder, config, { kind: "position", position: mark }, zero);
    expect(log.logEnd).toBe(6);
    expect((await log.adoptTail()).end).toBe(7);
    expect(basesOf(await log.read(zero, 10_000, log.logEnd))).toEqual([0]);
    expect(await log.read(toOffset(1), 1, log.logEnd)).toMatchObject({ kind: "damaged", resumeAt: 2, error: { position: size } });
    expect(basesOf(await log.read(toOffset(2), 10_000, log.logEnd))).toEqual([2]);
    const lost = await log.read(toOffset(3), 1, log.logEnd);
    expect(lost).toMatchObject({ kind: "damaged", resumeAt: 6, error: { position: 3 * size } });
    expect(basesOf(await log.read(toOffset(6), 1, log.logEnd))).toEqual([6]);
    log.appendStamped(batchAt(7));
    expect(basesOf(await log.read(toOffset(6), 10_000, log.logEnd))).toEqual([6, 7]);
  });
});
