// Shows what a sync answers while the log goes on, and what a full disk does to a log.

import { toOffset } from "@varve/model";
import { DiskError } from "@varve/runtime";
import { expect, test } from "vitest";
import { temporarySuffix } from "../../src/segments/names.ts";
import { createSegmentedLog, openSegmentedLog } from "../../src/segments/segmented-log.ts";
import { basesOf, batchAt, contextOf, fill, folder, joined, machine, readAll, small, topicConfig, watchOpens, withLog } from "./harness.ts";

const zero = toOffset(0);

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

test("syncs that overlap write the leader epochs one after the other, and the later one last", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = machine(seed);
    await world.run(async (ports) => {
      await ports.disk.makeFolder(folder);
      const log = await createSegmentedLog(contextOf(ports), folder, topicConfig(), zero);
      const syncs = [1, 2, 3].map((epoch) => {
        log.appendStamped(batchAt(log.logEnd, { epoch }));
        return log.sync();
      });
      await Promise.all(syncs);
      const written = new TextDecoder().decode(world.disk.contents(`${folder}/leader-epoch-checkpoint`, "durable"));
      expect(written).toBe("0\n3\n1 0\n2 1\n3 2\n");
    });
  }
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

test("closed after an append that failed, a log opens as it was before that append", async () => {
  const world = machine();
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports), folder, topicConfig(), zero);
    log.appendStamped(batchAt(0));
    await log.sync();
    world.disk.capacityBytes = world.disk.usedBytes + 400;
    expect(() => log.appendStamped(batchAt(1, { valueBytes: 5_000 }))).toThrowError(DiskError);
    world.disk.capacityBytes += 10_000;
    await log.close();
    const again = await openSegmentedLog(contextOf(ports), folder, topicConfig(), { kind: "all" }, zero);
    expect([again.logEnd, again.byteLength, again.hasResidue]).toEqual([1, batchAt(0).length, false]);
    again.appendStamped(batchAt(1));
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

test("a side file that its sync finds no room for is no failure of the disk: it is written anew with the next sync", async () => {
  const world = machine();
  await world.run(async (ports) => {
    let refusals = 0;
    const disk = watchOpens(ports.disk, (file) => {
      const sync = file.sync.bind(file);
      if (!file.path.endsWith(temporarySuffix)) return;
      file.sync = () => (refusals++ === 0 ? Promise.reject(new DiskError("io", file.path, "cannot sync", { wantsRoom: true })) : sync());
    });
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf({ ...ports, disk }), folder, small, zero);
    log.appendStamped(batchAt(0, { epoch: 3 }));
    await expect(log.sync()).rejects.toMatchObject({ kind: "no-space", path: `${folder}/leader-epoch-checkpoint` });
    expect((await log.sync()).offset).toBe(1);
    expect([refusals, log.isDirty]).toEqual([2, false]);
  });
});
