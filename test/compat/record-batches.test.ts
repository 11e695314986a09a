// Shows that our record batches are Kafka's: other clients' decoders read the segment files of a broker, and batches that their encoders
// made are stored and come back byte for byte, through a whole server.

import { readFile } from "node:fs/promises";
import type { FetchResult, ProduceResult } from "@varve/api";
import { connect } from "@varve/client";
import { ClusterError, codecs, type TopicId, toOffset } from "@varve/model";
import type { GrpcCaller } from "@varve/transport-grpc";
import { expect, test } from "vitest";
import { checksumOf, kafkajs, type OutsideRecord, platformatic } from "./outside-codecs.ts";
import { createTopic, onRealServer, segmentPaths } from "./real-server.ts";

const startMs = 1_760_000_000_000;

/** Records as people have them: with and without key, value and headers, text of all alphabets, repeated enough for every codec to bite. */
function recordsFrom(first: number, count: number): readonly OutsideRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const number = first + index;
    return {
      timestamp: startMs + number * 7,
      key: number % 5 === 0 ? null : `customer-${number % 13}`,
      value: number % 17 === 3 ? null : `{"order":${number},"city":"Århus · 札幌","note":"${"again and ".repeat(number % 9)}"}`,
      headers: number % 4 === 0 ? [["trace", `t-${number}`] as const, ["empty", ""] as const] : [],
    };
  });
}

const numbered = (records: readonly OutsideRecord[]) => records.map((record, offset) => ({ ...record, offset }));

async function produce(caller: GrpcCaller, topicId: TopicId, batch: Uint8Array): Promise<ProduceResult> {
  const outcome = await new Promise<readonly ProduceResult[] | ClusterError>((done) => {
    const call = caller.openProduce({ ready: () => {}, closed: () => {} });
    const entries = [{ id: { topicId, partition: 0 }, leaderEpoch: undefined, batch }];
    call.send({ acks: "all", timeoutMs: 30_000, entries }, done);
    call.end();
  });
  if (outcome instanceof ClusterError) throw outcome;
  return outcome[0]!;
}

/** All bytes from `from` on, as a consumer gets them. */
async function fetchBytes(caller: GrpcCaller, topicId: TopicId): Promise<Uint8Array> {
  const outcome = await new Promise<readonly FetchResult[] | ClusterError>((done) => {
    const call = caller.openFetch({ ready: () => {}, closed: () => {} });
    const entries = [{ id: { topicId, partition: 0 }, from: toOffset(0), maxBytes: 6_000_000, leaderEpoch: undefined }];
    call.send({ maxWaitMs: 0, minBytes: 0, maxBytes: 6_000_000, entries }, done);
    call.end();
  });
  if (outcome instanceof ClusterError) throw outcome;
  const [result] = outcome;
  if (result?.kind !== "batches") throw new Error(`nothing was read: ${JSON.stringify(result)}`);
  return Buffer.concat(result.chunks);
}

/** The batch as a leader of epoch 0 stores it at `baseOffset`: two fields before the checksum, nothing else. */
function stamped(batch: Uint8Array, baseOffset: number): Buffer {
  const bytes = Buffer.from(batch);
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  bytes.writeInt32BE(0, 12);
  return bytes;
}

async function segmentBytes(dataFolder: string, topicId: TopicId): Promise<readonly Buffer[]> {
  return Promise.all((await segmentPaths(dataFolder, topicId)).map((path) => readFile(path)));
}

test.for(codecs)("segments that a broker wrote from %s batches of the SDK are read by other clients' decoders, checksums too", (codec) =>
  onRealServer(async (server) => {
    const records = recordsFrom(0, 3_000);
    const caller = await server.connect();
    const topicId = await createTopic(caller, "orders", { "segment.bytes": "65536" });
    await using varve = await connect(server.address);
    await using producer = varve.producer({ compression: codec, batchBytes: 8_192, lingerMs: 5 });
    await Promise.all(records.map((record) => producer.send("orders", record)));
    const segments = await segmentBytes(server.dataFolder, topicId);
    if (codec === "none") expect(segments.length).toBeGreaterThan(2);
    const readers = kafkajs.codecs.includes(codec) ? [platformatic, kafkajs] : [platformatic];
    for (const reader of readers) {
      const read = [];
      for (const segment of segments) read.push(...(await reader.decode(segment)));
      expect(read, reader.name).toEqual(numbered(records));
    }
    const batches = segments.flatMap(batchesOf);
    expect(batches.some((batch) => (batch.readInt16BE(21) & 7) === codecs.indexOf(codec))).toBe(true);
    for (const batch of batches) expect(batch.readUInt32BE(17)).toBe(checksumOf(batch));
  }),
);

const encodings = [platformatic, kafkajs].flatMap((client) => client.codecs.map((codec) => ({ client, codec, name: client.name })));

/** With none of the newest batches in memory, everything is read from the disk; with the default, nothing is. */
const places = [0, undefined];

test.for(encodings)(
  "$codec batches of $name are stored and come back byte for byte, from memory and from the disk",
  async ({ client, codec }) => {
    for (const tailBytes of places) {
      await onRealServer(
        async (server) => {
          const caller = await server.connect();
          const topicId = await createTopic(caller, "orders");
          const expected: Buffer[] = [];
          for (let number = 0; number < 200; number += 50) {
            const batch = await client.encode(recordsFrom(number, 50), codec);
            expected.push(stamped(batch, number));
            expect(await produce(caller, topicId, batch)).toMatchObject({ kind: "stored", baseOffset: number });
          }
          const bytes = Buffer.concat(expected);
          expect(Buffer.compare(await fetchBytes(caller, topicId), bytes)).toBe(0);
          const [segment] = await segmentBytes(server.dataFolder, topicId);
          expect(Buffer.compare(segment!, bytes)).toBe(0);
          expect(await client.decode(await fetchBytes(caller, topicId))).toEqual(numbered(recordsFrom(0, 200)));
        },
        tailBytes === undefined ? {} : { "tail.bytes": tailBytes },
      );
    }
  },
);

test.for(encodings)("$codec batches of $name are read by our consumer, record by record", ({ client, codec }) =>
  onRealServer(async (server) => {
    const caller = await server.connect();
    const topicId = await createTopic(caller, "orders");
    await produce(caller, topicId, await client.encode(recordsFrom(0, 100), codec));
    await using varve = await connect(server.address);
    const read = [];
    for await (const record of varve.consume("orders", { from: "earliest", until: "end" })) {
      read.push({
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key === null ? null : new TextDecoder().decode(record.key),
        value: record.value === null ? null : new TextDecoder().decode(record.value),
        headers: record.headers.map(({ key, value }) => [key, new TextDecoder().decode(value!)]),
      });
    }
    expect(read).toEqual(numbered(recordsFrom(0, 100)));
  }),
);

function batchesOf(segment: Buffer): readonly Buffer[] {
  const batches: Buffer[] = [];
  for (let at = 0; at < segment.length; ) {
    const sizeBytes = segment.readInt32BE(at + 8) + 12;
    batches.push(segment.subarray(at, at + sizeBytes));
    at += sizeBytes;
  }
  return batches;
}
