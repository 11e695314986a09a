// Rounds: what waits is taken, written with one write and synced once; then the durable ends of all its partitions move, and after that
// those who wait are told. While one round runs, the next collects. A round that holds few partitions and many bytes syncs their segments
// instead. It never frees the journal: see flusher.ts. Why it is safe: docs/formats/journal.md, "Rounds".

import { ClusterError, invariant, type Offset } from "@varve/model";
import { stepBudgetMs, syncWriteBytesMax, type Timer, turn } from "@varve/runtime";
import { allUnlessFailed, mayPass } from "../disk-verdict.ts";
import type { CommitterOptions, Control } from "./committer-options.ts";
import { isDirectRound } from "./direct-round.ts";
import {
  appendFrameBytes,
  frameHeaderBytes,
  type Mark,
  payloadBytes,
  writeAppend,
  writeMark,
  writeOffset,
  writeTruncate,
} from "./frame.ts";
import { isNewer, type JournalPartition } from "./journal-partition.ts";
import type { Place } from "./ring.ts";
import { RoundBuffer } from "./round-buffer.ts";

const markFrameBytes = frameHeaderBytes + payloadBytes.mark;
/** Between two tries of a direct round that the disk has refused. */
const directRetryMs = 500;

export class Committer {
  readonly #options: CommitterOptions;
  readonly #pendingMarks = new Set<JournalPartition>();
  #collecting = new RoundBuffer();
  #spare = new RoundBuffer();
  #nextLsn: number;
  #state: "idle" | "scheduled" | "running" | "starved" | "failed" = "idle";
  /** A direct round has found no room on the disk, or no file to open, and is tried again. */
  #isRefused = false;
  #directTimer: Timer | undefined;
  /** The work on the disk of the round that runs, or ran last. */
  #round: Promise<void> = Promise.resolve();
  #markTimer: Timer | undefined;
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#nextLsn = options.nextLsn;
  }

  /** The next frame's. */
  get nextLsn(): number {
    return this.#nextLsn;
  }

  /** Of the first frame that no round was taken for. */
  get firstWaitingLsn(): number {
    return this.#collecting.frames > 0 ? this.#collecting.firstLsn : this.#nextLsn;
  }

  /** The round that waits finds no file of the ring, and none runs. */
  get isStarved(): boolean {
    return this.#state === "starved";
  }

  /** The round that waits finds no file of the ring, or the one that runs no room on the disk. */
  get isStuck(): boolean {
    return this.#state === "starved" || this.#isRefused;
  }

  /** Whether an append of so many bytes may be put now; else a promise to wait for and ask again. */
  room(batchBytes: number): true | Promise<void> {
    return this.#hasRoom(appendFrameBytes(batchBytes)) ? true : this.#waitForRoom();
  }

  /** Puts an append that its segment has taken. `room` has just answered true. */
  append(partition: JournalPartition, segmentBase: Offset, batches: Uint8Array): void {
    const buffer = this.#collecting;
    buffer.join(partition);
    const lsn = this.#nextLsn++;
    const at = buffer.put("append", partition.bytes, lsn, appendFrameBytes(batches.length));
    writeAppend(buffer.bytes, at, segmentBase, batches);
    buffer.batchBytes += batches.length;
    partition.appended(lsn);
    this.#due(buffer);
  }

  /** Puts a `create` frame, for a partition that has no account yet. Returns and throws as `control`. */
  async create(partition: Uint8Array): Promise<number> {
    while (!this.#hasRoom(frameHeaderBytes)) await this.#waitForRoom();
    if (this.#state === "failed") throw diskFailed();
    const buffer = this.#collecting;
    const lsn = this.#nextLsn++;
    buffer.put("create", partition, lsn, frameHeaderBytes);
    buffer.hasControl = true;
    await this.#durable(buffer);
    return lsn;
  }

  /** Puts any other frame. @returns its lsn once it is durable. @throws {ClusterError} KAFKA_STORAGE_ERROR when the disk fails before. */
  async control(partition: JournalPartition, control: Control): Promise<number> {
    const frameBytes = frameHeaderBytes + payloadBytes[control.kind];
    // Between the last question and the put nobody else has a turn: the buffer is not taken meanwhile.
    while (!this.#hasRoom(frameBytes)) await this.#waitForRoom();
    if (this.#state === "failed") throw diskFailed();
    const buffer = this.#collecting;
    const lsn = this.#nextLsn++;
    buffer.join(partition);
    const at = buffer.put(control.kind, partition.bytes, lsn, frameBytes);
    if (control.kind === "truncate") writeTruncate(buffer.bytes, at, control.end, control.leaderEpoch);
    else if (control.kind === "reset" || control.kind === "start") {
      writeOffset(buffer.bytes, at, control.start);
      buffer.starts.push({ partition, offset: control.start, lsn });
    }
    if (control.kind === "truncate" || control.kind === "reset") partition.endingBegins(lsn);
    else if (control.kind === "drop") partition.drop = { lsn, state: "put" };
    buffer.hasControl = true;
    await this.#durable(buffer);
    return lsn;
  }

  /** `partition.synced` has moved: its mark rides on the next round, or is written alone after `JournalTuning.markDelayMsMax`. */
  mark(partition: JournalPartition): void {
    if (this.#state === "failed") return;
    this.#pendingMarks.add(partition);
    this.#startMarkTimer();
  }

  /** Resolves when all that was put, and the marks that waited, are durable. @throws {ClusterError} KAFKA_STORAGE_ERROR when the disk fails before. */
  async barrier(): Promise<void> {
    if (this.#state === "failed") throw diskFailed();
    this.#collecting.marksAreDue = true;
    await this.#durable(this.#collecting);
  }

  /** A file of the ring is free again. */
  resume(): void {
    if (this.#state !== "starved") return;
    this.#state = "idle";
    this.#begin();
  }

  /** Nothing is answered any more; resolves when no round is at work on the disk. */
  fail(): Promise<void> {
    if (this.#state === "failed") return this.#round;
    this.#state = "failed";
    this.close();
    for (const { reject } of [...this.#collecting.waiters, ...this.#spare.waiters]) reject(diskFailed());
    this.#madeRoom();
    return this.#round;
  }

  /** Nothing is put any more. */
  close(): void {
    this.#markTimer?.cancel();
    this.#directTimer?.cancel();
  }

  /** Gives memory back; called when nothing has waited for a while. */
  shrink(): void {
    if (this.#state !== "idle") return;
    this.#collecting.shrink();
    this.#spare.shrink();
  }

  #hasRoom(frameBytes: number): boolean {
    const { ring, waitingBytesMax } = this.#options;
    const { length } = this.#collecting;
    // A failed journal has room for everybody: what waits must go on, and be refused.
    return length === 0 || this.#state === "failed" || length + frameBytes <= Math.min(waitingBytesMax, ring.roundBytesMax);
  }

  #waitForRoom(): Promise<void> {
    if (this.#room === undefined) {
      let resolve = () => {};
      const promise = new Promise<void>((resolved) => {
        resolve = resolved;
      });
      this.#room = { promise, resolve };
      this.#options.metrics.waitsForRoom.add(1);
    }
    // Marks alone may fill the buffer, and nothing else would send them on their way.
    this.#due(this.#collecting);
    return this.#room.promise;
  }

  #madeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** The buffer has something that must not wait: its round begins now, when none runs, once this turn of the loop is over. */
  #due(buffer: RoundBuffer): void {
    buffer.isDue = true;
    if (this.#state !== "idle") return;
    this.#state = "scheduled";
    this.#options.clock.defer(() => {
      if (this.#state !== "scheduled") return;
      this.#state = "idle";
      this.#begin();
    });
  }

  #durable(buffer: RoundBuffer): Promise<void> {
    this.#due(buffer);
    return new Promise((resolve, reject) => buffer.waiters.push({ resolve, reject }));
  }

  #startMarkTimer(): void {
    this.#markTimer ??= this.#options.clock.setTimer(this.#options.tuning.markDelayMsMax, () => {
      this.#markTimer = undefined;
      if (this.#state === "failed") return;
      this.#collecting.marksAreDue = true;
      this.#due(this.#collecting);
    });
  }

  #begin(): void {
    const buffer = this.#collecting;
    if (!buffer.isDue) return;
    const { ring, tuning } = this.#options;
    if (isDirectRound(buffer, ring.roundBytesMax, tuning.directBytesPerPartitionMin)) return this.#takeDirect(buffer);
    this.#putMarks(buffer);
    const place = buffer.length === 0 ? undefined : ring.place(buffer.length, buffer.firstLsn);
    if (place === undefined && buffer.length > 0) {
      this.#state = "starved";
      this.#options.onStarved();
      return;
    }
    this.#takeJournaled(buffer, place);
  }

  #takeJournaled(buffer: RoundBuffer, place: Place | undefined): void {
    this.#swap();
    for (const partition of buffer.members) {
      partition.take();
      place?.file.newest.set(partition, partition.newestLsn);
    }
    this.#markTimer?.cancel();
    this.#markTimer = undefined;
    if (this.#pendingMarks.size > 0) this.#startMarkTimer();
    const { metrics, clock, generation, compression } = this.#options;
    metrics.rounds.add(1);
    metrics.framesPerRound.observe(buffer.frames);
    metrics.bytesPerRound.observe(buffer.length);
    buffer.seal(generation, compression);
    const beganMs = clock.monotonicMs();
    this.#round = this.#write(buffer, place).then(
      () => {
        metrics.syncSeconds.observe((clock.monotonicMs() - beganMs) / 1000);
        this.#complete(buffer);
      },
      (error: unknown) => this.#options.onFailure(error),
    );
  }

  async #write(buffer: RoundBuffer, place: Place | undefined): Promise<void> {
    if (place === undefined) return;
    const { file } = place.file;
    const { clock, metrics } = this.#options;
    // The pages are in the cache already: writing them costs less than handing the pieces to the thread pool, one after the other.
    for (let at = 0, budgetEndsMs = clock.monotonicMs() + stepBudgetMs; at < buffer.length; at += syncWriteBytesMax) {
      if (clock.monotonicMs() >= budgetEndsMs) {
        await turn(clock);
        if (this.#state === "failed") return;
        budgetEndsMs = clock.monotonicMs() + stepBudgetMs;
      }
      file.writeSync(buffer.bytes.subarray(at, Math.min(at + syncWriteBytesMax, buffer.length)), place.position + at);
    }
    metrics.syncs.add(1);
    await file.sync();
  }

  /** Syncs the segments of the round's partitions. Its frames are dropped unwritten, and their numbers given out again. */
  #takeDirect(buffer: RoundBuffer): void {
    const { metrics } = this.#options;
    const members = [...buffer.members];
    const carried = buffer.marks.filter(({ partition }) => partition.buffer !== buffer);
    this.#nextLsn = buffer.firstLsn;
    this.#swap();
    for (const partition of members) {
      partition.unappended();
      partition.take();
    }
    // Marks come first in the next round, before any later frame of their partitions; it is not written before this sync has returned.
    const next = this.#collecting;
    for (const { partition, mark } of carried) this.#putMarkFrame(next, partition, mark);
    for (const partition of members) {
      this.#putMarkFrame(next, partition, partition.taken!);
      this.#pendingMarks.delete(partition);
    }
    metrics.rounds.add(1);
    metrics.directRounds.add(1);
    metrics.syncs.add(members.length);
    buffer.members.length = 0;
    this.#round = this.#syncDirect(buffer, members);
  }

  /** Again and again while the disk refuses what it may take later: a sync that failed so has left everything as dirty as it was. */
  async #syncDirect(buffer: RoundBuffer, members: readonly JournalPartition[]): Promise<void> {
    try {
      await allUnlessFailed(members.map(({ segments }) => segments.sync()));
    } catch (error) {
      if (!mayPass(error)) return this.#options.onFailure(error);
      if (this.#state === "failed") return;
      this.#isRefused = true;
      this.#options.onRefused(error);
      this.#directTimer = this.#options.clock.setTimer(directRetryMs, () => {
        this.#round = this.#syncDirect(buffer, members);
      });
      return;
    }
    this.#isRefused = false;
    this.#completeDirect(buffer, members);
  }

  #completeDirect(buffer: RoundBuffer, members: readonly JournalPartition[]): void {
    if (this.#state === "failed") return;
    const next = this.#collecting;
    for (const partition of members) {
      if (partition.taken!.covers <= partition.marked.covers) {
        buffer.members.push(partition);
        continue;
      }
      // Recovery would write its live frames again and cut what came directly: nothing is answered before the mark is durable.
      next.join(partition);
      next.marksAreDue = true;
      next.isDue = true;
    }
    this.#startMarkTimer();
    this.#complete(buffer);
  }

  #complete(buffer: RoundBuffer): void {
    if (this.#state === "failed") return;
    const members = [...buffer.members];
    const waiters = [...buffer.waiters];
    for (const partition of members) partition.complete();
    for (const { partition, mark } of buffer.marks) partition.markedUpTo(mark);
    // Before anyone runs who could write a checkpoint without them.
    for (const { partition, offset, lsn } of buffer.starts) partition.start = { offset, lsn };
    buffer.clear();
    this.#state = "idle";
    this.#begin();
    for (const { segments } of members) segments.durableMoved();
    for (const { resolve } of waiters) resolve();
    this.#options.onRound();
  }

  #swap(): void {
    const taken = this.#collecting;
    this.#collecting = this.#spare;
    this.#spare = taken;
    invariant(this.#collecting.frames === 0, "a round was taken while another runs");
    this.#state = "running";
    this.#madeRoom();
  }

  /** As many marks as the round has place for beside what it must carry; the others wait for the next. */
  #putMarks(buffer: RoundBuffer): void {
    for (const partition of this.#pendingMarks) {
      if (buffer.length + markFrameBytes > this.#options.ring.roundBytesMax) break;
      this.#pendingMarks.delete(partition);
      this.#putMark(buffer, partition);
    }
  }

  #putMark(buffer: RoundBuffer, partition: JournalPartition): void {
    if (partition.drop === undefined && isNewer(partition.synced, partition.marked))
      this.#putMarkFrame(buffer, partition, partition.synced);
  }

  #putMarkFrame(buffer: RoundBuffer, partition: JournalPartition, mark: Mark): void {
    const at = buffer.put("mark", partition.bytes, this.#nextLsn++, markFrameBytes);
    writeMark(buffer.bytes, at, mark);
    buffer.marks.push({ partition, mark });
  }
}

function diskFailed(): ClusterError {
  return new ClusterError("KAFKA_STORAGE_ERROR", "the disk failed; nothing more is answered from it");
}
