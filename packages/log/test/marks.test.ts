// Shows that a mark which somebody waits for is durable when the wait ends.

import { sleep } from "@varve/runtime";
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
