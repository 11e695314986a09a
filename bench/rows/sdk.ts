// The SDK: its encoder against those of the Kafka clients for Node, and one record in flight against a bare round trip with one fdatasync.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Measure } from "../figures.ts";
import type { EncoderName } from "../load/encoders.ts";
import { bareCell, interleaved, loadCell, type Row, type RunContext, rowOfPairs, type Samples, shown, vitals, vitalsOf } from "../row.ts";

/** An encoder is at its speed soon, and there are six cells in a pair. */
const encoderTimes = { warmupSeconds: 0.5, seconds: 0.7 };

async function encode({ isQuick }: RunContext, encoder: EncoderName, valueBytes: number): Promise<number> {
  const program = join(import.meta.dirname, "..", "load", "encoders.ts");
  const job = JSON.stringify({ encoder, valueBytes, ...(isQuick ? { warmupSeconds: 0.2, seconds: 0.2 } : encoderTimes) });
  const { stdout } = await promisify(execFile)(process.execPath, [program, job], { timeout: 60_000 });
  return (JSON.parse(stdout) as { readonly recordsPerSecond: number }).recordsPerSecond;
}

const sizes = { "1 KiB records": 1_024, "100 B records": 100 } as const;
const encoderMeasures: Record<string, Measure> = {};
for (const size of Object.keys(sizes)) {
  encoderMeasures[size] = { unit: "records/s", goal: { kind: "ratio at least", ratio: 1.5 } };
  encoderMeasures[`${size}, @platformatic/kafka`] = { unit: "records/s", goal: shown };
  encoderMeasures[`${size}, kafkajs`] = { unit: "records/s", goal: shown };
}

export const encoder: Row = rowOfPairs(
  {
    name: "encoder",
    about: "records in, finished batch of 64 KiB with its checksum out, against the better of @platformatic/kafka's and kafkajs' encoders",
    measures: encoderMeasures,
  },
  async (context, at) => {
    const samples: Record<string, Samples[string]> = {};
    for (const [size, valueBytes] of Object.entries(sizes)) {
      const [ours, platformatic, kafkajs] = await interleaved(at, [
        () => encode(context, "varve", valueBytes),
        () => encode(context, "platformatic", valueBytes),
        () => encode(context, "kafkajs", valueBytes),
      ] as const);
      samples[size] = { value: ours, floor: Math.max(platformatic, kafkajs) };
      samples[`${size}, @platformatic/kafka`] = { value: platformatic };
      samples[`${size}, kafkajs`] = { value: kafkajs };
    }
    return samples;
  },
);

export const oneInFlight: Row = rowOfPairs(
  {
    name: "one-in-flight",
    about: "the SDK's send of one record of 1 KiB after the other, acks=all, fsync: p50 against a bare bidi round trip with one fdatasync",
    measures: {
      p50: { unit: "µs", goal: { kind: "ratio at most", ratio: 2 } },
      p99: { unit: "µs", goal: shown },
      "p50 of a pre-encoded batch": { unit: "µs", goal: shown },
    },
  },
  async (context, at) => {
    const [send, bare, raw] = await interleaved(at, [
      () => loadCell(context, { kind: "send", topic: "bench", config: { durability: "fsync" }, valueBytes: 1_024, depth: 1 }),
      () => bareCell(context, "round-trip-durable"),
      () =>
        loadCell(context, {
          kind: "produce",
          topic: "bench",
          partitionCount: 1,
          config: { durability: "fsync" },
          batchBytes: 1_152,
          depth: 1,
        }),
    ] as const);
    const floor = bare.latencyMicros!;
    return {
      p50: { value: send.latencyMicros!.p50, floor: floor.p50 },
      p99: { value: send.latencyMicros!.p99, floor: floor.p99 },
      "p50 of a pre-encoded batch": { value: raw.latencyMicros!.p50, floor: floor.p50 },
    };
  },
);

export const sdkProduce: Row = rowOfPairs(
  {
    name: "sdk-produce",
    about: "the SDK's send of records of 1 KiB with 2,000 unanswered, acks=all, fsync, one partition",
    measures: { records: { unit: "per second", goal: shown }, "latency p99": { unit: "ms", goal: shown }, ...vitals },
  },
  async (context) => {
    const ours = await loadCell(context, {
      kind: "send",
      topic: "bench",
      config: { durability: "fsync" },
      valueBytes: 1_024,
      depth: 2_000,
    });
    return {
      records: { value: ours.recordsPerSecond },
      "latency p99": { value: ours.latencyMicros!.p99 / 1_000 },
      ...vitalsOf(ours),
    };
  },
);
