// The slow model of a data directory: for each partition a list of batches, and the promises that were made so far. After a crash it says
// which logs may be found, and takes what was found for the truth from then on.

import type { PartitionLog } from "../../src/log.ts";
import { equalBytes, joined, type StoredBatch, takeApart } from "./batches.ts";

/** A change that was asked for and not answered: a crash may find it done or not. */
export type Pending =
  | { readonly kind: "truncate"; readonly end: number }
  | { readonly kind: "reset"; readonly start: number }
  | { readonly kind: "raise"; readonly start: number }
  | { readonly kind: "retain" | "create" | "drop" | "configure" };

/** What a producer has sent, as the log knows it. */
export interface ModelProducer {
  readonly id: number;
  readonly nextSequence: number;
  /** Its last batches, oldest first: as the client sent them, and where they stand. */
  readonly sent: readonly { readonly client: Uint8Array; readonly base: number; readonly next: number }[];
}

/** Kafka's number of batches that are known again. */
const producerBatchesMax = 5;

export class Violation extends Error {
  override readonly name = "Violation";
}

export class PartitionModel {
  readonly name: string;
  exists = false;
  batches: StoredBatch[] = [];
  start = 0;
  end = 0;
  /** The highest durable end that was reported, but for what was cut since. */
  durable = 0;
  highWatermark = 0;
  epoch = 0;
  pending: Pending | undefined;
  /** Its making was refused: the next life may find it made. */
  mayAppear = false;
  producers = new Map<number, ModelProducer>();
  /** Batches of a follower's append that met a full disk: the first of them may stand behind the end until the next append. */
  residue: readonly StoredBatch[] = [];

  constructor(name: string) {
    this.name = name;
  }

  created(): void {
    Object.assign(this, {
      exists: true,
      batches: [],
      start: 0,
      end: 0,
      durable: 0,
      highWatermark: 0,
      epoch: 0,
      pending: undefined,
      mayAppear: false,
    });
    this.producers = new Map();
  }

  dropped(): void {
    this.created();
    this.exists = false;
  }

  appended(stamped: Uint8Array): void {
    this.residue = [];
    for (const batch of takeApart(stamped)) {
      this.batches.push(batch);
      this.end = batch.next;
    }
  }

  /** An append of several batches was refused in its middle. */
  leftBehind(stamped: Uint8Array): void {
    this.residue = takeApart(stamped);
  }

  sent(id: number, baseSequence: number, records: number, client: Uint8Array, base: number): void {
    const known = this.producers.get(id)?.sent ?? [];
    this.producers.set(id, {
      id,
      nextSequence: baseSequence + records,
      sent: [...known, { client, base, next: base + records }].slice(-producerBatchesMax),
    });
  }

  /** The log says that it is durable up to here. */
  reported(durableEnd: number): void {
    if (durableEnd > this.end) throw new Violation(`${this.name}: durable end ${durableEnd} above the log's end ${this.end}`);
    this.durable = Math.max(this.durable, durableEnd);
  }

  truncated(end: number): void {
    const boundary = this.boundaryBelow(end);
    this.batches = this.batches.filter(({ next }) => next <= boundary);
    this.end = boundary;
    this.durable = Math.min(this.durable, boundary);
    this.#forgetProducers();
  }

  reset(start: number): void {
    Object.assign(this, { batches: [], start, end: start, durable: start });
    this.producers = new Map();
  }

  raised(start: number): void {
    this.start = Math.max(this.start, start);
    this.batches = this.batches.filter(({ next }) => next > this.start);
    if (this.end < this.start) this.end = this.start;
  }

  /** Where a cut at `end` ends the log: `end`, or the base of the batch that it falls into. */
  boundaryBelow(end: number): number {
    if (end >= this.end) return this.end;
    const inside = this.batches.find(({ base, next }) => base < end && end < next);
    return Math.max(this.start, inside?.base ?? end);
  }

  /** A log was found after a crash or a restart: holds it against the promises, then takes it for the truth. */
  async found(log: PartitionLog | undefined): Promise<void> {
    const { pending } = this;
    if (log === undefined) {
      if (this.exists && pending?.kind !== "drop") throw new Violation(`${this.name}: the log is gone`);
      return this.dropped();
    }
    if (!this.exists) {
      if (pending?.kind !== "create" && !this.mayAppear) throw new Violation(`${this.name}: a log that was dropped is back`);
      this.created();
    }
    const found = await readAll(this.name, log);
    // Not before: a disk that fails in the middle of this leaves the question to the next life.
    this.pending = undefined;
    if (found.end > this.end) this.appended(joined(this.residue.filter(({ next }) => next <= found.end).map(({ bytes }) => bytes)));
    this.residue = [];
    this.#check(found, pending);
    this.batches = [...found.batches];
    this.start = found.start;
    this.end = found.end;
    this.durable = found.end;
    this.#forgetProducers();
    if (log.durableEnd !== log.logEnd)
      throw new Violation(`${this.name}: opened with durable end ${log.durableEnd} below the log's end ${log.logEnd}`);
  }

  /** A change was refused, nothing refuses any more, and it is made or is not; whatever was to be made up for has been. */
  async settled(log: PartitionLog | undefined): Promise<void> {
    const { pending } = this;
    this.pending = undefined;
    if (pending === undefined) throw new Violation(`${this.name}: nothing was refused`);
    if (log === undefined) {
      if (this.exists && pending.kind !== "drop") throw new Violation(`${this.name}: the log is gone behind a refused ${pending.kind}`);
      // What a refused making has left, and could not take away again, may be found by the next life.
      if (this.exists) this.dropped();
      else this.mayAppear = true;
      return;
    }
    if (!this.exists) throw new Violation(`${this.name}: a log that could not be made is there`);
    const { logStart: start, logEnd: end } = log;
    if (start !== this.start || end !== this.end) {
      if (pending.kind === "reset" && start === pending.start && end === start) this.reset(start);
      else if (pending.kind === "truncate" && start === this.start && end === this.boundaryBelow(pending.end)) this.truncated(pending.end);
      else if (pending.kind === "raise" && start === pending.start && end === this.end) this.raised(start);
      else if (pending.kind === "retain" && start > this.start && start <= this.highWatermark && end === this.end) this.raised(start);
      else
        throw new Violation(
          `${this.name}: is [${start}, ${end}) behind a refused ${JSON.stringify(pending)}, was [${this.start}, ${this.end})`,
        );
    }
    await this.same(log);
  }

  /** Without a crash the log is exactly this. */
  async same(log: PartitionLog): Promise<void> {
    const found = await readAll(this.name, log);
    if (found.start !== this.start || found.end !== this.end)
      throw new Violation(`${this.name}: holds [${found.start}, ${found.end}), not [${this.start}, ${this.end})`);
    this.#checkBatches(found);
  }

  #check(found: FoundLog, pending: Pending | undefined): void {
    const { start, end } = found;
    const say = (what: string) =>
      new Violation(
        `${this.name}: found [${start}, ${end}), ${what}; was [${this.start}, ${this.end}), durable ${this.durable}, pending ${JSON.stringify(pending)}`,
      );
    if (pending?.kind === "reset" && start === pending.start && end === pending.start) return;
    if (start < this.start) throw say("what lay below the log start is back");
    const mayStart =
      start === this.start ||
      (pending?.kind === "raise" && start === pending.start) ||
      (pending?.kind === "retain" && start <= this.highWatermark);
    if (!mayStart) throw say("a log start that nobody asked for");
    if (end > this.end) throw say("more than there was");
    const cut = pending?.kind === "truncate" ? this.boundaryBelow(pending.end) : Number.POSITIVE_INFINITY;
    const isCut = end <= cut && end >= Math.min(this.durable, cut);
    if (end < this.durable && !isCut) throw say("what was acknowledged is lost");
    this.#checkBatches(found);
  }

  /** What was found is what was written, from the start on, and ends where a batch does. */
  #checkBatches({ start, end, batches }: FoundLog): void {
    const expected = this.batches.filter(({ next }) => next > start && next <= end);
    const last = expected.at(-1)?.next ?? start;
    if (last !== end) {
      throw new Violation(`${this.name}: ends at ${end}, inside what was written ([${this.batches.map(({ next }) => next)}])`);
    }
    if (batches.length !== expected.length)
      throw new Violation(`${this.name}: ${batches.length} batches in [${start}, ${end}), not ${expected.length}`);
    batches.forEach((batch, at) => {
      const wanted = expected[at]!;
      if (batch.base !== wanted.base || !equalBytes(batch.bytes, wanted.bytes))
        throw new Violation(`${this.name}: the batch at ${wanted.base} is not what was written there`);
    });
  }

  /** Producers whose last batch is not in the log any more: nobody can say what it knows of them. */
  #forgetProducers(): void {
    for (const [id, { sent }] of this.producers) {
      const kept = sent.filter(
        ({ base, next }) => this.batches.some((batch) => batch.base === base && batch.next === next) && next <= this.end,
      );
      const last = kept.at(-1);
      if (last === undefined) this.producers.delete(id);
      else this.producers.set(id, { id, sent: kept, nextSequence: sequenceBehind(kept) });
    }
  }
}

function sequenceBehind(sent: ModelProducer["sent"]): number {
  const { client, base, next } = sent.at(-1)!;
  const view = new DataView(client.buffer, client.byteOffset);
  return view.getInt32(53) + (next - base);
}

interface FoundLog {
  readonly start: number;
  readonly end: number;
  readonly batches: readonly StoredBatch[];
}

const readBytes = 4096;

async function readAll(name: string, log: PartitionLog): Promise<FoundLog> {
  const chunks: Uint8Array[] = [];
  for (let from = log.logStart; from < log.logEnd; ) {
    const result = await log.read(from, readBytes, log.logEnd);
    if (result.kind !== "batches")
      throw new Violation(
        `${name}: a read at ${from} of [${log.logStart}, ${log.logEnd}) answers ${result.kind} ${result.kind === "damaged" ? result.error.message : ""}`,
      );
    if (result.nextOffset <= from) {
      if (result.byteLength > 0 || result.nextOffset < from)
        throw new Violation(`${name}: a read at ${from} goes back to ${result.nextOffset}`);
      break;
    }
    chunks.push(...result.chunks);
    from = result.nextOffset;
  }
  return { start: log.logStart, end: log.logEnd, batches: takeApart(joined(chunks)) };
}
