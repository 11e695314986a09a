// Segments that end faster than the background syncs them do not use up the files that a process may open.

import { defaults, toOffset, topicConfigTable, toTopicId } from "@varve/model";
import { diskOnly } from "@varve/sim";
import { expect, test } from "vitest";
import { openLogStore } from "../src/index.ts";
import { sealedFilesMax } from "../src/journaled-log.ts";
import { clientBatch, scriptCompression } from "./history/batches.ts";

const config = { ...defaults(topicConfigTable), "segment.bytes": 4_096 };
const segments = 200;

test("a log that rolls two hundred times without a pause keeps at most a few of its ended segments open", async () => {
  const machine = diskOnly({ seed: 1, turn: () => new Promise((done) => setImmediate(done)), openFilesMax: 40 });
  const outcome = await machine.run(async (ports) => {
    const store = await openLogStore(
      { ...ports, compression: scriptCompression },
      {
        clusterId: undefined,
        nodeId: 1,
        configOf: () => config,
        journalFiles: 2,
        journalFileBytes: 4_194_304,
        journalWaitingBytesMax: 4_194_304,
        tailBytesMax: 65_536,
        openFilesMax: 16,
        diskFreeBytesMin: 0,
        retentionCheckMs: 60_000,
        producerExpiryMs: 86_400_000,
        scrubBytesPerSecond: 0,
        onDiskFailure: (error) => {
          throw error;
        },
      },
      new AbortController().signal,
    );
    const log = await store.create({ topicId: toTopicId("AAAAAAAAAAAAAAAAAAAAAQ"), partition: 0 }, "small", config);
    for (let mark = 0; mark < segments; mark += 1) {
      const batch = clientBatch({ records: 1, valueBytes: 3_000, timestampMs: 1, mark });
      for (let room = log.room(batch.length); room !== true; room = log.room(batch.length)) await room;
      expect(log.appendAsLeader(batch, 0, 1)).toMatchObject({ kind: "appended" });
    }
    expect(log.logEnd).toBe(toOffset(segments));
    await store.close();
  });
  expect(outcome.kind).toBe("finished");
  expect(sealedFilesMax).toBeLessThan(16);
});
