// A load generator as a process of its own, so that its processor time is its own: `node bench/load/load-process.ts '<LoadJob as JSON>'`
// makes the topic, drives the broker, prints one LoadAnswer.

import { connect } from "@varve/client";
import { batchOfSize, FetchLoad, LoadCounts, type LoadFigures, measureLoad, ProduceLoad, SendLoad } from "@varve/load";
import { type PartitionId, toOffset } from "@varve/model";
import { recordCountOf } from "@varve/record";
import { nodeCompression } from "@varve/runtime/node";
import type { GrpcCaller } from "@varve/transport-grpc";
import { callerWhenListening, createTopic, settled } from "../broker-process.ts";
import type { FetchJob, LoadAnswer, LoadJob, ProduceJob, SendJob } from "./protocol.ts";

const timeoutMs = 30_000;
const valueBytes = 1_000;
/** Requests in flight while the log is written that is read afterwards. */
const fillDepth = 16;

async function produce(caller: GrpcCaller, job: ProduceJob): Promise<LoadFigures> {
  const partitions = job.isExisting
    ? await existing(caller, job.topic)
    : await createTopic(caller, job.topic, job.partitionCount, job.config);
  await settled(job.serverPid);
  const counts = new LoadCounts();
  const batch = batchOfSize(job.batchBytes, valueBytes, Date.now(), nodeCompression);
  const pace = job.perSecond === undefined ? {} : { perSecond: job.perSecond };
  const options = { partitions, batch, recordCount: recordCountOf(batch, 0), acks: "all" as const, timeoutMs, depth: job.depth, ...pace };
  const call = caller.openProduce({ ready: () => load.pump(), closed: () => {} });
  const load = new ProduceLoad(call, options, counts);
  load.start();
  const figures = await measureLoad(counts, job, job.bytesMax);
  load.stop();
  call.cancel();
  return figures;
}

async function existing(caller: GrpcCaller, name: string): Promise<readonly PartitionId[]> {
  const [outcome] = await caller.admin.describeTopics([{ name }], new AbortController().signal);
  if (outcome?.kind !== "ok") throw new Error(`topic ${name}: ${outcome?.failure.message ?? "no answer"}`);
  const { topicId, partitions } = outcome.value;
  return partitions.map(({ partition }) => ({ topicId, partition }));
}

async function fetchLog(caller: GrpcCaller, job: FetchJob): Promise<LoadFigures> {
  const partitions = await createTopic(caller, job.topic, job.partitionCount, { durability: "replicated" });
  const batch = batchOfSize(job.batchBytes, valueBytes, Date.now(), nodeCompression);
  const batchCount = Math.floor(job.logBytes / job.batchBytes / job.partitionCount);
  await fill(caller, partitions, batch, batchCount);
  await settled(job.serverPid);
  const counts = new LoadCounts();
  const endOffset = toOffset(batchCount * recordCountOf(batch, 0));
  const call = caller.openFetch({ ready: () => load.pump(), closed: () => {} });
  const load = new FetchLoad(call, { partitions, endOffset, maxBytes: job.maxBytes }, counts);
  load.start();
  const figures = await measureLoad(counts, job);
  load.stop();
  call.cancel();
  return figures;
}

/** Writes `batchCount` batches to each partition. @throws when one is refused. */
async function fill(caller: GrpcCaller, partitions: readonly PartitionId[], batch: Uint8Array, batchCount: number): Promise<void> {
  const total = batchCount * partitions.length;
  let sent = 0;
  let stored = 0;
  await new Promise<void>((resolve, reject) => {
    const call = caller.openProduce({
      ready: pump,
      closed: (error) => (stored === total ? resolve() : reject(error ?? new Error("the stream ended before the log was full"))),
    });
    function pump(): void {
      while (sent < total && sent - stored < fillDepth && call.isReady) {
        const id = partitions[sent % partitions.length]!;
        sent += 1;
        call.send({ acks: "all", timeoutMs, entries: [{ id, leaderEpoch: undefined, batch }] }, (outcome) => {
          const failure = outcome instanceof Error ? outcome : outcome.find((result) => result.kind === "failed")?.failure;
          if (failure !== undefined) return reject(new Error(failure.message));
          stored += 1;
          if (stored === total) call.end();
          else pump();
        });
      }
    }
    pump();
  });
}

async function send(caller: GrpcCaller, job: SendJob): Promise<LoadFigures> {
  await createTopic(caller, job.topic, 1, job.config);
  await settled(job.serverPid);
  const varve = await connect(job.address);
  const counts = new LoadCounts();
  const load = new SendLoad(
    varve.producer(),
    { topic: job.topic, value: new Uint8Array(job.valueBytes).fill(0x61), depth: job.depth },
    counts,
  );
  load.start();
  const figures = await measureLoad(counts, job);
  load.stop();
  return figures;
}

/** A scrape begins the next window of the delay. */
async function loopDelayMs(httpAddress: string): Promise<number | undefined> {
  const text = await (await fetch(`http://${httpAddress}/metrics`)).text();
  const match = /^varve_loop_delay_seconds(?:\{[^}]*\})? (\S+)$/m.exec(text);
  return match === null ? undefined : Number(match[1]) * 1_000;
}

async function run(job: LoadJob): Promise<LoadAnswer> {
  const caller = await callerWhenListening(job.address);
  const figures =
    job.kind === "produce" ? await produce(caller, job) : job.kind === "fetch" ? await fetchLog(caller, job) : await send(caller, job);
  const delayMs = await loopDelayMs(job.httpAddress);
  return { ...figures, ...(delayMs === undefined ? {} : { loopDelayMs: delayMs }) };
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2] ?? "") as LoadJob))}\n`);
// What is still open (connections, streams) is of no more use.
process.exit(0);
