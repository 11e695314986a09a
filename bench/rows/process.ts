// The server as a process: from its start to the first durable acknowledgement, what it needs while nobody asks anything, and its restart on
// a log of a gigabyte.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { batchOfSize, cpuSeconds, residentBytes } from "@varve/load";
import type { PartitionId } from "@varve/model";
import { nodeCompression } from "@varve/runtime/node";
import type { GrpcCaller } from "@varve/transport-grpc";
import {
  type BrokerOptions,
  type BrokerProcess,
  callerWhenListening,
  createTopic,
  retry,
  settled,
  spawnBroker,
} from "../broker-process.ts";
import { journalGrown } from "../home.ts";
import { runLoadOn } from "../load/run-load.ts";
import { bareCell, type OpenRow, type Row, type Samples, shown } from "../row.ts";

const topic = "bench";
const timeoutMs = 30_000;

/** One batch of one record, durable when it resolves. */
function produceOne(caller: GrpcCaller, id: PartitionId): Promise<void> {
  const batch = batchOfSize(1_152, 1_000, Date.now(), nodeCompression);
  return new Promise((resolve, reject) => {
    const call = caller.openProduce({ ready: () => {}, closed: () => {} });
    call.send({ acks: "all", timeoutMs, entries: [{ id, leaderEpoch: undefined, batch }] }, (outcome) => {
      call.cancel();
      const failure = outcome instanceof Error ? outcome : outcome.find((result) => result.kind === "failed")?.failure;
      if (failure === undefined) resolve();
      else reject(new Error(failure.message));
    });
  });
}

async function findTopic(caller: GrpcCaller): Promise<PartitionId> {
  const [outcome] = await caller.admin.describeTopics([{ name: topic }], new AbortController().signal);
  if (outcome?.kind !== "ok") throw new Error(`topic ${topic}: ${outcome?.failure.message ?? "no answer"}`);
  return { topicId: outcome.value.topicId, partition: 0 };
}

/** Starts a broker and produces one record. @returns it, and how long it took from just before its process was made. */
async function startToAck(
  options: BrokerOptions,
  partition: (caller: GrpcCaller) => Promise<PartitionId>,
): Promise<{ readonly broker: BrokerProcess; readonly elapsedMs: number }> {
  const broker = await spawnBroker(options);
  const caller = await callerWhenListening(broker.address);
  const id = await retry(() => partition(caller));
  await retry(() => produceOne(caller, id));
  const elapsedMs = performance.now() - broker.spawnedMs;
  await caller.close();
  return { broker, elapsedMs };
}

const newTopic = async (caller: GrpcCaller) => (await createTopic(caller, topic, 1, {}))[0]!;

async function firstAckMs(options: BrokerOptions): Promise<number> {
  const { broker, elapsedMs } = await startToAck(options, newTopic);
  await broker.remove();
  return elapsedMs;
}

/** Without the compiled code that the install leaves beside the program. */
const noCompileCache = { NODE_COMPILE_CACHE: "", NODE_DISABLE_COMPILE_CACHE: "1" };

/** Ended processes of Node that do nothing, for the floor of one pair. */
const bareStarts = 5;

export const start: Row = {
  name: "start",
  about:
    "from the start of the process to the first durable acknowledgement on an empty directory, against a Node process that does nothing",
  measures: {
    "compile cache warm": { unit: "ms", goal: { kind: "at most", value: 400 } },
    "compile cache warm, ratio": { unit: "ms", goal: { kind: "ratio at most", ratio: 5 } },
    "compile cache off": { unit: "ms", goal: shown },
  },
  async open(context): Promise<OpenRow> {
    const { folder } = context;
    return {
      async pair(): Promise<Samples> {
        const warmMs = await firstAckMs({ folder });
        const bare = await bareCell(context, "node-start", { count: bareStarts });
        const coldMs = await firstAckMs({ folder, environment: noCompileCache });
        const floor = bare.latencyMicros!.p50 / 1_000;
        return {
          "compile cache warm": { value: warmMs },
          "compile cache warm, ratio": { value: warmMs, floor },
          "compile cache off": { value: coldMs, floor },
        };
      },
      close: async () => {},
    };
  },
};

const idleSeconds = 10;
const quickIdleSeconds = 2;

export const idle: Row = {
  name: "idle",
  about: "a server that nobody asks anything, once its first seconds are over: resident memory and processor time",
  measures: {
    memory: { unit: "MB RSS", goal: { kind: "at most", value: 90 } },
    cpu: { unit: "% of a processor", goal: { kind: "at most", value: 0.5 } },
  },
  async open(context): Promise<OpenRow> {
    const { folder, isQuick } = context;
    const seconds = isQuick ? quickIdleSeconds : idleSeconds;
    return {
      async pair(): Promise<Samples> {
        const { broker } = await startToAck({ folder }, newTopic);
        await journalGrown(broker.dataFolder);
        await settled(broker.pid);
        const before = cpuSeconds(broker.pid);
        await delay(seconds * 1_000);
        const share = (cpuSeconds(broker.pid) - before) / seconds;
        const bytes = residentBytes(broker.pid);
        await broker.remove();
        return { memory: { value: bytes / 1e6 }, cpu: { value: share * 100 } };
      },
      close: async () => {},
    };
  },
};

const logBytes = 1_000_000_000;
const quickLogBytes = 50_000_000;
/** Of load before each crash. */
const loadSeconds = 1;

export const restart: Row = {
  name: "restart",
  about: "from the start of the process to the first durable acknowledgement on a log of 1 GB, against the same on an empty directory",
  measures: {
    "after a clean stop": { unit: "ms", goal: { kind: "ratio at most", ratio: 1.5 } },
    "after kill -9 under load": { unit: "ms", goal: { kind: "ratio at most", ratio: 3 } },
  },
  async open(context): Promise<OpenRow> {
    const { folder, isQuick } = context;
    const dataFolder = mkdtempSync(join(folder || tmpdir(), "varve-bench-restart-"));
    const options: BrokerOptions = { folder, dataFolder };
    const load = {
      kind: "produce",
      topic,
      partitionCount: 1,
      config: { durability: "fsync" },
      batchBytes: 65_536,
      depth: 16,
      warmupSeconds: 0,
      isExisting: true,
    } as const;
    const first = (await startToAck(options, newTopic)).broker;
    await runLoadOn(first, { ...load, seconds: fillSecondsMax, bytesMax: isQuick ? quickLogBytes : logBytes });
    await first.end("SIGTERM");
    return {
      async pair(): Promise<Samples> {
        const floor = await firstAckMs({ folder });
        const clean = await startToAck(options, findTopic);
        const loaded = runLoadOn(clean.broker, { ...load, seconds: 2 * loadSeconds }).catch(() => undefined);
        await delay(loadSeconds * 1_000);
        await clean.broker.end("SIGKILL");
        await loaded;
        const killed = await startToAck(options, findTopic);
        await killed.broker.end("SIGTERM");
        return {
          "after a clean stop": { value: clean.elapsedMs, floor },
          "after kill -9 under load": { value: killed.elapsedMs, floor },
        };
      },
      async close() {
        rmSync(dataFolder, { recursive: true, force: true });
      },
    };
  },
};

/** A disk that takes less than 17 MB/s makes a smaller log. */
const fillSecondsMax = 60;
