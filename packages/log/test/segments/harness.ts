// What the tests of segments share: a machine with nothing but a disk, batches by the few numbers that matter, and a folder of its own.

import { type Compression, defaults, type Offset, type TopicConfig, toOffset, topicConfigTable } from "@varve/model";
import { BatchBuilder, baseOffsetOf, batchSize, lastOffsetOf, stampBatch } from "@varve/record";
import type { Disk, DiskFile } from "@varve/runtime";
import { nodeCompression } from "@varve/runtime/node";
import { type DiskOnly, diskOnly, type MachinePorts } from "@varve/sim";
import type { ReadResult } from "../../src/log.ts";
import { createSegmentContext, type SegmentContext } from "../../src/segments/context.ts";
import { createSegmentedLog, type SegmentedLog } from "../../src/segments/segmented-log.ts";

export const folder = "p";
export const compression: Compression = nodeCompression;

export function topicConfig(changes: Partial<TopicConfig> = {}): TopicConfig {
  return { ...defaults(topicConfigTable), ...changes };
}

export function machine(seed = 1): DiskOnly {
  return diskOnly({ seed, turn: () => new Promise((resolve) => setImmediate(resolve)) });
}

/** A disk that tells of every read: how many bytes, from where. */
export function watchReads(disk: Disk, told: (path: string, bytes: number, position: number) => void): Disk {
  return watchOpens(disk, (file) => {
    const read = file.read.bind(file);
    file.read = (into, position) => {
      told(file.path, into.length, position);
      return read(into, position);
    };
  });
}

/** A disk of which every file is shown before it is used, and may be changed. */
export function watchOpens(disk: Disk, shown: (file: DiskFile) => void): Disk {
  return {
    open: async (path, mode) => {
      const file = await disk.open(path, mode);
      shown(file);
      return file;
    },
    rename: (from, to) => disk.rename(from, to),
    unlink: (path) => disk.unlink(path),
    list: (path) => disk.list(path),
    makeFolder: (path) => disk.makeFolder(path),
    removeFolder: (path) => disk.removeFolder(path),
    syncFolder: (path) => disk.syncFolder(path),
    modifiedMs: (path) => disk.modifiedMs(path),
    space: () => disk.space(),
    lock: () => disk.lock(),
  };
}

export interface ContextOptions {
  readonly tailBytesMax?: number;
  readonly openFilesMax?: number;
  readonly producerExpiryMs?: number;
  readonly checkpointIntervalBytes?: number;
}

export function contextOf(ports: Pick<MachinePorts, "disk" | "clock" | "logger">, options: ContextOptions = {}): SegmentContext {
  return createSegmentContext(
    { disk: ports.disk, clock: ports.clock, logger: ports.logger, compression },
    { tailBytesMax: 1_048_576, openFilesMax: 8, producerExpiryMs: 86_400_000, ...options },
  );
}

export interface BatchOptions {
  readonly epoch?: number;
  readonly records?: number;
  /** Of each record. */
  readonly valueBytes?: number;
  readonly timestampMs?: number;
  readonly producer?: { readonly id: number; readonly epoch: number; readonly baseSequence: number };
  /** Fills the values. */
  readonly fill?: number;
}

/** One stamped batch at `base`. */
export function batchAt(base: number, options: BatchOptions = {}): Uint8Array {
  const { epoch = 0, records = 1, valueBytes = 20, timestampMs = 1_700_000_000_000 + base, producer, fill = base } = options;
  const bytesMax = 1_000 + records * (valueBytes + 40);
  const builder = new BatchBuilder({ bytesTarget: bytesMax, bytesMax }, compression);
  for (let record = 0; record < records; record++) builder.append(timestampMs, null, new Uint8Array(valueBytes).fill(fill & 0xff));
  const batch = builder.finish({ producer });
  stampBatch(batch, 0, base, epoch);
  return batch;
}

export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** The whole batches of a read, each by itself. */
export function batchesOf(result: ReadResult | undefined): readonly Uint8Array[] {
  if (result?.kind !== "batches")
    throw new Error(`not batches but ${result?.kind}: ${result?.kind === "damaged" ? result.error.message : ""}`);
  const batches: Uint8Array[] = [];
  for (const chunk of result.chunks) {
    for (let at = 0; at < chunk.length; at += batchSize(chunk, at)) batches.push(chunk.subarray(at, at + batchSize(chunk, at)));
  }
  return batches;
}

export function basesOf(result: ReadResult | undefined): readonly number[] {
  return batchesOf(result).map((batch) => baseOffsetOf(batch, 0));
}

export function endOf(batch: Uint8Array): number {
  return lastOffsetOf(batch, 0) + 1;
}

/** Reads all of [from, below), and fails on damage. */
export async function readAll(
  log: { read(from: Offset, bytesMax: number, below: Offset): ReadResult | Promise<ReadResult> },
  from: number,
  below: number,
  bytesMax = 4_096,
): Promise<readonly Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (let offset = from; offset < below; ) {
    const batches = batchesOf(await log.read(toOffset(offset), bytesMax, toOffset(below)));
    if (batches.length === 0) break;
    all.push(...batches);
    offset = endOf(batches.at(-1)!);
  }
  return all;
}

/** Segments of 4 KiB, with an index entry for every few batches. */
export const small: TopicConfig = topicConfig({ "segment.bytes": 4096, "index.interval.bytes": 200 });

/** Appends batches of 1, 2, 3, 1, 2, 3, … records from the end on; rolls when it must. */
export async function fill(log: SegmentedLog, count: number): Promise<readonly Uint8Array[]> {
  const batches: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const batch = batchAt(log.logEnd, { records: 1 + (index % 3), valueBytes: 100 });
    if (log.mustRoll(batch.length, 0)) await log.roll();
    log.appendStamped(batch);
    batches.push(batch.slice());
  }
  return batches;
}

/** Runs `use` on a log that is empty. */
export async function withLog(
  use: (log: SegmentedLog, world: DiskOnly, ports: MachinePorts) => Promise<void>,
  config = small,
  options: ContextOptions = {},
): Promise<void> {
  const world = machine();
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    await use(await createSegmentedLog(contextOf(ports, options), folder, config, toOffset(0)), world, ports);
  });
}

/** Bases of the segments in the folder. */
export function logFiles(world: DiskOnly): readonly number[] {
  const names = world.disk
    .folder(folder)
    .names()
    .filter((name) => name.endsWith(".log"));
  return names.map((name) => Number(name.slice(0, 20)));
}
