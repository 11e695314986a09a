// What is checked of batches that come back from a disk or another broker, and the walk over many of them.

import { nodeCompression } from "@varve/runtime/node";
import { describe, expect, test } from "vitest";
import {
  batchHeaderBytes,
  batchSize,
  checkStoredBatch,
  lastOffsetOf,
  leaderEpochOf,
  maxTimestampOf,
  readBatchHeader,
  readRecords,
  stampBatch,
  stampLogAppendTime,
  stampProducer,
  walkBatches,
} from "../src/index.ts";
import { bytesOf, fromHex, type InvalidLine, lines, toHex, type ValidLine } from "./golden.ts";

const invalid = lines<InvalidLine>("invalid");
const five = bytesOf(lines<ValidLine>("valid").find((line) => line.id === "buffer/five-batches")!);
const positions = [0, 93, 245, 468, 723];
const sound = fromHex(invalid[0]!.hex);

describe("a stored batch", () => {
  test("that Kafka's check refuses is refused", () => {
    const refused = invalid.filter((line) => line.kafka.iterate.ok && line.kafka.iterate.batches === 1 && !line.kafka.ensureValid.ok);
    expect(refused.length).toBeGreaterThan(10);
    for (const line of refused)
      expect({ id: line.id, failure: checkStoredBatch(fromHex(line.hex), 0, nodeCompression) }).toMatchObject({ failure: { code: /./ } });
  });

  test("may stand anywhere in the bytes", () => {
    for (const at of positions) expect(checkStoredBatch(five, at, nodeCompression)).toBeUndefined();
    expect(checkStoredBatch(five, 1, nodeCompression)?.code).toBe("CORRUPT_MESSAGE");
  });

  test("that is cut anywhere is damage with a reason", () => {
    for (let length = 0; length < sound.length; length++) {
      expect(checkStoredBatch(sound.subarray(0, length), 0, nodeCompression)).toMatchObject({ code: "CORRUPT_MESSAGE", message: /is cut/ });
    }
  });

  test("with any one bit flipped behind its stamped fields is refused", () => {
    for (let bit = 8 * 8; bit < 8 * sound.length; bit++) {
      const byte = bit >> 3;
      if (byte >= 12 && byte < 16) continue; // the leader epoch, which the checksum does not cover
      const flipped = sound.slice();
      flipped[byte]! ^= 1 << (bit & 7);
      expect(checkStoredBatch(flipped, 0, nodeCompression), `bit ${bit}`).toBeDefined();
    }
  });

  test("whose offsets leave the safe range is refused, though its checksum holds", () => {
    const batch = sound.slice();
    stampBatch(batch, 0, Number.MAX_SAFE_INTEGER - 2, 0);
    expect(checkStoredBatch(batch, 0, nodeCompression)).toBeUndefined();
    stampBatch(batch, 0, Number.MAX_SAFE_INTEGER - 1, 0);
    expect(checkStoredBatch(batch, 0, nodeCompression)?.message).toMatch(/do not lie in order within 0 to 2\^53 - 1/);
    stampBatch(batch, 0, -1, 0);
    expect(checkStoredBatch(batch, 0, nodeCompression)?.code).toBe("INVALID_RECORD");
  });
});

describe("stamping", () => {
  test("offset and leader epoch leave the checksum as it was", () => {
    const batch = sound.slice();
    stampBatch(batch, 0, 5_000_000_000, 2_147_483_647);
    expect(checkStoredBatch(batch, 0, nodeCompression)).toBeUndefined();
    expect(readBatchHeader(batch)).toMatchObject({ baseOffset: 5_000_000_000, lastOffset: 5_000_000_002, leaderEpoch: 2_147_483_647 });
    expect(toHex(batch.subarray(16))).toBe(toHex(sound.subarray(16)));
  });

  test("touches only the batch at its position", () => {
    const bytes = five.slice();
    stampBatch(bytes, 245, 7000, 9);
    expect([lastOffsetOf(bytes, 245), leaderEpochOf(bytes, 245), batchSize(bytes, 245)]).toEqual([7004, 9, 223]);
    expect(toHex(bytes.subarray(0, 245))).toBe(toHex(five.subarray(0, 245)));
    expect(toHex(bytes.subarray(468))).toBe(toHex(five.subarray(468)));
  });

  test("the time of the append makes it every record's time", () => {
    const bytes = five.slice();
    stampLogAppendTime(bytes, 245, 1_770_000_000_000, nodeCompression);
    expect(checkStoredBatch(bytes, 245, nodeCompression)).toBeUndefined();
    expect(maxTimestampOf(bytes, 245)).toBe(1_770_000_000_000);
    const times = [...readRecords(bytes, 245, nodeCompression)].map((record) => record.timestamp);
    expect(times).toEqual([1, 2, 3, 4, 5].map(() => 1_770_000_000_000));
  });

  test("another producer takes over a finished batch with a valid checksum", () => {
    const batch = sound.slice();
    stampProducer(batch, 0, { id: 4_000, epoch: 3, baseSequence: 2_147_483_647 }, nodeCompression);
    expect(checkStoredBatch(batch, 0, nodeCompression)).toBeUndefined();
    expect(readBatchHeader(batch)).toMatchObject({ producerId: 4_000, producerEpoch: 3, baseSequence: 2_147_483_647 });
  });
});

describe("a walk", () => {
  test("goes from batch to batch, and ends where they end", () => {
    const found: number[] = [];
    expect(walkBatches(five, (at) => found.push(at))).toEqual({ at: 977, kind: "end", message: "977 bytes of whole batches" });
    expect(found).toEqual(positions);
  });

  test("stops at a batch that is cut, at whichever byte", () => {
    for (let length = 724; length < five.length; length++) {
      let batches = 0;
      const end = walkBatches(five.subarray(0, length), () => batches++);
      expect({ batches, at: end.at, kind: end.kind }).toEqual({ batches: 4, at: 723, kind: "cut" });
    }
  });

  test.each([
    ["a length below a header", 8, "0000002f", "claims 59 bytes, its header alone has 61"],
    ["a negative length", 8, "ffffffff", "claims 11 bytes, its header alone has 61"],
    ["an unknown magic", 16, "03", "has magic 3, which no version knows"],
    ["an old magic", 16, "01", "has magic 1; only 2 is stored"],
  ])("stops at %s and says so", (_what, field, hex, message) => {
    const bytes = five.slice();
    bytes.set(fromHex(hex), 245 + field);
    let batches = 0;
    const end = walkBatches(bytes, () => batches++);
    expect({ batches, at: end.at, kind: end.kind }).toEqual({ batches: 2, at: 245, kind: "damaged" });
    expect(end.message).toContain(message);
  });

  test("over nothing ends at once", () => {
    expect(walkBatches(new Uint8Array(0), () => expect.unreachable())).toMatchObject({ at: 0, kind: "end" });
  });

  test("a header needs all of its 61 bytes to be read", () => {
    expect(() => readBatchHeader(sound.subarray(0, batchHeaderBytes - 1))).toThrow("a batch header has 61 bytes, 60 are left at byte 0");
  });
});
