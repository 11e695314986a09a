// Shows that a mark which somebody waits for is durable when the wait ends.

import { sleep } from "@varve/runtime";
import { soundDisk } from "@varve/sim";
import { expect, test } from "vitest";
import { isNewer } from "../src/journal/journal-partition.ts";
import type { JournaledLog } from "../src/journaled-log.ts";
import { append, batch, machine, open, partition, topicConfig } from "./harness.ts";

test("a change of durability ends with its mark durable, also when the round that should carry it goes directly to a segment", async () => {
  let directly = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const under = machine(seed);
    await under.run(async (ports) => {
      const store = await open(ports, { journalFiles: 2, journalFileBytes: 16_384, tuning: { firstFileBytesMax: 8_192 } });
      const relaxed = { ...topicConfig, durability: "replicated" } as const;
      const log = (await store.create(partition(0), "orders", relaxed)) as JournaledLog;
      const other = await store.create(partition(1), "orders", topicConfig);
      await append(log);
      const changed = log.configure(topicConfig);
      await sleep(ports.clock, 0.5);
      // One round runs while the next collects what only a segment can take.
      await append(other, batch(1, 50));
      await sleep(ports.clock, 0.2);
      await append(other, batch(1, 30_000));
      await changed;
      expect(isNewer(log.partition.synced, log.partition.marked), `seed ${seed}`).toBe(false);
      expect(log.partition.marked.position.offset, `seed ${seed}`).toBe(log.logEnd);
      directly += ports.metrics.value("varve_journal_direct_rounds_total") ?? 0;
    });
  }
  expect(directly).toBeGreaterThan(0);
});

test("marks that do not fit beside a control frame into a full round wait for the next one", async () => {
  const fileBytes = 65_536;
  const under = machine(1, { faults: { ...soundDisk, syncMs: 30 }, eventsMax: 2_000_000 });
  await under.run(async (ports) => {
    const store = await open(ports, { journalFileBytes: fileBytes, journalWaitingBytesMax: fileBytes, journalFiles: 8 });
    const logs = await Promise.all(Array.from({ length: 40 }, (_, number) => store.create(partition(number), "orders", topicConfig)));
    let isOver = false;
    const produce = async (first: number) => {
      for (let number = first; !isOver; number += 1) {
        const log = logs[number % logs.length]!;
        const bytes = batch(1, 50 + ((number * 37) % 400));
        for (let room = log.room(bytes.length); room !== true; room = log.room(bytes.length)) await room;
        log.appendAsLeader(bytes, 0, 0);
        if (number % 50 === 0) await sleep(ports.clock, 1);
      }
    };
    const raise = async () => {
      for (let number = 0; !isOver; number += 1) {
        await sleep(ports.clock, 20);
        const log = logs[number % logs.length]!;
        await log.raiseLogStart(log.durableEnd);
      }
    };
    const working = [...[0, 7, 14, 21, 28].map(produce), raise()];
    for (let second = 0; second < 10; second++) {
      const before = logs.reduce((sum, { durableEnd }) => sum + durableEnd, 0);
      await sleep(ports.clock, 1_000);
      expect(logs.reduce((sum, { durableEnd }) => sum + durableEnd, 0)).toBeGreaterThan(before);
    }
    isOver = true;
    await Promise.all(working);
    await store.close();
  });
});
