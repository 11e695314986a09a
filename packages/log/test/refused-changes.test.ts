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

test.each(["partition.metadata", "00000000000000000000.log", "00000000000000000008.index"])(
  "a drop that is refused at %s can be made again, and leaves nothing",
  async (file) => {
    const under = machine();
    await under.run(async (ports) => {
      const store = await open(ports);
      const log = await store.create(partition(0), "orders", config);
      for (let number = 0; number < 8; number++) await append(log, batch(2, 300));
      under.disk.refuseNext("disk.unlink", `${folder}/${file}`, "no-space");
      await expect(store.drop(partition(0))).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
      await store.drop(partition(0));
      expect(await ports.disk.list("")).not.toContain(folder);
      await sleep(ports.clock, 3_000);
      await appendDurably(ports, await store.create(partition(0), "orders", config));
      await store.close();
    });
  },
);
