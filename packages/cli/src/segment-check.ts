// What must hold of a partition's segments and their indexes, whoever wrote them: whole batches with their checksums, records that can be
// opened, offsets and epochs that rise, index entries that lead where they say.

import { readFile } from "node:fs/promises";
import { ClusterError } from "@varve/model";
import { checkStoredBatch, isControl, RecordReader, readBatchHeader } from "@varve/record";
import { nodeCompression } from "@varve/runtime/node";
import { atByte, readSegment, type SegmentFile } from "./segment-files.ts";

export interface Problem {
  readonly file: string;
  readonly position: number;
  readonly message: string;
}

export interface SegmentSummary {
  readonly file: string;
  readonly batches: number;
  /** Without those of control batches. */
  readonly records: number;
  /** Undefined of an empty segment. */
  readonly firstOffset: number | undefined;
  readonly lastOffset: number | undefined;
  readonly bytes: number;
  readonly indexEntries: number;
  readonly timeIndexEntries: number;
}

export interface Checked {
  readonly segments: readonly SegmentSummary[];
  readonly problems: readonly Problem[];
  /** What a crash leaves and the next start cuts off: no damage. */
  readonly tornTail: Problem | undefined;
}

/** @param segments lowest offset first. @param signal ends it between two batches. */
export async function checkSegments(segments: readonly SegmentFile[], signal: AbortSignal): Promise<Checked> {
  const check = new Check();
  const summaries: SegmentSummary[] = [];
  for (const segment of segments) summaries.push(await check.segment(segment, segment === segments.at(-1), signal));
  return { segments: summaries, problems: check.problems, tornTail: check.tornTail };
}

class Check {
  readonly problems: Problem[] = [];
  tornTail: Problem | undefined;
  readonly #reader = new RecordReader(nodeCompression);
  #lastOffset = -1;
  #leaderEpoch = -1;

  async segment(segment: SegmentFile, isNewest: boolean, signal: AbortSignal): Promise<SegmentSummary> {
    const { name: file, baseOffset } = segment;
    const tell = (position: number, message: string) => this.problems.push({ file, position, message });
    const index = await IndexCheck.open(segment, "index", this.problems);
    const timeIndex = await IndexCheck.open(segment, "timeindex", this.problems);
    let [batches, records, bytes] = [0, 0, 0];
    let firstOffset: number | undefined;
    let newestMs = Number.NEGATIVE_INFINITY;
    if (baseOffset <= this.#lastOffset) tell(0, `its name begins at offset ${baseOffset}, the segment before goes to ${this.#lastOffset}`);
    const stream = readSegment(segment);
    for (let step = await stream.next(); ; step = await stream.next()) {
      signal.throwIfAborted();
      if (step.done === true) {
        if (step.value === undefined) break;
        const { kind, position, message } = step.value;
        if (kind === "cut" && isNewest) this.tornTail = { file, position, message };
        else tell(position, message);
        break;
      }
      const { position, bytes: batch } = step.value;
      batches += 1;
      bytes = position + batch.length;
      const failure = checkStoredBatch(batch, 0, nodeCompression);
      if (failure !== undefined) {
        tell(position, atByte(failure.message, position));
        continue;
      }
      const header = readBatchHeader(batch);
      const lowest = Math.max(this.#lastOffset + 1, baseOffset);
      if (header.baseOffset < lowest) tell(position, `its first offset is ${header.baseOffset}, ${lowest} or more is due`);
      if (header.leaderEpoch < this.#leaderEpoch) tell(position, `its leader epoch is ${header.leaderEpoch}, behind ${this.#leaderEpoch}`);
      this.#lastOffset = Math.max(this.#lastOffset, header.lastOffset);
      this.#leaderEpoch = Math.max(this.#leaderEpoch, header.leaderEpoch);
      firstOffset ??= header.baseOffset;
      const opened = this.#open(batch, position, tell);
      if (!isControl(header.attributes)) records += opened;
      const place = { position, baseOffset: header.baseOffset, lastOffset: header.lastOffset };
      index?.offsets(place);
      timeIndex?.times(place, newestMs, Math.max(newestMs, header.maxTimestamp));
      newestMs = Math.max(newestMs, header.maxTimestamp);
    }
    index?.end(bytes);
    timeIndex?.end(bytes);
    const lastOffset = firstOffset === undefined ? undefined : this.#lastOffset;
    return {
      file,
      batches,
      records,
      firstOffset,
      lastOffset,
      bytes,
      indexEntries: index?.count ?? 0,
      timeIndexEntries: timeIndex?.count ?? 0,
    };
  }

  /** @returns how many records could be read. */
  #open(batch: Uint8Array, position: number, tell: (position: number, message: string) => void): number {
    let count = 0;
    try {
      this.#reader.open(batch, 0, { verify: false });
      while (this.#reader.next()) count += 1;
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      tell(position, error.message);
    }
    return count;
  }
}

interface BatchPlace {
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** One index beside its segment: entries are held against the batches as these pass by. */
class IndexCheck {
  readonly count: number;
  readonly #segment: SegmentFile;
  readonly #suffix: "index" | "timeindex";
  readonly #view: DataView;
  readonly #problems: Problem[];
  #entry = 0;

  static async open(segment: SegmentFile, suffix: "index" | "timeindex", problems: Problem[]): Promise<IndexCheck | undefined> {
    try {
      return new IndexCheck(segment, suffix, await readFile(segment.path.replace(/\.log$/, `.${suffix}`)), problems);
    } catch (error) {
      // A missing index is built anew at the next start.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  private constructor(segment: SegmentFile, suffix: "index" | "timeindex", bytes: Uint8Array, problems: Problem[]) {
    this.#segment = segment;
    this.#suffix = suffix;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#problems = problems;
    // Kafka keeps the index of the newest segment at its full size; what is not written yet is zero.
    const isZero = (entry: number) => bytes.subarray(entry * this.#entryBytes, (entry + 1) * this.#entryBytes).every((byte) => byte === 0);
    let count = Math.floor(bytes.length / this.#entryBytes);
    while (count > 0 && isZero(count - 1)) count -= 1;
    this.count = count;
  }

  get #entryBytes(): number {
    return this.#suffix === "index" ? 8 : 12;
  }

  /** An entry leads to a batch, and no batch before that one holds its offset. */
  offsets({ position, baseOffset }: BatchPlace): void {
    for (; this.#entry < this.count; this.#entry += 1) {
      const at = this.#entry * 8;
      const offset = this.#segment.baseOffset + this.#view.getInt32(at);
      const leadsTo = this.#view.getInt32(at + 4);
      if (leadsTo > position) return;
      if (leadsTo < position) this.#tell(`leads to byte ${leadsTo} of the segment, where no batch begins`);
      else if (offset < baseOffset)
        this.#tell(`says that offset ${offset} is at byte ${position}, where the batch of ${baseOffset} begins`);
    }
  }

  /** An entry names the newest time up to its offset. */
  times({ lastOffset }: BatchPlace, newestBeforeMs: number, newestMs: number): void {
    for (; this.#entry < this.count; this.#entry += 1) {
      const at = this.#entry * 12;
      const timeMs = Number(this.#view.getBigInt64(at));
      const offset = this.#segment.baseOffset + this.#view.getInt32(at + 8);
      if (offset > lastOffset) return;
      if (timeMs < newestBeforeMs || timeMs > newestMs) {
        this.#tell(`says that ${timeMs} is the newest time up to offset ${offset}; it is ${newestMs}`);
      }
    }
  }

  /** @param bytes of whole batches in the segment. */
  end(bytes: number): void {
    for (; this.#entry < this.count; this.#entry += 1)
      this.#tell(`leads behind the segment's last whole batch, which ends at byte ${bytes}`);
  }

  #tell(what: string): void {
    const file = this.#segment.name.replace(/\.log$/, `.${this.#suffix}`);
    this.#problems.push({ file, position: this.#entry * this.#entryBytes, message: `entry ${this.#entry} ${what}` });
  }
}
