// Shows that the end of a log is free while its old segments go: their sync and removal take as long as the disk takes.

import { soundDisk } from "@varve/sim";
import { expect, test } from "vitest";
import type { JournaledLog } from "../src/journaled-log.ts";
import { append, appendDurably, at, batch, contents, durable, machine, open, partition, topicConfig } from "./harness.ts";

const config = { ...topicConfig, "segment.bytes": 4_096, "retention.bytes": 4_096 };
const batchesBefore = 30;
const valueBytes = 500;

/** What is true of a removal, whoever asks for it. */
async function goesBesideAppends(remove: (log: JournaledLog) => Promise<unknown>): Promise<void> {
  const under = machine(1, { faults: { ...soundDisk, syncMs: 5, nameMs: 5 } });
  let stored = 0;
  await under.run(async (ports) => {
    const log = (await (await open(ports)).create(partition(0), "orders", config)) as JournaledLog;
    for (let number = 0; number < batchesBefore; number++) await appendDurably(ports, log, batch(1, valueBytes));
    log.noteHighWatermark(log.durableEnd);
    const segmentBase = log.segments.activeBase;
    let isOver = false;
    const removed = remove(log).finally(() => {
      isOver = true;
    });
    let appended = 0;
    let hasRolled = false;
    while (!isOver) {
      await append(log, batch(1, valueBytes));
      if (isOver) break;
      appended += 1;
      hasRolled ||= log.segments.activeBase > segmentBase;
    }
    await removed;
    expect(hasRolled).toBe(true);
    expect(appended).toBeGreaterThan(3);
    expect(log.logStart).toBeGreaterThan(0);
    await durable(ports, log);
    stored = log.logEnd - log.logStart;
  });
  under.machine.kill("power");
  await under.run(async (ports) => {
    const log = (await open(ports, { configOf: () => config })).get(partition(0))!;
    expect(await contents(log)).toHaveLength(stored);
  });
}

test("appends, and the rolls that they need, go on while retention deletes segments, and all of them are there after a power cut", () =>
  goesBesideAppends(async (log) => expect(await log.retain(0)).toBeGreaterThan(1)));

test("appends, and the rolls that they need, go on while records are deleted on request, and all of them are there after a power cut", () =>
  goesBesideAppends((log) => log.raiseLogStart(at(batchesBefore - 2))));

test("what changes the end of a log comes after a removal that is under way, and appends come after both", async () => {
  const under = machine(1, { faults: { ...soundDisk, syncMs: 5, nameMs: 20 } });
  await under.run(async (ports) => {
    const log = (await (await open(ports)).create(partition(0), "orders", config)) as JournaledLog;
    for (let number = 0; number < batchesBefore; number++) await appendDurably(ports, log, batch(1, valueBytes));
    const ended: string[] = [];
    const raised = log.raiseLogStart(at(10)).then(() => ended.push("raised"));
    const truncated = log.truncateTo(at(20), 0).then(() => ended.push("truncated"));
    expect(log.room(100)).not.toBe(true);
    const appended = append(log, batch(1, 10)).then(() => ended.push("appended"));
    await Promise.all([raised, truncated, appended]);
    expect(ended).toEqual(["raised", "truncated", "appended"]);
    expect([log.logStart, log.logEnd]).toEqual([10, 21]);
  });
});

test("a removal that the disk refuses keeps no append waiting, and is made by the next retention", async () => {
  for (const [kind, refusal] of [
    ["disk.unlink", "no-space"],
    ["disk.sync-folder", "too-many-files"],
  ] as const) {
    const under = machine();
    await under.run(async (ports) => {
      const store = await open(ports);
      const log = (await store.create(partition(0), "orders", config)) as JournaledLog;
      for (let number = 0; number < batchesBefore; number++) await appendDurably(ports, log, batch(1, valueBytes));
      log.noteHighWatermark(log.durableEnd);
      under.disk.refuseNext(
        kind,
        kind === "disk.unlink" ? `${log.segments.folder}/00000000000000000000.log` : log.segments.folder,
        refusal,
      );
      const bytes = log.byteLength;
      await expect(log.retain(0)).rejects.toThrowError("refuse");
      expect(store.writeRefusal).toBeUndefined();
      await appendDurably(ports, log, batch(1, 10));
      expect(log.byteLength).toBeGreaterThan(bytes);
      expect(await log.retain(0)).toBeGreaterThan(1);
      expect(log.byteLength).toBeLessThan(bytes);
    });
  }
});
