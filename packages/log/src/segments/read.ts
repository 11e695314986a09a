// Reading: from memory when the batches are there, else from the disk, where every batch is checked before it leaves: header, checksum,
// offset, leader epoch. What fails is reported with file and position, remembered, and never served; what lies behind it stays readable.

import { CorruptionError, type Offset } from "@varve/model";
import { lastOffsetOf } from "@varve/record";
import { DiskError } from "@varve/runtime";
import type { ReadResult } from "../log.ts";
import { auditEpochs, epochProblem } from "./epoch-audit.ts";
import { readBatchAt } from "./gaps.ts";
import { nothingRead, readUpToHole, unlessUnreadable } from "./holes.ts";
import { type IndexedBatch, indexedAtOrBelow } from "./index-lookup.ts";
import { rebuildIndex } from "./rebuild-indexes.ts";
import { findNextWhole } from "./resync.ts";
import { judgeBatch } from "./scan.ts";
import { offsetFormat } from "./sparse-index.ts";
import type { LogState, SegmentView } from "./state.ts";

/** One read of the disk brings at most this, whatever was asked for; and at least the other. */
export const readBytesMax = 8_388_608;
const readBytesMin = 4096;
/** When no more of a segment can be read, the beginnings of so many segments behind it tell whether that holds for all. */
const segmentsAskedMax = 16;

/** See `PartitionLog.read`. */
export function readLog(state: LogState, from: Offset, bytesMax: number, below: Offset): ReadResult | Promise<ReadResult> {
  const { logStart } = state;
  const logEnd = state.active.end;
  if (from < logStart || from > logEnd) return { kind: "out-of-range", logStart, logEnd };
  if (from >= Math.min(below, logEnd)) return { kind: "batches", chunks: [], byteLength: 0, nextOffset: from };
  return state.tail.read(from, bytesMax, Math.min(below, logEnd)) ?? readFromDisk(state, from, bytesMax, below);
}

/** See `PartitionLog.isOnDiskOnly`. */
export function isOnDiskOnly({ logStart, active, tail }: LogState, from: Offset): boolean {
  return from >= logStart && from < Math.min(active.end, tail.start ?? active.end);
}

/** As `readLog`, past the memory. @param from in [logStart, logEnd). */
export async function readFromDisk(state: LogState, from: Offset, bytesMax: number, below: Offset): Promise<ReadResult> {
  const known = state.damage.at(from);
  if (known !== undefined) return { kind: "damaged", error: known.error, from, resumeAt: known.resumeAt };
  const { generation } = state;
  try {
    const result = await new DiskRead(state, from, bytesMax, Math.min(below, state.active.end)).run();
    if (state.generation === generation) return result;
  } catch (error) {
    if (state.generation === generation) throw error;
  }
  // The log was cut, or files went, while we read: what we hold may be gone, and what we missed too.
  return readLog(state, from, bytesMax, below);
}

/** One read: a walk over the batches of one segment from a place at or before `from`. */
class DiskRead {
  readonly #state: LogState;
  readonly #from: Offset;
  readonly #bytesMax: number;
  readonly #limit: number;
  readonly #generation: number;
  /** Where the next batch to judge stands in the segment, and the offset that it must begin with; undefined when the index named it. */
  #position = 0;
  #expected: number | undefined;
  #anchor: IndexedBatch | undefined;
  /** An index entry was not borne out by its batch. */
  #indexIsSuspect = false;
  #damageSeen = false;
  #bytesWanted: number;

  constructor(state: LogState, from: Offset, bytesMax: number, limit: number) {
    this.#state = state;
    this.#from = from;
    this.#bytesMax = bytesMax;
    this.#limit = limit;
    this.#generation = state.generation;
    this.#bytesWanted = Math.max(readBytesMin, Math.min(bytesMax, readBytesMax));
  }

  async run(): Promise<ReadResult> {
    const segment = this.#state.segmentOf(this.#from);
    if (segment === undefined) {
      const first = this.#state.segments[0]!;
      return this.#damaged(first.path, 0, `the segment before it, with offset ${this.#from}, is missing`, this.#from, first.base);
    }
    await this.#begin(segment);
    for (;;) {
      const result = await this.#step(segment);
      if (result === undefined) continue;
      if (this.#indexIsSuspect && !this.#damageSeen) {
        await rebuildIndex(this.#state, segment, offsetFormat, "an entry names a batch that does not stand there");
      }
      return result;
    }
  }

  async #begin(segment: SegmentView): Promise<void> {
    const hint = this.#from === segment.base ? 0 : this.#state.hints.at(this.#from);
    if (hint !== undefined) return this.#goTo(hint, this.#from);
    const found = indexedAtOrBelow(this.#state, segment, this.#from);
    this.#startAt(segment, found instanceof Promise ? await found : found);
    // The index leads to a place before the first batch that is wanted.
    this.#bytesWanted += this.#state.config["index.interval.bytes"] + readBytesMin;
  }

  #startAt(segment: SegmentView, indexed: IndexedBatch | undefined): void {
    this.#goTo(indexed?.bytes ?? 0, indexed === undefined ? segment.base : undefined);
    this.#anchor = indexed;
  }

  #goTo(position: number, expected: number | undefined): void {
    this.#position = position;
    this.#expected = expected;
    this.#anchor = undefined;
  }

  /** Reads once and walks over what came. @returns undefined when another step is needed. */
  async #step(segment: SegmentView): Promise<ReadResult | undefined> {
    const { compression } = this.#state.context.ports;
    const left = segment.bytes - this.#position;
    const buffer = new Uint8Array(Math.max(0, Math.min(this.#bytesWanted, left)));
    const { files } = this.#state.context;
    const { bytes: held, hole } = left > 0 ? await readUpToHole(files, segment.path, buffer, this.#position) : nothingRead;
    let at = 0;
    let first = -1;
    let nextOffset: number = this.#from;
    while (at < held) {
      const judged = judgeBatch(buffer, at, held, left - at, this.#expected, compression);
      if (judged.kind !== "whole") {
        if (first >= 0) break;
        this.#position += at;
        if (judged.kind === "bad") return this.#meetBad(segment, judged.problem);
        if (hole !== undefined) return this.#meetBad(segment, hole.message, hole);
        if (held < buffer.length) return this.#meetBad(segment, `the file ends ${left - held} bytes before its length`);
        this.#bytesWanted = Math.max(this.#bytesWanted, judged.kind === "more" ? judged.bytesWanted : 0);
        return undefined;
      }
      let problem = epochProblem(this.#state, buffer, at) ?? this.#anchorProblem(buffer, at);
      // Before a batch is blamed for its epoch, the epochs themselves are looked at.
      if (problem !== undefined && (await auditEpochs(this.#state)))
        problem = epochProblem(this.#state, buffer, at) ?? this.#anchorProblem(buffer, at);
      if (problem !== undefined) {
        if (first >= 0) break;
        this.#position += at;
        return this.#meetBad(segment, problem);
      }
      const lastOffset = lastOffsetOf(buffer, at);
      this.#anchor = undefined;
      this.#expected = lastOffset + 1;
      if (lastOffset >= this.#from) {
        const tooMuch = first >= 0 && at + judged.sizeBytes - first > this.#bytesMax;
        if (lastOffset >= this.#limit || tooMuch) break;
        if (first < 0) first = at;
        nextOffset = lastOffset + 1;
      }
      at += judged.sizeBytes;
      if (first >= 0 && lastOffset + 1 >= this.#limit) break;
    }
    if (first >= 0) return this.#served(buffer, first, at, nextOffset as Offset);
    if (at < held) return this.#served(buffer, 0, 0, this.#from);
    this.#position += at;
    if (this.#position < segment.bytes && held === buffer.length) return undefined;
    if (hole !== undefined) return this.#meetBad(segment, hole.message, hole);
    return this.#meetBad(segment, `the segment ends here, before offset ${this.#from}`);
  }

  #served(buffer: Uint8Array, first: number, end: number, nextOffset: Offset): ReadResult {
    const byteLength = end - first;
    if (byteLength === 0) return { kind: "batches", chunks: [], byteLength, nextOffset };
    if (!this.#isOvertaken) this.#state.hints.note(this.#from, nextOffset, this.#position + end);
    const whole = buffer.subarray(first, end);
    // A small answer must not keep a large buffer alive.
    return { kind: "batches", chunks: [byteLength * 2 < buffer.length ? whole.slice() : whole], byteLength, nextOffset };
  }

  /** The log was cut, or files went: what is read may be what was written since, and nothing that it seems to say may be remembered. */
  get #isOvertaken(): boolean {
    return this.#state.generation !== this.#generation;
  }

  #anchorProblem(bytes: Uint8Array, at: number): string | undefined {
    if (this.#anchor === undefined || lastOffsetOf(bytes, at) === this.#anchor.lastOffset) return undefined;
    return `the batch ends at offset ${lastOffsetOf(bytes, at)}, the index says ${this.#anchor.lastOffset}`;
  }

  /**
   * At the present position stands no batch that may be served, or one that the disk cannot read.
   * @returns undefined when the walk goes on elsewhere. @throws {DiskError} `hole`, when no way on can be found behind it.
   */
  async #meetBad(segment: SegmentView, problem: string, hole?: DiskError): Promise<ReadResult | undefined> {
    const anchor = this.#anchor;
    if (anchor !== undefined) {
      // The index led here, so it may be the index that is wrong: come to the same place from further back.
      const isFirstDoubt = !this.#indexIsSuspect;
      this.#indexIsSuspect = true;
      const before = isFirstDoubt ? anchor.lastOffset - 1 : segment.base + Math.floor((anchor.lastOffset - segment.base) / 2);
      this.#startAt(segment, await indexedAtOrBelow(this.#state, segment, before));
      return undefined;
    }
    this.#damageSeen = true;
    const expected = (this.#expected ?? segment.base) as Offset;
    const next = await findNextWhole(this.#state, segment, this.#position, expected);
    if (hole !== undefined && next === undefined && !(await this.#goesOnBehind(segment, expected))) throw hole;
    const tailStart = this.#state.tail.start ?? segment.end;
    const resumeAt = Math.min(next?.baseOffset ?? segment.end, tailStart > expected ? tailStart : segment.end) as Offset;
    const result = this.#damaged(segment.path, this.#position, problem, expected, resumeAt);
    if (next === undefined || resumeAt > this.#from) return result;
    this.#goTo(next.bytes, next.baseOffset);
    return undefined;
  }

  /**
   * Whether anything can be read behind a segment whose rest cannot be. A disk that reads nothing is out of order for now, and a range that
   * is remembered as damaged stays so.
   */
  async #goesOnBehind(segment: SegmentView, expected: Offset): Promise<boolean> {
    if ((this.#state.tail.start ?? 0) > expected) return true;
    const behind = this.#state.segments.filter(({ base }) => base >= segment.end);
    // Where one cannot be read, its neighbour often cannot either.
    for (const next of behind.slice(0, segmentsAskedMax)) {
      const batch = await unlessUnreadable(readBatchAt(this.#state, next, 0));
      if (!(batch instanceof DiskError)) return batch !== undefined;
    }
    return false;
  }

  #damaged(file: string, position: number, problem: string, from: Offset, resumeAt: Offset): ReadResult {
    const error = new CorruptionError(file, position, `${problem}; offsets ${from} to ${resumeAt - 1} are offline`);
    const isNews = !this.#isOvertaken && this.#state.damage.add({ from, resumeAt, error });
    if (isNews) this.#state.context.ports.logger.error("a log is damaged", { file, position, from, resumeAt, error });
    return { kind: "damaged", error, from: Math.max(from, this.#from) as Offset, resumeAt };
  }
}
