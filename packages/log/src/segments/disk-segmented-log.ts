// The object that holds one log's state and hands each call to the file that knows how. It adds one rule: operations that change the
// same end of the log never overlap, and it says so when they do.

import { invariant, type Offset, type TopicConfig } from "@varve/model";
import type { EpochEnd, ReadResult } from "../log.ts";
import { adoptTail } from "./adopt.ts";
import { appendStamped } from "./append.ts";
import { closeLog, dropLog } from "./close.ts";
import { cutEnd, cutLog, resetLog } from "./cut.ts";
import type { DamagedRange } from "./damage.ts";
import { findByTime } from "./find-by-time.ts";
import type { AdoptedTail, LogPosition } from "./position.ts";
import type { ProducerCheck } from "./producers.ts";
import { isOnDiskOnly, readLog } from "./read.ts";
import { deleteBelowStart, hasExpired, retentionStart } from "./retention.ts";
import { mustRoll, roll } from "./roll.ts";
import { type ScrubStep, scrubStep } from "./scrub.ts";
import type { SegmentedLog } from "./segmented-log.ts";
import type { LogSide, LogState } from "./state.ts";
import { syncLog } from "./sync.ts";

/** See `SegmentedLog` for every member. */
export class DiskSegmentedLog implements SegmentedLog {
  readonly #state: LogState;

  constructor(state: LogState) {
    this.#state = state;
  }

  get folder(): string {
    return this.#state.folder;
  }
  get logStart(): Offset {
    return this.#state.logStart;
  }
  get logEnd(): Offset {
    return this.#state.active.end;
  }
  get activeBase(): Offset {
    return this.#state.active.base;
  }
  get activeBytes(): number {
    return this.#state.active.bytes;
  }
  get position(): LogPosition {
    return this.#state.position;
  }
  get byteLength(): number {
    return this.#state.closedBytes + this.#state.active.bytes;
  }
  get latestEpoch(): { readonly epoch: number; readonly startOffset: Offset } | undefined {
    return this.#state.epochs.latest;
  }
  get isDirty(): boolean {
    return this.#state.isDirty;
  }
  get dirtyBytes(): number {
    return this.#state.unsynced.contentBytes;
  }
  get sealedFiles(): number {
    return this.#state.unsynced.sealed.length;
  }
  get hasResidue(): boolean {
    return this.#state.residue !== undefined;
  }
  get hasExpired(): boolean {
    return hasExpired(this.#state);
  }
  get damage(): readonly DamagedRange[] {
    return this.#state.damage.ranges;
  }

  configure(config: TopicConfig): void {
    this.#state.config = config;
  }

  mustRoll(batchBytes: number, nowMs: number): boolean {
    return mustRoll(this.#state, batchBytes, nowMs);
  }

  checkProducer(batch: Uint8Array, nowMs: number): ProducerCheck {
    return this.#state.producers.check(batch, nowMs, this.#state.context.producerExpiryMs);
  }

  appendStamped(batches: Uint8Array): void {
    this.#refuseWhileChanging("end");
    appendStamped(this.#state, batches);
  }

  read(from: Offset, bytesMax: number, below: Offset): ReadResult | Promise<ReadResult> {
    return readLog(this.#state, from, bytesMax, below);
  }

  isOnDiskOnly(from: Offset): boolean {
    return isOnDiskOnly(this.#state, from);
  }

  findByTime(timestampMs: number, below: Offset, from?: Offset): Promise<ReadResult | undefined> {
    return findByTime(this.#state, timestampMs, below, from);
  }

  endOfEpoch(epoch: number): EpochEnd | undefined {
    return this.#state.epochs.endOf(epoch, this.#state.active.end);
  }

  cutEnd(end: Offset): Promise<Offset> {
    return cutEnd(this.#state, end);
  }

  sync(): Promise<LogPosition> {
    return syncLog(this.#state);
  }

  retentionStart(nowMs: number, highWatermark: Offset): Promise<Offset | undefined> {
    return retentionStart(this.#state, nowMs, highWatermark);
  }

  scrubStep(bytesMax: number): Promise<ScrubStep> {
    return scrubStep(this.#state, bytesMax);
  }

  expireProducers(nowMs: number): number {
    return this.#state.producers.expire(nowMs, this.#state.context.producerExpiryMs);
  }

  raiseStart(start: Offset): void {
    const state = this.#state;
    if (start <= state.logStart) return;
    invariant(start <= state.active.end, `${state.folder}: the log start ${start} lies behind the log end ${state.active.end}`);
    state.logStart = start;
    if (state.epochs.raiseStart(start)) state.unsynced.epochs = true;
    state.damage.keepWithin(start, state.active.end);
  }

  roll(): Promise<void> {
    return this.#change(() => roll(this.#state), ["end"]);
  }
  cut(end: Offset): Promise<Offset> {
    return this.#change(() => cutLog(this.#state, end));
  }
  reset(start: Offset): Promise<void> {
    return this.#change(() => resetLog(this.#state, start));
  }
  deleteBelowStart(): Promise<number> {
    return this.#change(() => deleteBelowStart(this.#state), ["start"]);
  }
  adoptTail(): Promise<AdoptedTail> {
    return this.#change(() => adoptTail(this.#state));
  }
  close(): Promise<void> {
    return this.#change(() => closeLog(this.#state));
  }
  drop(): Promise<void> {
    return this.#change(() => dropLog(this.#state));
  }

  async #change<Value>(run: () => Promise<Value>, sides: readonly LogSide[] = ["start", "end"]): Promise<Value> {
    const { changing } = this.#state;
    for (const side of sides) this.#refuseWhileChanging(side);
    for (const side of sides) changing.add(side);
    try {
      return await run();
    } finally {
      for (const side of sides) changing.delete(side);
    }
  }

  #refuseWhileChanging(side: LogSide): void {
    invariant(!this.#state.changing.has(side), `${this.#state.folder}: two changes of the log's ${side} at once`);
  }
}
