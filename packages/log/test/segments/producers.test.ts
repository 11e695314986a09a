// Shows what a producer's batch is to a log: new, sent before, or out of order; and that the state on disk is the state in memory.

import { buildEndTransactionMarker } from "@varve/record";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeProducerSnapshot, encodeProducerSnapshot, type RestartPoint } from "../../src/segments/producer-snapshot.ts";
import { ProducerTable, producerBatchesMax } from "../../src/segments/producers.ts";
import { batchAt, compression } from "./harness.ts";

const dayMs = 86_400_000;
const id = 7;

/** A table, and a producer's batches as they come. */
function producing(): {
  table: ProducerTable;
  send: (baseSequence: number, options?: { records?: number; epoch?: number; nowMs?: number }) => string;
} {
  const table = new ProducerTable(compression);
  let offset = 100;
  return {
    table,
    send(baseSequence, { records = 1, epoch = 0, nowMs = 0 } = {}) {
      const batch = batchAt(offset, { records, producer: { id, epoch, baseSequence } });
      const check = table.check(batch, nowMs, dayMs);
      if (check.kind === "refused") return check.failure.code;
      if (check.kind === "duplicate") return `duplicate of ${check.baseOffset} to ${check.lastOffset}`;
      table.note(batch, 0, nowMs);
      offset += records;
      return "new";
    },
  };
}

test("sequences that continue are new, also from any beginning", () => {
  const { send } = producing();
  expect(send(500, { records: 3 })).toBe("new");
  expect(send(503, { records: 2 })).toBe("new");
  expect(send(505)).toBe("new");
});

test("a batch that was sent before is known by its first and last sequence, and answered with its offsets", () => {
  const { send } = producing();
  for (const sequence of [0, 3, 6, 9, 12]) expect(send(sequence, { records: 3 })).toBe("new");
  expect(send(0, { records: 3 })).toBe("duplicate of 100 to 102");
  expect(send(12, { records: 3 })).toBe("duplicate of 112 to 114");
  // The same end and another beginning is another batch.
  expect(send(13, { records: 2 })).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
});

test("a sequence that leaves a gap, or lies before what is remembered, is out of order", () => {
  const { send } = producing();
  for (let sequence = 0; sequence <= producerBatchesMax; sequence++) expect(send(sequence)).toBe("new");
  expect(send(producerBatchesMax + 2)).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  expect(send(0)).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  expect(send(1)).toBe("duplicate of 101 to 101");
});

test("behind the last sequence comes 0", () => {
  const { send } = producing();
  expect(send(2 ** 31 - 2, { records: 4 })).toBe("new");
  expect(send(2)).toBe("new");
  expect(send(2 ** 31 - 2, { records: 4 })).toBe("duplicate of 100 to 103");
});

test("a newer epoch begins with 0, and then the older one is refused", () => {
  const { send } = producing();
  expect(send(0)).toBe("new");
  expect(send(1, { epoch: 1 })).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  expect(send(0, { epoch: 1 })).toBe("new");
  expect(send(1, { epoch: 0 })).toBe("INVALID_PRODUCER_EPOCH");
  // What the older epoch sent is no repeat of the newer one's.
  expect(send(0, { epoch: 1 })).toBe("duplicate of 101 to 101");
});

test("who has not written for long is a stranger; who writes in time is not, whatever the age of his records", () => {
  const { send, table } = producing();
  expect(send(0, { nowMs: 0 })).toBe("new");
  expect(send(0, { nowMs: dayMs - 1 })).toBe("duplicate of 100 to 100");
  expect(send(41, { nowMs: dayMs })).toBe("new");
  expect(table.expire(dayMs + dayMs - 1, dayMs)).toBe(0);
  expect(table.expire(dayMs + dayMs, dayMs)).toBe(1);
  expect(table.size).toBe(0);
});

test("an open transaction keeps its producer, and its marker ends it", () => {
  const { table } = producing();
  const marker = buildEndTransactionMarker(
    { outcome: "COMMIT", producerId: id, producerEpoch: 0, coordinatorEpoch: 9 },
    { baseOffset: 3, leaderEpoch: 0, timestampMs: 5 },
    compression,
  );
  table.restore({ ...emptyProducer(), transactionStart: 2 });
  expect(table.expire(10 * dayMs, dayMs)).toBe(0);
  table.note(marker, 0, 0);
  expect(table.get(id)).toMatchObject({ transactionStart: -1, coordinatorEpoch: 9, lastTimestampMs: 5 });
  expect(table.expire(10 * dayMs, dayMs)).toBe(1);
});

function emptyProducer() {
  return {
    id,
    epoch: 0,
    lastSequences: [],
    lastOffsets: [],
    offsetDeltas: [],
    timestampsMs: [],
    lastTimestampMs: -1,
    lastSeenMs: 0,
    coordinatorEpoch: -1,
    transactionStart: -1,
  };
}

const restart: RestartPoint = {
  segmentBase: 90,
  bytes: 4_000_000_000,
  firstTimestampMs: -1,
  maxTimestampMs: 1_700_000_000_000,
  maxTimestampOffset: 99,
  indexedTimestampMs: 1_700_000_000_000,
  bytesSinceIndexEntry: 17,
  offsetEntries: 3,
  timeEntries: 2,
  epochs: [
    { epoch: 4, startOffset: 90 as never },
    { epoch: 6, startOffset: 95 as never },
  ],
};

test("a snapshot gives back every producer's batches, and the restart point", () => {
  const { table, send } = producing();
  for (let sequence = 0; sequence < 12; sequence += 2) send(sequence, { records: 2, nowMs: 77 });
  table.note(batchAt(200, { producer: { id: 3, epoch: 2, baseSequence: 5 } }), 0, 77);
  for (const point of [restart, undefined]) {
    const decoded = decodeProducerSnapshot(encodeProducerSnapshot(table.all(), point, compression), compression, 77);
    expect(decoded).toEqual({ producers: [table.get(3), table.get(id)], restart: point });
  }
});

test("a snapshot of producers with one batch each, at a segment's base, is Kafka's and nothing else", () => {
  const { table } = producing();
  table.note(batchAt(200, { producer: { id: 3, epoch: 2, baseSequence: 5 } }), 0, 0);
  expect(encodeProducerSnapshot(table.all(), undefined, compression).length).toBe(10 + 46);
  expect(encodeProducerSnapshot([], undefined, compression).length).toBe(10);
});

test("no change of a snapshot's bytes, and no rubbish in its place, is taken for a snapshot", () => {
  const { table, send } = producing();
  for (let sequence = 0; sequence < 3; sequence++) send(sequence);
  const snapshot = encodeProducerSnapshot(table.all(), restart, compression);
  fc.assert(
    fc.property(fc.nat(snapshot.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = snapshot.slice();
      changed[at]! ^= change;
      expect(decodeProducerSnapshot(changed, compression, 0)).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (rubbish) => {
      expect(decodeProducerSnapshot(rubbish, compression, 0)).toBeUndefined();
    }),
  );
  for (let length = 0; length < snapshot.length; length++)
    expect(decodeProducerSnapshot(snapshot.slice(0, length), compression, 0)).toBeUndefined();
});

test("a snapshot whose checksum holds and whose counts do not is read as far as it goes, and no further", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 300 }), (rest) => {
      const bytes = new Uint8Array(6 + rest.length);
      bytes[1] = 1;
      bytes.set(rest, 6);
      // Small counts, so that many get past the first check.
      bytes.set([0, 0, 0, bytes[9]! % 4], 6);
      new DataView(bytes.buffer).setUint32(2, compression.crc32c(bytes.subarray(6)));
      const decoded = decodeProducerSnapshot(bytes, compression, 0);
      expect((decoded?.producers.length ?? 0) * 46).toBeLessThanOrEqual(rest.length);
      for (const { lastSequences } of decoded?.producers ?? []) expect(lastSequences.length).toBeLessThanOrEqual(producerBatchesMax);
    }),
    { numRuns: 500 },
  );
});
