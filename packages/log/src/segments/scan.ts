// Walks over the batches of a segment file from a known place on, checking each: header, checksum, offsets that continue. In steps, so
// that requests get their turn; in a bounded buffer. What is done with the batches is the visitor's business.

import type { Compression } from "@varve/model";
import { baseOffsetOf, batchHeaderBytes, batchSize, checkStoredBatch, lastOffsetOf } from "@varve/record";
import { type Clock, type DiskError, stepBudgetMs, turn } from "@varve/runtime";
import { readUpToHole } from "./holes.ts";
import type { OpenFiles } from "./open-files.ts";

/** A batch that claims more than this is damaged: twice the largest `max.message.bytes`. */
export const batchBytesMax = 16_777_216;
/** What a scan reads at once. */
export const scanBytes = 1_048_576;
/** What it reads first: most scans are short. */
const firstScanBytes = 65_536;

/** A place in one segment file, and the offset that the batch there must begin with; undefined when any will do. */
export interface ScanPlace {
  readonly bytes: number;
  readonly offset: number | undefined;
}

export interface ScanEnd {
  /** Behind the last batch that was whole. */
  readonly bytes: number;
  /** The offset that must come next; that of the start when no batch was whole. */
  readonly offset: number | undefined;
  /** `end`: up to the last byte. `stopped`: by the visitor. `bad`: what follows is no batch. */
  readonly kind: "end" | "stopped" | "bad";
  /** What is wrong at `bytes`; empty unless `bad`. */
  readonly problem: string;
  /** What is wrong is that the disk cannot read there. */
  readonly hole?: DiskError;
}

/**
 * Is shown every whole batch; the bytes are the scan's again when it returns.
 * @returns whether to go on: `stop-before` leaves this batch out; a sentence says what is wrong with it, and ends the scan before it too.
 */
export type BatchVisitor = (
  bytes: Uint8Array,
  at: number,
  sizeBytes: number,
  position: number,
) => "go-on" | "stop-before" | { readonly problem: string };

export interface ScanPorts {
  readonly ports: { readonly clock: Clock; readonly compression: Compression };
  readonly files: OpenFiles;
}

/**
 * @param end the file counts up to this byte.
 * @param rewrite is given every run of whole batches, with its position, before the scan goes on.
 */
export async function scanBatches(
  { ports, files }: ScanPorts,
  path: string,
  from: ScanPlace,
  end: number,
  visit: BatchVisitor,
  rewrite?: (bytes: Uint8Array, position: number) => Promise<void>,
): Promise<ScanEnd> {
  let position = from.bytes;
  let offset = from.offset;
  let buffer = new Uint8Array(Math.max(0, Math.min(firstScanBytes, end - position)));
  let turnedMs = ports.clock.monotonicMs();
  while (position < end) {
    const wanted = Math.min(buffer.length, end - position);
    const { bytes: read, hole } = await readUpToHole(files, path, buffer.subarray(0, wanted), position);
    let at = 0;
    let outcome: BatchOutcome = needsMore;
    while (at < read) {
      outcome = judgeBatch(buffer, at, read, end - position - at, offset, ports.compression);
      if (outcome.kind !== "whole") break;
      const { sizeBytes } = outcome;
      const verdict = visit(buffer, at, sizeBytes, position + at);
      if (verdict !== "go-on") {
        outcome = verdict === "stop-before" ? { kind: "stopped" } : { kind: "bad", problem: verdict.problem };
        break;
      }
      offset = lastOffsetOf(buffer, at) + 1;
      at += sizeBytes;
      outcome = needsMore;
    }
    if (at > 0 && rewrite !== undefined) await rewrite(buffer.subarray(0, at), position);
    position += at;
    if (outcome.kind === "stopped") return { bytes: position, offset, kind: "stopped", problem: "" };
    if (outcome.kind === "bad") return { bytes: position, offset, kind: "bad", problem: outcome.problem };
    if (hole !== undefined) return { bytes: position, offset, kind: "bad", problem: hole.message, hole };
    if (read < wanted) {
      const problem = `the file ends ${end - position - (read - at)} bytes before its length`;
      return { bytes: position, offset, kind: "bad", problem };
    }
    const bytesWanted = Math.max(outcome.kind === "more" ? outcome.bytesWanted : 0, Math.min(scanBytes, end - position));
    if (bytesWanted > buffer.length) buffer = new Uint8Array(bytesWanted);
    if (ports.clock.monotonicMs() - turnedMs >= stepBudgetMs) {
      await turn(ports.clock);
      turnedMs = ports.clock.monotonicMs();
    }
  }
  return { bytes: position, offset, kind: "end", problem: "" };
}

export type BatchOutcome =
  | { readonly kind: "whole"; readonly sizeBytes: number }
  /** The batch goes on behind the buffer: it needs so many bytes, or 0 when nothing is known of it. */
  | { readonly kind: "more"; readonly bytesWanted: number }
  | { readonly kind: "stopped" }
  | { readonly kind: "bad"; readonly problem: string };

const needsMore: BatchOutcome = { kind: "more", bytesWanted: 0 };

/**
 * What stands at `at`.
 * @param held bytes that the buffer holds. @param left bytes of the segment from `at` on.
 * @param offset what the batch must begin with; undefined when any will do.
 */
export function judgeBatch(
  bytes: Uint8Array,
  at: number,
  held: number,
  left: number,
  offset: number | undefined,
  compression: Compression,
): BatchOutcome {
  if (left < batchHeaderBytes) return { kind: "bad", problem: `${left} bytes are left, less than a header` };
  if (held - at < batchHeaderBytes) return { kind: "more", bytesWanted: batchHeaderBytes };
  const sizeBytes = batchSize(bytes, at);
  if (sizeBytes > left || sizeBytes > batchBytesMax) {
    return { kind: "bad", problem: `a batch claims ${sizeBytes} bytes; ${left} are left, ${batchBytesMax} allowed` };
  }
  if (sizeBytes > held - at) return { kind: "more", bytesWanted: sizeBytes };
  const problem = batchProblem(bytes, at, offset, compression);
  return problem === undefined ? { kind: "whole", sizeBytes } : { kind: "bad", problem };
}

/**
 * @param bytes hold the batch whole, by its own length, or end before that.
 * @param offset what it must begin with; undefined when any will do.
 * @returns what is wrong with the batch at `at`.
 */
export function batchProblem(bytes: Uint8Array, at: number, offset: number | undefined, compression: Compression): string | undefined {
  const failure = checkStoredBatch(bytes, at, compression);
  if (failure !== undefined) return failure.message;
  const baseOffset = baseOffsetOf(bytes, at);
  if (offset === undefined || baseOffset === offset) return undefined;
  return `the batch begins at offset ${baseOffset}, not at ${offset}`;
}
