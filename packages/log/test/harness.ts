// A store on a simulated machine, and the few things that most tests do with one.

import { defaults, type Offset, type PartitionId, type TopicConfig, topicConfigTable, toTopicId } from "@varve/model";
import { sleep } from "@varve/runtime";
import { type DiskOnly, diskOnly, type MachinePorts } from "@varve/sim";
import type { LogStore, LogStoreOptions, PartitionLog } from "../src/log.ts";
import { openLogStore } from "../src/open-store.ts";
import type { LogPorts } from "../src/store.ts";
import { clientBatch, joined, type StoredBatch, scriptCompression, takeApart } from "./history/batches.ts";
import { turn } from "./history/crash.ts";

export const topicConfig: TopicConfig = { ...defaults(topicConfigTable), "index.interval.bytes": 256 };

export const storeOptions: LogStoreOptions = {
  clusterId: "cluster",
  nodeId: 1,
  configOf: () => topicConfig,
  journalFiles: 4,
  journalFileBytes: 65_536,
  journalWaitingBytesMax: 32_768,
  tailBytesMax: 65_536,
  openFilesMax: 16,
  diskFreeBytesMin: 65_536,
  retentionCheckMs: 300_000,
  producerExpiryMs: 86_400_000,
  scrubBytesPerSecond: 0,
  onDiskFailure: (error) => {
    throw error;
  },
};

export function partition(number: number, topic = "AAAAAAAAAAAAAAAAAAAAAA"): PartitionId {
  return { topicId: toTopicId(topic), partition: number };
}

export function machine(seed = 1, options: Partial<Parameters<typeof diskOnly>[0]> = {}): DiskOnly {
  return diskOnly({ seed, turn, eventsMax: 200_000, ...options });
}

export function logPorts(ports: MachinePorts): LogPorts {
  return { ...ports, compression: scriptCompression };
}

export function open(
  ports: MachinePorts,
  options: Partial<LogStoreOptions> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<LogStore> {
  return openLogStore(logPorts(ports), { ...storeOptions, ...options }, signal);
}

let marks = 0;

/** A client's batch that looks like no other. */
export function batch(records = 1, valueBytes = 100, timestampMs = 1_767_225_600_000): Uint8Array {
  return clientBatch({ records, valueBytes, timestampMs, mark: ++marks });
}

/** Appends one batch, after waiting for room. @returns the stamped bytes. */
export async function append(log: PartitionLog, bytes: Uint8Array = batch(), leaderEpoch = 0): Promise<Uint8Array> {
  for (let room = log.room(bytes.length); room !== true; room = log.room(bytes.length)) await room;
  const result = log.appendAsLeader(bytes, leaderEpoch, 1_767_225_600_000);
  if (result.kind !== "appended") throw new Error(`not appended: ${JSON.stringify(result)}`);
  return bytes;
}

/** Waits, in the machine's time, until everything that was appended is durable. */
export async function durable(ports: Pick<MachinePorts, "clock">, log: PartitionLog): Promise<void> {
  while (log.durableEnd < log.logEnd) await sleep(ports.clock, 1);
}

export async function appendDurably(
  ports: Pick<MachinePorts, "clock">,
  log: PartitionLog,
  bytes: Uint8Array = batch(),
): Promise<Uint8Array> {
  await append(log, bytes);
  await durable(ports, log);
  return bytes;
}

/** Everything that a log holds, batch by batch. @throws {Error} where it is damaged. */
export async function contents(log: PartitionLog): Promise<readonly StoredBatch[]> {
  const chunks: Uint8Array[] = [];
  for (let from = log.logStart; from < log.logEnd; ) {
    const result = await log.read(from, 4_096, log.logEnd);
    if (result.kind !== "batches") throw new Error(`a read at ${from} answers ${result.kind}`);
    chunks.push(...result.chunks);
    from = result.nextOffset;
  }
  return takeApart(joined(chunks));
}

export function at(offset: number): Offset {
  return offset as Offset;
}
