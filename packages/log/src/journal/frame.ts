// One frame of the journal as bytes: writing its header and payload, sealing it when its round is taken, reading it back.
// What the frames of a partition amount to is fold.ts. Numbers are big-endian; a test holds the drawing against the constants.
//
//  byte  field       type    meaning
//     0  crc         uint32  CRC-32C of everything from byte 4 to the end of the frame
//     4  length      uint32  bytes of header and payload
//     8  generation  uint32  number of the life that wrote it
//    12  salt        uint32  drawn for that life, so that nothing a client sends can pass for a frame
//    16  lsn         int64   number of the frame
//    24  round       int64   lsn of the first frame of its round
//    32  topicId     bytes   16 of them
//    48  partition   int32   number of the partition
//    52  kind        uint8   1 append, 2 truncate, 3 reset, 4 start, 5 mark, 6 create, 7 drop
//    53  zero        bytes   3 of them
//    56  payload     bytes   by kind:
//                            append    segment base int64, then whole batches
//                            truncate  new log end int64, leader epoch int32
//                            reset     new log start and end int64
//                            start     new log start int64
//                            mark      offset int64, segment base int64, bytes in that segment int64, lsn up to which it covers int64
//                            create, drop: none

import { type Compression, type Offset, type PartitionId, partitionKey, type TopicId, uuidFromText, uuidToText } from "@varve/model";
import type { LogPosition } from "../segments/position.ts";
import { readInt32, readInt64, writeInt32, writeInt64 } from "./integers.ts";

export const frameHeaderBytes = 56;
/** What an append frame has in front of its batches. */
export const appendHeaderBytes = 8;
/** Rounds begin here, so that a later one can be found behind damage. */
export const roundAlignmentBytes = 4096;

const lengthAt = 4;
const generationAt = 8;
const saltAt = 12;
const lsnAt = 16;
const roundAt = 24;
const topicIdAt = 32;
const topicIdBytes = 16;
const partitionAt = 48;
const kindAt = 52;

export const frameKinds = { append: 1, truncate: 2, reset: 3, start: 4, mark: 5, create: 6, drop: 7 } as const;
export type FrameKind = keyof typeof frameKinds;
const kindOf: ReadonlyMap<number, FrameKind> = new Map(Object.entries(frameKinds).map(([kind, number]) => [number, kind as FrameKind]));

/** Payload bytes of every kind but append, which has at least `appendHeaderBytes`. */
export const payloadBytes = { truncate: 12, reset: 8, start: 8, mark: 32, create: 0, drop: 0 } as const;

/** Which life of the data directory wrote a frame. */
export interface Generation {
  readonly number: number;
  readonly salt: number;
}

/** A place below which all is on the disk, and the frames of the partition that are void because of it. */
export interface Mark {
  readonly position: LogPosition;
  /** Frames of the partition up to this lsn are void; those behind it begin at `position` or undo what lies below it. */
  readonly covers: number;
}

/** The frame header's fields for one partition, as bytes: topic id and partition. */
export function partitionBytes(id: PartitionId): Uint8Array {
  const bytes = new Uint8Array(topicIdBytes + 4);
  bytes.set(uuidFromText(id.topicId));
  writeInt32(bytes, topicIdBytes, id.partition);
  return bytes;
}

/** Bytes of an append frame that holds so many bytes of batches. */
export function appendFrameBytes(batchBytes: number): number {
  return frameHeaderBytes + appendHeaderBytes + batchBytes;
}

/** Where the next round begins behind `position`. */
export function alignRound(position: number): number {
  return Math.ceil(position / roundAlignmentBytes) * roundAlignmentBytes;
}

/** Writes what is known when a frame is put: all but generation, round and checksum, which `sealFrame` adds. */
export function writeFrameHeader(bytes: Uint8Array, at: number, kind: FrameKind, partition: Uint8Array, lsn: number, length: number): void {
  writeInt32(bytes, at + lengthAt, length);
  writeInt64(bytes, at + lsnAt, lsn);
  bytes.set(partition, at + topicIdAt);
  writeInt32(bytes, at + kindAt, frameKinds[kind] << 24);
}

export function writeAppend(bytes: Uint8Array, at: number, segmentBase: number, batches: Uint8Array): void {
  writeInt64(bytes, at + frameHeaderBytes, segmentBase);
  bytes.set(batches, at + frameHeaderBytes + appendHeaderBytes);
}

export function writeTruncate(bytes: Uint8Array, at: number, end: number, leaderEpoch: number): void {
  writeInt64(bytes, at + frameHeaderBytes, end);
  writeInt32(bytes, at + frameHeaderBytes + 8, leaderEpoch);
}

/** The payload of `reset` and `start`. */
export function writeOffset(bytes: Uint8Array, at: number, offset: number): void {
  writeInt64(bytes, at + frameHeaderBytes, offset);
}

export function writeMark(bytes: Uint8Array, at: number, { position, covers }: Mark): void {
  writeInt64(bytes, at + frameHeaderBytes, position.offset);
  writeInt64(bytes, at + frameHeaderBytes + 8, position.segmentBase);
  writeInt64(bytes, at + frameHeaderBytes + 16, position.bytes);
  writeInt64(bytes, at + frameHeaderBytes + 24, covers);
}

/** Completes a frame whose round is known. @returns where the next frame of the round begins. */
export function sealFrame(bytes: Uint8Array, at: number, generation: Generation, round: number, compression: Compression): number {
  const end = at + readInt32(bytes, at + lengthAt);
  writeInt32(bytes, at + generationAt, generation.number | 0);
  writeInt32(bytes, at + saltAt, generation.salt | 0);
  writeInt64(bytes, at + roundAt, round);
  writeInt32(bytes, at, compression.crc32c(bytes.subarray(at + lengthAt, end)) | 0);
  return end;
}

/** What the header of a frame claims; nothing of it is checked. */
export interface FrameClaim {
  readonly length: number;
  readonly lsn: number;
  readonly round: number;
}

/**
 * Whether the header at `at` could be that of a frame of this generation.
 * @param bytes holds at least `frameHeaderBytes` from `at`.
 * @param lengthMax bytes between the frame's beginning and the end of its file.
 */
export function claimAt(bytes: Uint8Array, at: number, generation: Generation, lengthMax: number): FrameClaim | undefined {
  if (readInt32(bytes, at + generationAt) !== (generation.number | 0) || readInt32(bytes, at + saltAt) !== (generation.salt | 0))
    return undefined;
  const length = readInt32(bytes, at + lengthAt) >>> 0;
  const lsn = readInt64(bytes, at + lsnAt);
  const round = readInt64(bytes, at + roundAt);
  if (length < frameHeaderBytes || length > lengthMax || !Number.isSafeInteger(lsn) || round < 1 || round > lsn) return undefined;
  return { length, lsn, round };
}

/** Whether a claimed frame that lies wholly in `bytes` is whole. */
export function isSealed(bytes: Uint8Array, at: number, length: number, compression: Compression): boolean {
  return compression.crc32c(bytes.subarray(at + lengthAt, at + length)) === readInt32(bytes, at) >>> 0;
}

interface FrameOf<Kind extends FrameKind> {
  readonly kind: Kind;
  readonly lsn: number;
  readonly round: number;
  /** `partitionKey` of its partition. */
  readonly key: string;
}

/** A frame as it was written. */
export type Frame =
  | (FrameOf<"append"> & { readonly segmentBase: Offset /** A view of the bytes that were read. */; readonly batches: Uint8Array })
  | (FrameOf<"truncate"> & { readonly end: Offset; readonly leaderEpoch: number })
  | (FrameOf<"reset"> & { readonly start: Offset })
  | (FrameOf<"start"> & { readonly start: Offset })
  | (FrameOf<"mark"> & { readonly mark: Mark })
  | FrameOf<"create">
  | FrameOf<"drop">;

/** Decodes a frame whose checksum was good. @returns undefined for a kind or a payload that no version of this format writes. */
export function decodeFrame(bytes: Uint8Array, at: number, { length, lsn, round }: FrameClaim): Frame | undefined {
  const kind = kindOf.get(bytes[at + kindAt]!);
  if (kind === undefined) return undefined;
  const payload = at + frameHeaderBytes;
  const payloadLength = length - frameHeaderBytes;
  if (kind === "append" ? payloadLength < appendHeaderBytes : payloadLength !== payloadBytes[kind]) return undefined;
  const common = { lsn, round, key: keyAt(bytes, at) };
  const offsetAt = (byte: number) => readInt64(bytes, payload + byte) as Offset;
  switch (kind) {
    case "append":
      return { kind, ...common, segmentBase: offsetAt(0), batches: bytes.subarray(payload + appendHeaderBytes, at + length) };
    case "truncate":
      return { kind, ...common, end: offsetAt(0), leaderEpoch: readInt32(bytes, payload + 8) };
    case "reset":
    case "start":
      return { kind, ...common, start: offsetAt(0) };
    case "mark":
      return {
        kind,
        ...common,
        mark: { position: { offset: offsetAt(0), segmentBase: offsetAt(8), bytes: offsetAt(16) }, covers: offsetAt(24) },
      };
    default:
      return { kind, ...common };
  }
}

function keyAt(bytes: Uint8Array, at: number): string {
  const topicId = uuidToText(bytes.subarray(at + topicIdAt, at + topicIdAt + topicIdBytes)) as TopicId;
  return partitionKey({ topicId, partition: readInt32(bytes, at + partitionAt) });
}
