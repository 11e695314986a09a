// One encoder of record batches in a process of its own: records in, finished batches with their checksums out.
// `node bench/load/encoders.ts '{"encoder","valueBytes","warmupSeconds","seconds"}'` prints {"recordsPerSecond"}.

import { createRequire } from "node:module";
import { BatchBuilder } from "@varve/record";
import { nodeCompression } from "@varve/runtime/node";

export type EncoderName = "varve" | "platformatic" | "kafkajs";

interface Job {
  readonly encoder: EncoderName;
  readonly valueBytes: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** Of values in one batch. */
const batchValueBytes = 65_536;
const keyBytes = 12;
const bytesMax = 1_048_588;

interface InputRecord {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly timestampMs: number;
}

/** Encodes one batch; kafkajs' answers with a promise. */
type Encode = () => unknown;

function varve(records: readonly InputRecord[]): Encode {
  const builder = new BatchBuilder({ bytesTarget: bytesMax, bytesMax }, nodeCompression);
  return () => {
    for (const { key, value, timestampMs } of records) builder.append(timestampMs, key, value);
    return builder.finish();
  };
}

async function platformatic(records: readonly InputRecord[]): Promise<Encode> {
  const { createRecordsBatch } = await import("@platformatic/kafka");
  const headers = new Map<Buffer, Buffer>();
  const messages = records.map(({ key, value, timestampMs }) => ({
    key,
    value,
    headers,
    timestamp: BigInt(timestampMs),
    topic: "bench",
    partition: 0,
  }));
  // Not asked for one contiguous buffer: it writes its parts to the socket.
  return () => createRecordsBatch(messages, {});
}

/** As its produce request does: kafkajs exports none of this. */
function kafkajs(records: readonly InputRecord[]): Encode {
  const require = createRequire(import.meta.url);
  const Record = require("kafkajs/src/protocol/recordBatch/record/v0") as (record: object) => object;
  const { RecordBatch } = require("kafkajs/src/protocol/recordBatch/v0") as { RecordBatch: (batch: object) => Promise<unknown> };
  const firstTimestamp = records[0]!.timestampMs;
  const maxTimestamp = records.at(-1)!.timestampMs;
  return () => {
    const encoded = records.map(({ key, value, timestampMs }, offsetDelta) =>
      Record({ key, value, offsetDelta, timestampDelta: timestampMs - firstTimestamp }),
    );
    return RecordBatch({ records: encoded, firstTimestamp, maxTimestamp, lastOffsetDelta: records.length - 1 });
  };
}

async function run({ encoder, valueBytes, warmupSeconds, seconds }: Job): Promise<number> {
  const count = Math.floor(batchValueBytes / valueBytes);
  const records = Array.from({ length: count }, (_, at) => ({
    key: Buffer.alloc(keyBytes, 48 + (at % 10)),
    value: Buffer.alloc(valueBytes, 97 + (at % 26)),
    timestampMs: Date.now() + at,
  }));
  const encode = encoder === "varve" ? varve(records) : encoder === "platformatic" ? await platformatic(records) : kafkajs(records);
  const encodeFor = async (forSeconds: number): Promise<number> => {
    const startMs = performance.now();
    const endMs = startMs + forSeconds * 1_000;
    let batches = 0;
    for (; performance.now() < endMs; batches++) {
      const batch = encode();
      if (batch instanceof Promise) await batch;
    }
    return (batches * count) / ((performance.now() - startMs) / 1_000);
  };
  await encodeFor(warmupSeconds);
  return encodeFor(seconds);
}

if (import.meta.main) {
  process.stdout.write(`${JSON.stringify({ recordsPerSecond: await run(JSON.parse(process.argv[2] ?? "") as Job) })}\n`);
  process.exit(0);
}
