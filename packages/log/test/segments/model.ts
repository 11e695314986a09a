// The slow, obvious log: a list of batches and what was promised of them. The real one must be indistinguishable from it.

import type { Offset } from "@varve/model";
import { baseSequenceOf, lastOffsetOf, leaderEpochOf, maxTimestampOf, producerEpochOf, producerIdOf } from "@varve/record";

export interface ModelBatch {
  readonly base: number;
  readonly end: number;
  readonly bytes: Uint8Array;
  readonly epoch: number;
  readonly timestampMs: number;
}

export class ModelLog {
  start = 0;
  end = 0;
  /** All that the log was ever given and that no cut took back, also what lies below its start. */
  batches: ModelBatch[] = [];
  epochs: { epoch: number; startOffset: number }[] = [];

  clone(): ModelLog {
    const { start, end, batches, epochs } = this;
    return Object.assign(new ModelLog(), { start, end, batches: [...batches], epochs: [...epochs] });
  }

  append(bytes: Uint8Array): void {
    const batch = {
      base: this.end,
      end: lastOffsetOf(bytes, 0) + 1,
      bytes: bytes.slice(),
      epoch: leaderEpochOf(bytes, 0),
      timestampMs: maxTimestampOf(bytes, 0),
    };
    this.batches.push(batch);
    if (this.epochs.length === 0 || this.epochs.at(-1)!.epoch < batch.epoch) {
      this.epochs = this.epochs.filter(({ startOffset }) => startOffset < batch.base);
      this.epochs.push({ epoch: batch.epoch, startOffset: batch.base });
    }
    this.end = batch.end;
  }

  cutEnd(end: number): number {
    if (end >= this.end) return this.end;
    const straddling = this.batches.find((batch) => batch.base < end && end < batch.end);
    return Math.max(this.start, straddling?.base ?? end);
  }

  cut(end: number): void {
    const boundary = this.cutEnd(end);
    if (boundary === this.end) return;
    this.batches = this.batches.filter((batch) => batch.end <= boundary);
    // A cut inside the batch that holds the log start leaves nothing at all.
    if ((this.batches.at(-1)?.end ?? boundary) < boundary) return this.reset(boundary);
    this.epochs = this.epochs.filter(({ startOffset }) => startOffset < boundary);
    this.end = boundary;
  }

  reset(start: number): void {
    this.batches = [];
    this.epochs = [];
    this.start = start;
    this.end = start;
  }

  raise(start: number): void {
    if (start <= this.start) return;
    this.start = start;
    const below = this.epochs.filter(({ startOffset }) => startOffset <= start).at(-1);
    const above = this.epochs.filter(({ startOffset }) => startOffset > start);
    this.epochs = below === undefined ? above : [{ epoch: below.epoch, startOffset: start }, ...above];
  }

  read(from: number, bytesMax: number, below: number): readonly ModelBatch[] {
    const found: ModelBatch[] = [];
    let bytes = 0;
    for (const batch of this.batches) {
      if (batch.end <= from || from >= below) continue;
      if (batch.end > below || (found.length > 0 && bytes + batch.bytes.length > bytesMax)) break;
      found.push(batch);
      bytes += batch.bytes.length;
    }
    return found;
  }

  findByTime(timestampMs: number, below: number): ModelBatch | undefined {
    const found = this.batches.find((batch) => batch.end > this.start && batch.timestampMs >= timestampMs);
    return found !== undefined && found.end <= below ? found : undefined;
  }

  endOfEpoch(epoch: number): { epoch: number; endOffset: number } | undefined {
    const index = this.epochs.findLastIndex((entry) => entry.epoch <= epoch);
    if (index < 0) return undefined;
    return { epoch: this.epochs[index]!.epoch, endOffset: this.epochs[index + 1]?.startOffset ?? this.end };
  }

  /** The last five batches of every producer, as the batches say. */
  producers(): Map<number, { epoch: number; batches: { sequence: number; base: Offset; end: number }[] }> {
    const producers = new Map<number, { epoch: number; batches: { sequence: number; base: Offset; end: number }[] }>();
    for (const { bytes, base, end } of this.batches) {
      const id = producerIdOf(bytes, 0);
      if (id < 0) continue;
      const epoch = producerEpochOf(bytes, 0);
      const known = producers.get(id);
      const kept = known?.epoch === epoch ? known.batches : [];
      producers.set(id, { epoch, batches: [...kept, { sequence: baseSequenceOf(bytes, 0), base: base as Offset, end }].slice(-5) });
    }
    return producers;
  }
}
