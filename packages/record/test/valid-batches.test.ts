// Every sound batch of Kafka's is read as Kafka reads it, and what the builder makes of the same records has Kafka's bytes.

import { ClusterError } from "@varve/model";
import { nodeCompression } from "@varve/runtime/node";
import { describe, expect, test } from "vitest";
import {
  BatchBuilder,
  type BatchHeader,
  buildControlBatch,
  buildEndTransactionMarker,
  type ControlType,
  checkStoredBatch,
  codecOf,
  hasDeleteHorizon,
  isControl,
  isLogAppendTime,
  isTransactional,
  readBatchHeader,
  readControlBatch,
  readRecords,
  sequencePlus,
  stampBatch,
  stampLogAppendTime,
  walkBatches,
} from "../src/index.ts";
import { bytesOf, described, fromHex, type GoldenBatch, type GoldenRecord, lines, toHex, type ValidLine } from "./golden.ts";

const valid = lines<ValidLine>("valid");

/** What Kafka reads and we refuse: an int64 that no JavaScript number holds exactly. Kafka itself hands out ids and offsets from 0 up. */
const beyondSafeIntegers = [
  ["time/create-4", "baseTimestamp and maxTimestamp are 2^63 - 1"],
  ["time/create-7", "maxTimestamp is 2^63 - 1"],
  ["producer/idempotent-2", "producerId is 2^63 - 1"],
  ["producer/transactional-2", "producerId is 2^63 - 1"],
  ["offset/max", "offsets end at 2^63 - 8"],
  ["offset/above-2^53", "offsets begin at 2^53 + 1"],
  ...[0, 7, 15, 16, 31, 37, 46, 55].map((number) => [`random/${number}`, "producerId is a random int64"] as const),
] as const;
const refusedIds: ReadonlySet<string> = new Set(beyondSafeIntegers.map(([id]) => id));
const isOldFormat = (line: ValidLine): boolean => line.id.startsWith("old/");
const read = valid.filter((line) => !isOldFormat(line) && !refusedIds.has(line.id));

function expectedRecords(line: ValidLine, batch: GoldenBatch): readonly GoldenRecord[] {
  const other = valid.find((candidate) => candidate.id === line.sameRecordsAs);
  return other?.batches[0]?.records ?? batch.records;
}

function describeHeader(header: BatchHeader): Omit<GoldenBatch, "records"> {
  const { attributes } = header;
  const isIdempotent = header.baseSequence >= 0;
  return {
    position: header.at,
    sizeInBytes: header.sizeBytes,
    magic: header.magic,
    baseOffset: String(header.baseOffset),
    lastOffset: String(header.lastOffset),
    partitionLeaderEpoch: header.leaderEpoch,
    crc: header.crc,
    compression: codecOf(attributes),
    timestampType: isLogAppendTime(attributes) ? "LogAppendTime" : "CreateTime",
    isTransactional: isTransactional(attributes),
    isControl: isControl(attributes),
    baseTimestamp: String(header.baseTimestamp),
    maxTimestamp: String(header.maxTimestamp),
    deleteHorizonMs: hasDeleteHorizon(attributes) ? String(header.baseTimestamp) : null,
    producerId: String(header.producerId),
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    lastSequence: isIdempotent ? sequencePlus(header.baseSequence, header.lastOffsetDelta) : -1,
    recordCount: header.recordCount,
  };
}

test("the corpus is whole", () => {
  expect(valid).toHaveLength(203);
  expect(read).toHaveLength(203 - 4 - beyondSafeIntegers.length);
});

describe.each(read)("$id", (line) => {
  const bytes = bytesOf(line);

  test("is walked batch by batch, up to a cut one", () => {
    const found: unknown[] = [];
    const end = walkBatches(bytes, (position, sizeInBytes) => found.push({ position, sizeInBytes }));
    expect(found).toEqual(line.batches.map(({ position, sizeInBytes }) => ({ position, sizeInBytes })));
    expect({ kind: end.kind, at: end.at }).toEqual({ kind: line.trailingBytes > 0 ? "cut" : "end", at: bytes.length - line.trailingBytes });
  });

  test("has the headers and records that Kafka sees", () => {
    for (const batch of line.batches) {
      expect(checkStoredBatch(bytes, batch.position, nodeCompression)).toBeUndefined();
      expect(batch).toMatchObject(describeHeader(readBatchHeader(bytes, batch.position)));
      const records = [...readRecords(bytes, batch.position, nodeCompression)];
      const expected = expectedRecords(line, batch);
      expect(
        records.map((record) => ({
          ...record,
          key: described(record.key),
          value: described(record.value),
          headers: record.headers.map((one) => ({ key: one.key, value: described(one.value) })),
        })),
      ).toEqual(
        expected.map((record) => ({
          offset: Number(record.offset),
          timestamp: Number(record.timestamp),
          key: record.key,
          value: record.value,
          headers: record.headers ?? [],
        })),
      );
    }
  });
});

describe("what we refuse", () => {
  test.each(beyondSafeIntegers)("%s: %s", (id) => {
    const bytes = bytesOf(valid.find((line) => line.id === id)!);
    expect(checkStoredBatch(bytes, 0, nodeCompression)?.code).toBe("INVALID_RECORD");
    expect(() => readBatchHeader(bytes, 0)).toThrow(/outside ±\(2\^53 - 1\)/);
    expect(() => [...readRecords(bytes, 0, nodeCompression)]).toThrow(ClusterError);
  });

  test.each(valid.filter(isOldFormat))("$id: formats before magic 2 are not stored", (line) => {
    const bytes = bytesOf(line);
    expect(checkStoredBatch(bytes, 0, nodeCompression)?.code).toBe("UNSUPPORTED_FOR_MESSAGE_FORMAT");
    expect(walkBatches(bytes, () => expect.unreachable())).toMatchObject({ kind: "damaged", at: 0 });
    expect(() => readBatchHeader(bytes, 0)).toThrow(ClusterError);
  });
});

describe("built again from its description", () => {
  const isPlain = (batch: GoldenBatch): boolean =>
    batch.records.length > 0 && batch.records.every((record, index) => record.offsetDelta === index);
  const isWhole = (record: GoldenRecord): boolean => typeof record.value !== "object" || record.value === null;
  const again = read.filter(
    (line) =>
      line.reencodes &&
      line.batches.length > 0 &&
      line.batches.every((batch) => !batch.isControl && batch.deleteHorizonMs === null && isPlain(batch) && batch.records.every(isWhole)),
  );

  test("covers a good part of the corpus", () => {
    expect(again.length).toBeGreaterThan(60);
  });

  test.each(again)("$id has Kafka's bytes", (line) => {
    const built = line.batches.map(build).map(toHex).join("");
    expect(built).toBe(line.hex);
  });

  function build(batch: GoldenBatch): Uint8Array {
    const builder = new BatchBuilder({ bytesTarget: 1_048_576, bytesMax: 1_048_576 }, nodeCompression);
    for (const record of batch.records) {
      const headers = (record.headers ?? []).map(({ key, value }) => ({ key, value: value === null ? null : fromHex(value) }));
      const [key, value] = [record.key, record.value].map((field) => (typeof field === "string" ? fromHex(field) : null));
      builder.append(Number(batch.baseTimestamp) + Number(record.timestampDelta), key!, value!, headers);
    }
    const producer = { id: Number(batch.producerId), epoch: batch.producerEpoch, baseSequence: batch.baseSequence };
    const built = builder.finish({ producer: producer.id < 0 ? undefined : producer, isTransactional: batch.isTransactional });
    stampBatch(built, 0, Number(batch.baseOffset), batch.partitionLeaderEpoch);
    if (batch.timestampType === "LogAppendTime") stampLogAppendTime(built, 0, Number(batch.maxTimestamp), nodeCompression);
    return built;
  }
});

describe("control batches", () => {
  const control = read.filter((line) => line.batches.length === 1 && line.batches[0]!.isControl);

  test("the corpus has every type", () => {
    expect(new Set(control.map((line) => line.batches[0]!.records[0]!.control!.type)).size).toBe(7);
  });

  test.each(control)("$id is read as what it says", (line) => {
    const record = line.batches[0]!.records[0]!;
    const { type, coordinatorEpoch } = record.control!;
    const place = { type, offset: Number(record.offset), timestamp: Number(record.timestamp) };
    const value = fromHex(record.value as string);
    const expected = coordinatorEpoch === undefined ? { ...place, value } : { ...place, coordinatorEpoch };
    expect(readControlBatch(bytesOf(line), 0, nodeCompression)).toEqual([expected]);
  });

  // What compaction did to a marker, only compaction does.
  test.each(control.filter((line) => line.batches[0]!.deleteHorizonMs === null))("$id is built with Kafka's bytes", (line) => {
    const batch = line.batches[0]!;
    const record = batch.records[0]!;
    const place = {
      baseOffset: Number(batch.baseOffset),
      leaderEpoch: batch.partitionLeaderEpoch,
      timestampMs: Number(batch.maxTimestamp),
    };
    const type = record.control!.type as ControlType;
    const built =
      type === "ABORT" || type === "COMMIT"
        ? buildEndTransactionMarker(
            {
              outcome: type,
              producerId: Number(batch.producerId),
              producerEpoch: batch.producerEpoch,
              coordinatorEpoch: record.control!.coordinatorEpoch!,
            },
            place,
            nodeCompression,
          )
        : buildControlBatch(type, fromHex(record.value as string), place, nodeCompression);
    expect(toHex(built)).toBe(line.hex);
  });

  test("a batch of records is no control batch", () => {
    const plain = valid.find((line) => line.id === "size/none-1")!;
    expect(() => readControlBatch(bytesOf(plain), 0, nodeCompression)).toThrow("the batch at offset 358515 is no control batch");
  });
});
