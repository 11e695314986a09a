// The log alone, without a network: rounds of one batch to each of many partitions, each round begun when all of the last is durable.
// `node bench/load/journal-rounds.ts '{"folder","partitionCount","batchBytes","warmupSeconds","seconds"}'` prints {"roundsPerSecond"}.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { batchOfSize } from "@varve/load";
import { openLogStore, type PartitionLog } from "@varve/log";
import { defaults, serverConfigTable, topicConfigTable, toTopicId, uuidToText } from "@varve/model";
import { nodeClock, nodeCompression, nodeDisk, nodeEntropy, nodeLogger, nodeMetrics } from "@varve/runtime/node";
import { journalGrown } from "../home.ts";

interface Job {
  readonly folder: string;
  readonly partitionCount: number;
  readonly batchBytes: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

const leaderEpoch = 0;

async function run(job: Job, dataFolder: string): Promise<number> {
  const config = defaults(topicConfigTable);
  const server = defaults(serverConfigTable);
  const ports = {
    clock: nodeClock,
    entropy: nodeEntropy(),
    disk: nodeDisk(dataFolder),
    compression: nodeCompression,
    logger: nodeLogger({ level: "warn", descriptor: 2, pretty: false }),
    metrics: nodeMetrics(),
  };
  const store = await openLogStore(
    ports,
    {
      clusterId: undefined,
      nodeId: 1,
      configOf: () => config,
      journalFiles: server["journal.files"],
      journalFileBytes: server["journal.file.bytes"],
      journalWaitingBytesMax: server["journal.waiting.bytes"],
      tailBytesMax: server["tail.bytes"],
      openFilesMax: server["open.files"],
      diskFreeBytesMin: server["disk.free.bytes"],
      retentionCheckMs: server["log.retention.check.interval.ms"],
      producerExpiryMs: server["producer.id.expiration.ms"],
      scrubBytesPerSecond: 0,
      onDiskFailure: (error) => {
        throw error;
      },
    },
    new AbortController().signal,
  );
  const topicId = toTopicId(uuidToText(ports.entropy.bytes(16)));
  const logs: PartitionLog[] = [];
  for (let partition = 0; partition < job.partitionCount; partition++) {
    logs.push(await store.create({ topicId, partition }, "rounds", config));
  }
  await journalGrown(dataFolder);
  const batch = batchOfSize(job.batchBytes, Math.min(1_000, job.batchBytes - 200), Date.now(), nodeCompression);

  let rounds = 0;
  let waiting = 0;
  let isOver = false;
  let durable = () => {};
  for (const log of logs) {
    log.onDurable(() => {
      if (log.durableEnd < log.logEnd) return;
      waiting -= 1;
      if (waiting === 0) durable();
    });
  }
  const loop = (async () => {
    while (!isOver) {
      waiting = logs.length;
      const allDurable = new Promise<void>((resolve) => {
        durable = resolve;
      });
      for (const log of logs) {
        // The log stamps the batch in place and keeps it.
        const own = batch.slice();
        for (let room = log.room(own.length); room !== true; room = log.room(own.length)) await room;
        const result = log.appendAsLeader(own, leaderEpoch, Date.now());
        if (result.kind !== "appended") throw new Error(`an append was ${result.kind}`);
      }
      await allDurable;
      rounds += 1;
    }
  })();
  await delay(job.warmupSeconds * 1_000);
  const before = rounds;
  const startMs = performance.now();
  await delay(job.seconds * 1_000);
  const roundsPerSecond = ((rounds - before) / (performance.now() - startMs)) * 1_000;
  isOver = true;
  await loop;
  return roundsPerSecond;
}

const job = JSON.parse(process.argv[2] ?? "") as Job;
const dataFolder = mkdtempSync(join(job.folder || tmpdir(), "varve-bench-rounds-"));
try {
  process.stdout.write(`${JSON.stringify({ roundsPerSecond: await run(job, dataFolder) })}\n`);
} finally {
  rmSync(dataFolder, { recursive: true, force: true });
}
process.exit(0);
