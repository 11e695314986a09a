// Segment files read without a server, batch by batch and never more than one window at a time. It says what stands there; what is wrong
// with it is segment-check.ts's to judge.

import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { batchHeaderBytes, batchSize, walkBatches } from "@varve/record";
import { CommandError } from "./failure.ts";

export interface SegmentFile {
  readonly path: string;
  readonly name: string;
  readonly baseOffset: number;
}

/** Whole batches are read in pieces of this size. */
const windowBytes = 1_048_576;
/** Nobody stores larger batches; a length beyond it is damage. */
const batchBytesMax = 67_108_864;

const segmentName = /^(\d{20})\.log$/;

/** @param path a partition's folder, or one segment file. @returns lowest offset first. @throws {CommandError} when there is none. */
export async function findSegments(path: string): Promise<readonly SegmentFile[]> {
  const isFolder = (await stat(path)).isDirectory();
  const [folder, names] = isFolder ? [path, (await readdir(path)).sort()] : [dirname(path), [basename(path)]];
  const segments = names.flatMap((name): SegmentFile[] => {
    const digits = segmentName.exec(name)?.[1];
    return digits === undefined ? [] : [{ path: join(folder, name), name, baseOffset: Number(digits) }];
  });
  if (segments.length > 0) return segments;
  const wanted = "segments are named for their first offset, as in 00000000000000000000.log";
  throw new CommandError(
    "notFound",
    isFolder ? `${path}: no segment files lie there; ${wanted}` : `${path}: that is no segment file; ${wanted}`,
  );
}

export interface FoundBatch {
  readonly position: number;
  /** The whole batch, unchecked but for its length and magic. */
  readonly bytes: Uint8Array;
}

/** Why reading ended before the end of the file: `cut`, the front of a batch is left, as a crash leaves it; `damaged`, no batch is. */
export interface Remainder {
  readonly kind: "cut" | "damaged";
  readonly position: number;
  readonly message: string;
}

/** Gives every whole batch, then returns what is left. */
export async function* readSegment({ path }: SegmentFile): AsyncGenerator<FoundBatch, Remainder | undefined> {
  const file = await open(path, "r");
  try {
    return yield* readBatches(file, (await file.stat()).size);
  } finally {
    await file.close();
  }
}

async function* readBatches(file: FileHandle, size: number): AsyncGenerator<FoundBatch, Remainder | undefined> {
  let position = 0;
  let wantedBytes = windowBytes;
  while (position < size) {
    const { buffer, bytesRead } = await file.read(new Uint8Array(Math.min(wantedBytes, size - position)), { position });
    const window = buffer.subarray(0, bytesRead);
    const found: FoundBatch[] = [];
    const start = position;
    const end = walkBatches(window, (at, sizeBytes) => found.push({ position: start + at, bytes: window.subarray(at, at + sizeBytes) }));
    yield* found;
    position += end.at;
    wantedBytes = windowBytes;
    if (end.kind === "damaged") return { kind: "damaged", position, message: atByte(end.message, position) };
    if (end.kind === "end" || end.at > 0) continue;
    if (position + window.length >= size)
      return { kind: "cut", position, message: `the batch at byte ${position} is cut: ${size - position} bytes of it are there` };
    const whole = window.length < batchHeaderBytes ? windowBytes : batchSize(window, 0);
    if (whole > batchBytesMax) return { kind: "damaged", position, message: `the batch at byte ${position} claims ${whole} bytes` };
    wantedBytes = whole;
  }
  return undefined;
}

/** A message about a batch within a piece, with its place in the file. */
export function atByte(message: string, position: number): string {
  return message.replace(/ at byte \d+/, ` at byte ${position}`);
}
