// Pre-encoded batches up a produce stream: without fsync against the bare loop, and with fsync against the same without.

import type { ProduceJob } from "../load/protocol.ts";
import { bareCell, halves, halvesOf, interleaved, type LoadOf, loadCell, type Row, rowOfPairs, shown, vitals, vitalsOf } from "../row.ts";

/**
 * A log of one partition keeps between 64 and 128 MiB, as much as the bare loop's file. A guest of a hypervisor pays for memory that it
 * has never touched, or gave back: a log that grows without end would measure the host. See docs/decisions/0010-the-same-file-write.md.
 */
const boundedLog = { "segment.bytes": "67108864", "retention.bytes": "67108864" } as const;

export function produceLoad(
  durability: "replicated" | "fsync",
  {
    batchBytes = 16_384,
    depth,
    partitionCount = 1,
    isBounded = true,
  }: { readonly batchBytes?: number; readonly depth: number; readonly partitionCount?: number; readonly isBounded?: boolean },
): LoadOf<ProduceJob> {
  const config = isBounded ? { durability, ...boundedLog } : { durability };
  return { kind: "produce", topic: "bench", partitionCount, config, batchBytes, depth };
}

function againstBare(name: string, cell: "produce-16k" | "produce-128k", batchBytes: number, ratio: number): Row {
  return rowOfPairs(
    {
      name,
      about: `produce, pre-encoded batches of ${batchBytes / 1_024} KiB, 8 in flight, durability=replicated, against the bare bidi loop`,
      measures: {
        ...halves(ratio),
        "throughput, file overwritten in place": { unit: "MB/s", goal: shown },
        "cpu, file overwritten in place": { unit: "broker CPU s/GB", goal: shown },
        ...vitals,
      },
    },
    async (context, at) => {
      const [ours, bare, inPlace] = await interleaved(at, [
        () => loadCell(context, produceLoad("replicated", { batchBytes, depth: 8 })),
        // The same file write as a log's: at the end of a file that grows.
        () => bareCell(context, cell, { extend: true }),
        () => bareCell(context, cell),
      ] as const);
      const beside = halvesOf(ours, inPlace);
      return {
        ...halvesOf(ours, bare),
        "throughput, file overwritten in place": beside.throughput,
        "cpu, file overwritten in place": beside.cpu,
        ...vitalsOf(ours),
      };
    },
  );
}

export const produce16k: Row = againstBare("produce-16k", "produce-16k", 16_384, 0.7);
export const produce128k: Row = againstBare("produce-128k", "produce-128k", 131_072, 0.8);

export const produceFsync: Row = rowOfPairs(
  {
    name: "produce-16k-fsync",
    about: "produce with fsync before ack, batches of 16 KiB, 64 in flight, against the same without fsync",
    measures: {
      ...halves(0.7),
      "throughput, bare with fdatasync": { unit: "MB/s", goal: shown },
      "latency p50": { unit: "ms", goal: shown },
      "latency p99": { unit: "ms", goal: shown },
      ...vitals,
    },
  },
  async (context, at) => {
    const [fsync, relaxed, bare] = await interleaved(at, [
      () => loadCell(context, produceLoad("fsync", { depth: 64 })),
      () => loadCell(context, produceLoad("replicated", { depth: 64 })),
      () => bareCell(context, "produce-16k-durable"),
    ] as const);
    return {
      ...halvesOf(fsync, relaxed),
      "throughput, bare with fdatasync": { value: fsync.bytesPerSecond / 1e6, floor: bare.bytesPerSecond / 1e6 },
      "latency p50": { value: fsync.latencyMicros!.p50 / 1_000 },
      "latency p99": { value: fsync.latencyMicros!.p99 / 1_000 },
      ...vitalsOf(fsync),
    };
  },
);

const openLoopPerSecond = 2_000;

export const openLoop: Row = rowOfPairs(
  {
    name: "open-loop",
    about: `${openLoopPerSecond} batches of 16 KiB a second with fsync before ack, whatever the answers do; latency from the moment each was due`,
    measures: {
      "batches done": { unit: "per second", goal: shown },
      p50: { unit: "ms", goal: shown },
      p99: { unit: "ms", goal: shown },
      "p99.9": { unit: "ms", goal: shown },
      max: { unit: "ms", goal: shown },
      ...vitals,
    },
  },
  async (context) => {
    const ours = await loadCell(context, { ...produceLoad("fsync", { depth: 512 }), perSecond: openLoopPerSecond });
    const { p50, p99, p999, max } = ours.latencyMicros!;
    return {
      "batches done": { value: ours.opsPerSecond, floor: openLoopPerSecond },
      p50: { value: p50 / 1_000 },
      p99: { value: p99 / 1_000 },
      "p99.9": { value: p999 / 1_000 },
      max: { value: max / 1_000 },
      ...vitalsOf(ours),
    };
  },
);
