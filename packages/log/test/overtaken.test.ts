// Shows what work in the background must not do to what comes after it: hide a failure, or remember what was never true.

import { sleep } from "@varve/runtime";
import { soundDisk } from "@varve/sim";
import { expect, test } from "vitest";
import { append, appendDurably, at, batch, durable, machine, open, partition, topicConfig } from "./harness.ts";

test("a sync that fails in the background is heard, also when the one beside it is refused first", async () => {
  let failures = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const under = machine(seed, { faults: { ...soundDisk, syncMs: 3 } });
    await under.run(async (ports) => {
      let hasFailed = false;
      const onDiskFailure = () => {
        hasFailed = true;
      };
      const tuning = { firstFileBytesMax: 8_192, usedFilesTarget: 1, unsyncedMsMax: 600_000, growthDelayMs: 1, syncsAtOnceMax: 2 };
      const store = await open(ports, { journalFileBytes: 8_192, journalWaitingBytesMax: 8_192, onDiskFailure, tuning });
      const refused = await store.create(partition(0), "orders", topicConfig);
      const failing = await store.create(partition(1), "orders", topicConfig);
      await sleep(ports.clock, 500);
      under.disk.refuseNext("disk.create", "AAAAAAAAAAAAAAAAAAAAAA-0/leader-epoch-checkpoint.tmp", "too-many-files");
      under.disk.failNextSync("AAAAAAAAAAAAAAAAAAAAAA-1/00000000000000000000.log");
      await appendDurably(ports, refused, batch(1, 10));
      // Until the ring must be freed, and both are synced for it.
      for (let number = 0; number < 7 && !hasFailed; number++) {
        await append(failing, batch(1, 3_000));
        while (failing.durableEnd < failing.logEnd && !hasFailed) await sleep(ports.clock, 1);
      }
      await sleep(ports.clock, 10_000);
      const wasFailed = (under.trace.counts.get("disk.fault.sync-failed") ?? 0) > 0;
      expect(hasFailed, `seed ${seed}`).toBe(wasFailed);
      if (wasFailed) failures += 1;
    });
  }
  expect(failures).toBeGreaterThan(5);
});

test("a read that a truncation overtakes leaves nothing behind that keeps what was written since from being read", async () => {
  let overtaken = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const under = machine(seed, { faults: soundDisk });
    await under.run(async (ports) => {
      const config = { ...topicConfig, "index.interval.bytes": 100_000 };
      const log = await (await open(ports, { tailBytesMax: 0 })).create(partition(0), "orders", config);
      for (let number = 0; number < 40; number++) await appendDurably(ports, log, batch(1, 300));
      under.disk.faults = { ...soundDisk, readMs: 3, writeMs: 3 };
      const reads = [4, 10, 20, 30, 5, 6, 7, 8, 35].map(async (offset, number) => {
        await sleep(ports.clock, seed / 2 + number * 2);
        const end = log.logEnd;
        const epoch = log.latestEpoch?.epoch;
        if (offset >= end) return;
        await log.read(at(offset), 200, end);
        if (log.logEnd < end || log.latestEpoch?.epoch !== epoch) overtaken += 1;
      });
      await log.truncateTo(at(3), 0);
      under.disk.faults = soundDisk;
      for (let number = 0; number < 37; number++) await append(log, batch(1, 137), 1);
      await durable(ports, log);
      await Promise.all(reads);
      for (let offset = 0; offset < log.logEnd; offset++) {
        expect(await log.read(at(offset), 200, log.logEnd), `seed ${seed}, offset ${offset}`).toMatchObject({ kind: "batches" });
      }
    });
  }
  expect(overtaken).toBeGreaterThan(10);
});
