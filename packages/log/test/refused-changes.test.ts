// Shows what becomes of a change of a log that the disk refuses in its middle, when its frame is durable and its files have not followed.

import { sleep } from "@varve/runtime";
import { expect, test } from "vitest";
import type { JournaledLog } from "../src/journaled-log.ts";
import { append, appendDurably, at, batch, contents, durable, machine, open, partition, topicConfig } from "./harness.ts";

const folder = "AAAAAAAAAAAAAAAAAAAAAA-0";
const config = { ...topicConfig, "segment.bytes": 2_000 };

/** Every effect of a truncation of two segments, and of a reset, that a disk without room or a process without a file may be refused. */
const refusals = [
  ["reset", "disk.create", "00000000000000000040.log"],
  ["reset", "disk.unlink", "00000000000000000000.log"],
  ["reset", "disk.unlink", "00000000000000000008.index"],
  ["reset", "disk.truncate", "00000000000000000040.log"],
  ["truncation", "disk.unlink", "00000000000000000008.log"],
  ["truncation", "disk.unlink", "00000000000000000012.log"],
  ["truncation", "disk.truncate", "00000000000000000000.log"],
] as const;

test.each(refusals)(
  "a %s whose %s of %s is refused is made when the disk allows it, and nothing is appended before",
  async (kind, effect, file) => {
    const under = machine();
    await under.run(async (ports) => {
      const store = await open(ports);
      const log = (await store.create(partition(0), "orders", config)) as JournaledLog;
      const other = await store.create(partition(1), "orders", topicConfig);
      for (let number = 0; number < 8; number++) await append(log, batch(2, 300));
      await durable(ports, log);
      under.disk.refuseNext(effect, `${folder}/${file}`, "no-space");
      const change = kind === "reset" ? log.resetTo(at(40)) : log.truncateTo(at(2), 0);
      await expect(change).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
      expect(log.appendAsLeader(batch(), 0, 0)).toMatchObject({ kind: "refused" });
      // Nobody else is held up by it, and no sync hears of it.
      await log.partition.segments.sync();
      await sleep(ports.clock, 3_000);
      await appendDurably(ports, other);
      await appendDurably(ports, log);
      expect([log.logStart, log.logEnd]).toEqual(kind === "reset" ? [40, 41] : [0, 3]);
      await store.close();
    });
    await under.run(async (ports) => {
      const log = (await open(ports)).get(partition(0))!;
      expect((await contents(log)).map(({ base }) => base)).toEqual(kind === "reset" ? [40] : [0, 2]);
    });
    expect(under.trace.counts.get("disk.fault.refused")).toBe(1);
  },
);

test("a reset that the disk refuses and that dies with its process is made by the next life", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const log = await (await open(ports)).create(partition(0), "orders", config);
    for (let number = 0; number < 8; number++) await append(log, batch(2, 300));
    await durable(ports, log);
    under.disk.refuseNext("disk.unlink", `${folder}/00000000000000000008.log`, "no-space");
    await expect(log.resetTo(at(40))).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
  });
  under.machine.kill("power", "drop");
  await under.run(async (ports) => {
    const log = (await open(ports)).get(partition(0))!;
    expect([log.logStart, log.logEnd]).toEqual([40, 40]);
  });
});

/** Every effect of a removal that a disk without room or a process without a file may be refused. */
const removals = [
  ["disk.unlink", `${folder}/partition.metadata`],
  ["disk.unlink", `${folder}/00000000000000000000.log`],
  ["disk.unlink", `${folder}/00000000000000000008.index`],
  ["disk.remove-folder", folder],
  ["disk.sync-folder", ""],
] as const;

test.each(removals)("a drop whose %s of %s is refused is made a little later, and leaves nothing", async (effect, path) => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    const log = await store.create(partition(0), "orders", config);
    for (let number = 0; number < 8; number++) await append(log, batch(2, 300));
    under.disk.refuseNext(effect, path, "too-many-files");
    await store.drop(partition(0));
    expect(await ports.disk.list("")).not.toContain(folder);
    await sleep(ports.clock, 3_000);
    await appendDurably(ports, await store.create(partition(0), "orders", config));
    await store.close();
  });
  expect(under.trace.counts.get("disk.fault.refused")).toBe(1);
});

test("a stop does not wait for a drop that the disk goes on to refuse", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    await append(await store.create(partition(0), "orders", config));
    let isClosed = false;
    const refuse = async () => {
      for (; !isClosed; await sleep(ports.clock, 200))
        under.disk.refuseNext("disk.unlink", `${folder}/partition.metadata`, "too-many-files");
    };
    const refusing = refuse();
    const dropping = store.drop(partition(0)).catch((error: unknown) => error);
    await sleep(ports.clock, 3_000);
    await store.close();
    isClosed = true;
    await refusing;
    expect(await dropping).toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
  });
});

test("a folder's sync that is refused behind a roll is made again before anything in the new segment is durable", async () => {
  const under = machine();
  const options = { configOf: () => config, tuning: { directBytesPerPartitionMin: 1_500 } };
  await under.run(async (ports) => {
    const log = await (await open(ports, options)).create(partition(0), "orders", config);
    await appendDurably(ports, log, batch(1, 1_000));
    await sleep(ports.clock, 7_000);
    under.disk.refuseNext("disk.sync-folder", folder, "too-many-files");
    // It rolls, and its round syncs the segment.
    await appendDurably(ports, log, batch(1, 1_800));
    expect(under.trace.counts.get("disk.fault.refused")).toBe(1);
  });
  under.machine.kill("power", "drop");
  await under.run(async (ports) => {
    const log = (await open(ports, options)).get(partition(0))!;
    expect((await contents(log)).map(({ base }) => base)).toEqual([0, 1]);
  });
});
