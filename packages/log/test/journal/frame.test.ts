// Shows that a frame comes back as it was written, that its drawing is true, and that nothing else passes for one.

import { readFile } from "node:fs/promises";
import { type Offset, partitionKey } from "@varve/model";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  appendFrameBytes,
  claimAt,
  decodeFrame,
  type Frame,
  type FrameKind,
  frameHeaderBytes,
  frameKinds,
  isSealed,
  partitionBytes,
  payloadBytes,
  sealFrame,
  writeAppend,
  writeFrameHeader,
  writeMark,
  writeOffset,
  writeTruncate,
} from "../../src/journal/frame.ts";
import { partition } from "../harness.ts";
import { scriptCompression } from "../history/batches.ts";

const generation = { number: 7, salt: 0x9e37_79b9 };
const id = partition(3, "abcdefghijklmnopqrstuA");
const offsets = fc.maxSafeNat().map((value) => value as Offset);
const lsns = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

const frames: fc.Arbitrary<Frame> = fc
  .oneof(
    fc.record({ kind: fc.constant("append" as const), segmentBase: offsets, batches: fc.uint8Array({ maxLength: 300 }) }),
    fc.record({ kind: fc.constant("truncate" as const), end: offsets, leaderEpoch: fc.integer({ min: 0, max: 2 ** 31 - 1 }) }),
    fc.record({ kind: fc.constantFrom("reset" as const, "start" as const), start: offsets }),
    fc.record({
      kind: fc.constant("mark" as const),
      mark: fc.record({ position: fc.record({ offset: offsets, segmentBase: offsets, bytes: offsets }), covers: offsets }),
    }),
    fc.record({ kind: fc.constantFrom("create" as const, "drop" as const) }),
  )
  .chain((frame) => lsns.map((lsn) => ({ ...frame, lsn, round: Math.max(1, lsn - 3), key: partitionKey(id) }) as Frame));

/** The frame as bytes, with `before` bytes of something else in front. */
function written(frame: Frame, before = 0): Uint8Array {
  const length = frame.kind === "append" ? appendFrameBytes(frame.batches.length) : frameHeaderBytes + payloadBytes[frame.kind];
  const bytes = new Uint8Array(before + length).fill(0xa5);
  writeFrameHeader(bytes, before, frame.kind, partitionBytes(id), frame.lsn, length);
  if (frame.kind === "append") writeAppend(bytes, before, frame.segmentBase, frame.batches);
  else if (frame.kind === "truncate") writeTruncate(bytes, before, frame.end, frame.leaderEpoch);
  else if (frame.kind === "reset" || frame.kind === "start") writeOffset(bytes, before, frame.start);
  else if (frame.kind === "mark") writeMark(bytes, before, frame.mark);
  expect(sealFrame(bytes, before, generation, frame.round, scriptCompression)).toBe(before + length);
  return bytes;
}

function read(bytes: Uint8Array, at = 0): Frame | undefined {
  const claim = claimAt(bytes, at, generation, bytes.length - at);
  if (claim === undefined || !isSealed(bytes, at, claim.length, scriptCompression)) return undefined;
  return decodeFrame(bytes, at, claim);
}

test("a frame of every kind comes back as it was written", () => {
  fc.assert(
    fc.property(frames, fc.nat(200), (frame, before) => {
      expect(read(written(frame, before), before)).toEqual(frame);
    }),
  );
});

test("every flipped bit makes it no frame", () => {
  const frame: Frame = { kind: "truncate", lsn: 12, round: 10, key: partitionKey(id), end: 400 as Offset, leaderEpoch: 3 };
  const bytes = written(frame);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    expect(read(bytes), `bit ${bit}`).toBeUndefined();
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  expect(read(bytes)).toEqual(frame);
});

test("a frame of another generation, or with another salt, is none of ours", () => {
  const bytes = written({ kind: "drop", lsn: 12, round: 10, key: partitionKey(id) });
  expect(claimAt(bytes, 0, { ...generation, number: 8 }, bytes.length)).toBeUndefined();
  expect(claimAt(bytes, 0, { ...generation, salt: 1 }, bytes.length)).toBeUndefined();
});

test("whatever bytes stand there, reading them as a frame neither throws nor finds one", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: frameHeaderBytes, maxLength: 400 }), (bytes) => {
      expect(read(bytes)).toBeUndefined();
    }),
  );
});

test("the drawing at the head of the file says where each field stands", async () => {
  const source = await readFile(new URL("../../src/journal/frame.ts", import.meta.url), "utf8");
  const drawn = new Map(
    [...source.matchAll(/^\/\/ {3,6}([0-9]+) {2}([a-zA-Z]+) +[a-z0-9]+ /gm)].map(([, byte, field]) => [field!, Number(byte)]),
  );
  expect([...drawn.keys()]).toEqual([
    "crc",
    "length",
    "generation",
    "salt",
    "lsn",
    "round",
    "topicId",
    "partition",
    "kind",
    "zero",
    "payload",
  ]);
  const frame: Frame = { kind: "reset", lsn: 0x0102_0304_0506, round: 0x0102_0304_0501, key: partitionKey(id), start: 9 as Offset };
  const bytes = written(frame);
  const view = new DataView(bytes.buffer);
  const at = (field: string) => drawn.get(field)!;
  expect(view.getUint32(at("crc"))).toBe(scriptCompression.crc32c(bytes.subarray(at("length"))));
  expect(view.getUint32(at("length"))).toBe(bytes.length);
  expect(view.getUint32(at("generation"))).toBe(generation.number);
  expect(view.getUint32(at("salt"))).toBe(generation.salt);
  expect(view.getBigInt64(at("lsn"))).toBe(BigInt(frame.lsn));
  expect(view.getBigInt64(at("round"))).toBe(BigInt(frame.round));
  expect(bytes.subarray(at("topicId"), at("partition"))).toEqual(partitionBytes(id).subarray(0, 16));
  expect(view.getInt32(at("partition"))).toBe(3);
  expect(bytes[at("kind")]).toBe(frameKinds.reset);
  expect(bytes.subarray(at("zero"), at("payload"))).toEqual(new Uint8Array(3));
  expect(at("payload")).toBe(frameHeaderBytes);
  const kinds = /uint8 +([^\n]+)/.exec(source)![1]!;
  expect(kinds).toBe(
    Object.entries(frameKinds)
      .map(([kind, number]) => `${number} ${kind satisfies string as FrameKind}`)
      .join(", "),
  );
});
