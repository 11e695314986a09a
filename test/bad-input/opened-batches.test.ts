// Shows batches that are good for whoever looks at their header alone, as a broker does when it stores them, and bad for whoever opens them:
// look-ups by time and consumers name what is wrong within bounded memory, and go on behind it.

import { gzipSync, zstdCompressSync } from "node:zlib";
import { connect, DamagedRecordsError } from "@varve/client";
import { DecompressionError, type ErrorCode } from "@varve/model";
import { nodeCompression } from "@varve/runtime/node";
import { expect, test } from "vitest";
import { callNaively, type NaiveClients, onNaiveClients, recordNaively } from "../compat/naive-client.ts";
import { eventually, onRealServer } from "../compat/real-server.ts";
import { batchOf, batchOfBytes, bent } from "./batches.ts";

const timestampMs = 1_760_000_000_000;
const later = timestampMs + 1_000;
/** The bytes of one record "x" without time, key and headers: length, attributes, time, offset, key, value, headers. */
const record = Buffer.from([14, 0, 0, 0, 1, 2, 0x78, 0]);
const recordOf = (bytes: readonly number[]) => Buffer.from([bytes.length * 2, ...bytes]);

/** In each the header says a time that a look-up must open the batch for. */
const broken: readonly { readonly what: string; readonly batch: Buffer; readonly code: ErrorCode }[] = [
  { what: "2^31 - 1 records in the bytes of one", batch: batchOfBytes(record, 2_147_483_647), code: "INVALID_RECORD" },
  { what: "three records in the bytes of one", batch: batchOfBytes(record, 3), code: "INVALID_RECORD" },
  { what: "bytes behind the last record", batch: batchOfBytes(Buffer.concat([record, record]), 1), code: "INVALID_RECORD" },
  {
    what: "a record of a length that reaches too far",
    batch: batchOfBytes(Buffer.of(200, ...record.subarray(1)), 1),
    code: "INVALID_RECORD",
  },
  { what: "a record of a negative length", batch: batchOfBytes(Buffer.of(13, ...record.subarray(1)), 1), code: "INVALID_RECORD" },
  { what: "a key of the length -2", batch: batchOfBytes(recordOf([0, 0, 0, 3, 2, 0x78, 0]), 1), code: "INVALID_RECORD" },
  {
    what: "2^31 - 1 headers in no byte",
    batch: batchOfBytes(recordOf([0, 0, 0, 1, 2, 0x78, 0xfe, 0xff, 0xff, 0xff, 0x0f]), 1),
    code: "INVALID_RECORD",
  },
  { what: "an offset beyond the batch's last", batch: batchOfBytes(recordOf([0, 0, 200, 1, 1, 2, 0x78, 0]), 1), code: "INVALID_RECORD" },
  { what: "a varint without an end", batch: batchOfBytes(Buffer.alloc(20, 0xff), 1), code: "INVALID_RECORD" },
  { what: "nothing at all", batch: batchOfBytes(Buffer.alloc(0), 1), code: "INVALID_RECORD" },
  ...(["gzip", "snappy", "lz4", "zstd"] as const).map((codec, index) => ({
    what: `noise under ${codec}`,
    batch: bent(batchOfBytes(Buffer.alloc(100, 0xa7), 1), (bytes) => bytes.writeInt16BE(index + 1, 21)),
    code: "INVALID_RECORD" as const,
  })),
  { what: "64 MiB of zeros in 64 KiB of gzip", batch: bomb(1, gzipSync(Buffer.alloc(67_108_864))), code: "INVALID_RECORD" },
  { what: "64 MiB of zeros in 2 KiB of zstd", batch: bomb(4, zstdCompressSync(Buffer.alloc(67_108_864))), code: "INVALID_RECORD" },
];

function bomb(codec: number, payload: Buffer): Buffer {
  return bent(batchOfBytes(payload, 1_000), (bytes) => bytes.writeInt16BE(codec, 21));
}

function withTime(batch: Buffer): Buffer {
  return bent(batch, (bytes) => {
    bytes.writeBigInt64BE(BigInt(timestampMs), 27);
    bytes.writeBigInt64BE(BigInt(timestampMs), 35);
  });
}

/** Stores a good batch, the broken one, and a good one, in partition 0 of `orders`. @returns the offset behind the broken one. */
async function store({ admin, data }: NaiveClients, batch: Buffer): Promise<{ readonly topicId: Buffer; readonly resumeAt: number }> {
  const created = await callNaively(admin, "CreateTopics", { topics: [{ name: "orders" }] });
  const topicId: Buffer = created.topics[0].topicId;
  const stream = data.Produce!();
  const { messages } = recordNaively(stream);
  const before = batchOf(["before"], { timestampMs: timestampMs - 1_000 });
  for (const [index, one] of [before, withTime(batch), batchOf(["after"], { timestampMs: later })].entries()) {
    stream.write({ correlation: index, entries: [{ topicId, partition: 0, batch: one }] });
  }
  const answers = () => messages.flatMap((message) => message.answers);
  await eventually(() => answers().length === 3, "three answers");
  stream.end();
  expect(answers().map(({ results }) => results[0].errorCode)).toEqual([0, 0, 0]);
  return { topicId, resumeAt: answers()[2].results[0].baseOffset };
}

test.for(broken)("$what: stored, named by whoever opens it, and stepped over", ({ batch, code }) =>
  onRealServer((server) =>
    onNaiveClients(server.address, async (clients) => {
      const { topicId, resumeAt } = await store(clients, batch);
      const heldBefore = process.memoryUsage().arrayBuffers;

      const lookUp = async (time: number) => {
        const entries = [{ topicId, partition: 0, timestampMs: time }];
        return (await callNaively(clients.admin, "ListOffsets", { entries })).results[0];
      };
      expect((await lookUp(timestampMs)).error).toMatchObject({ code: 87 });
      expect(await lookUp(later)).toMatchObject({ error: null, offset: resumeAt });

      await using varve = await connect(server.address);
      const damages: DamagedRecordsError[] = [];
      const read: string[] = [];
      const onDamaged = (error: DamagedRecordsError) => {
        damages.push(error);
        return "skip" as const;
      };
      for await (const one of varve.consume("orders", { from: "earliest", until: "end", onDamaged })) read.push(one.text());
      expect(read.filter((value) => value !== "x")).toEqual(["before", "after"]);
      expect(damages).toHaveLength(1);
      expect(damages[0]).toMatchObject({ code, topic: "orders", partition: 0, resumeAt });
      expect(damages[0]!.from).toBeLessThan(resumeAt);

      const throwing = async () => {
        for await (const one of varve.consume("orders", { from: "earliest", until: "end" })) expect(one.text()).not.toBe("after");
      };
      await expect(throwing()).rejects.toThrow(DamagedRecordsError);
      // What a bomb would have filled is 64 MiB; nothing here may come near it.
      expect(process.memoryUsage().arrayBuffers - heldBefore).toBeLessThan(33_554_432);
    }),
  ),
);

/** A zstd frame with a window of 2^`log` bytes, which holds `content` as it is. Source: RFC 8878, 3.1.1. */
function zstdFrame(log: number, content: Uint8Array): Buffer {
  const block = (content.length << 3) | 1;
  return Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, block & 255, block >> 8, block >> 16), content]);
}

test("a zstd window of 128 MiB is opened, as Kafka's clients may write it; a wider one is refused whatever is in it", () => {
  const open = (log: number) => nodeCompression.decompress("zstd", zstdFrame(log, record), 1_000);
  expect(Buffer.compare(open(27), record)).toBe(0);
  expect(() => open(28)).toThrow(DecompressionError);
});
