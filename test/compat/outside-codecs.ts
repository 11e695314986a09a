// Record batches as two Kafka clients from npm make and read them: @platformatic/kafka with every codec, kafkajs with those it brings along.
// Nothing of ours is in here; what they give is put into one form, so that a test can compare.

import { type CompressionAlgorithmValue, crc32c, createRecordsBatch, Reader, readRecordsBatches } from "@platformatic/kafka";
import Decoder from "kafkajs/src/protocol/decoder.js";
import encodeRecord from "kafkajs/src/protocol/recordBatch/record/v0/index.js";
import decodeBatch from "kafkajs/src/protocol/recordBatch/v0/decoder.js";
import kafkajsBatch from "kafkajs/src/protocol/recordBatch/v0/index.js";

/** What goes into a batch. Times are milliseconds. */
export interface OutsideRecord {
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [key: string, value: string])[];
}

/** What came out of one. */
export type ReadRecord = OutsideRecord & { readonly offset: number };

/** A client of others: how it writes one batch, and how it reads many. */
export interface OutsideClient {
  readonly name: string;
  readonly codecs: readonly CompressionAlgorithmValue[];
  encode(records: readonly OutsideRecord[], codec: CompressionAlgorithmValue): Promise<Uint8Array>;
  decode(bytes: Uint8Array): Promise<readonly ReadRecord[]>;
}

export const platformatic: OutsideClient = {
  name: "@platformatic/kafka",
  codecs: ["none", "gzip", "snappy", "lz4", "zstd"],
  async encode(records, codec) {
    const messages = records.map(({ timestamp, key, value, headers }) => ({
      topic: "any",
      timestamp: BigInt(timestamp),
      // A client without a key passes none; an absent value is what a Kafka tombstone is.
      ...(key === null ? {} : { key: Buffer.from(key) }),
      value: bytesOf(value) as Buffer,
      headers: new Map(headers.map(([name, content]) => [Buffer.from(name), Buffer.from(content)])),
    }));
    return new Uint8Array(createRecordsBatch(messages, { compression: codec }).buffer);
  },
  async decode(bytes) {
    const read: ReadRecord[] = [];
    for (const batch of readRecordsBatches(Reader.from(Buffer.from(bytes)))) {
      for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
        read.push({
          offset: Number(batch.firstOffset) + offsetDelta,
          timestamp: Number(batch.firstTimestamp + timestampDelta),
          key: textOf(key),
          value: textOf(value),
          headers: headers.map(([name, content]) => [String(name), String(content)] as const),
        });
      }
    }
    return read;
  },
};

const kafkajsCodecs: readonly CompressionAlgorithmValue[] = ["none", "gzip"];

export const kafkajs: OutsideClient = {
  name: "kafkajs",
  codecs: kafkajsCodecs,
  async encode(records, codec) {
    const firstTimestamp = records[0]!.timestamp;
    const encoded = records.map(({ timestamp, key, value, headers }, offsetDelta) =>
      encodeRecord({
        offsetDelta,
        timestampDelta: timestamp - firstTimestamp,
        key: bytesOf(key),
        value: bytesOf(value),
        headers: Object.fromEntries(headers.map(([name, content]) => [name, Buffer.from(content)])),
      }),
    );
    const batch = await kafkajsBatch.RecordBatch({
      compression: kafkajsCodecs.indexOf(codec),
      firstTimestamp,
      maxTimestamp: Math.max(...records.map(({ timestamp }) => timestamp)),
      lastOffsetDelta: records.length - 1,
      records: encoded,
    });
    return new Uint8Array(batch.buffer);
  },
  async decode(bytes) {
    const decoder = new Decoder(Buffer.from(bytes));
    const read: ReadRecord[] = [];
    while (decoder.canReadInt32()) {
      for (const { offset, timestamp, key, value, headers } of (await decodeBatch(decoder)).records) {
        read.push({
          offset: Number(offset),
          timestamp: Number(timestamp),
          key: textOf(key),
          value: textOf(value),
          headers: Object.entries(headers).map(([name, content]) => [name, String(content)] as const),
        });
      }
    }
    return read;
  },
};

/** The checksum that a batch should have, by their arithmetic: they do not check it when they read. */
export function checksumOf(batch: Uint8Array): number {
  return crc32c(Buffer.from(batch.subarray(21)));
}

function bytesOf(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text);
}

function textOf(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString();
}
