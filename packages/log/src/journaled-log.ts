// One partition's log: its segments and its account with the journal, put together so that what is durable, cut or refused is right at
// every moment. What a segment is: segments/; when rounds run: journal/; which logs there are: store.ts.

import { ClusterError, type Failure, InvariantError, type Offset, type PartitionId, partitionKey, type TopicConfig } from "@varve/model";
import { stampBatch, stampLogAppendTime } from "@varve/record";
import { DiskError } from "@varve/runtime";
import { mayPass } from "./disk-verdict.ts";
import { Endings } from "./endings.ts";
import { Gates } from "./gate.ts";
import { JournalPartition } from "./journal/journal-partition.ts";
import type { JournaledLogOptions } from "./journaled-log-options.ts";
import type { AppendResult, EpochEnd, PartitionLog, ReadResult } from "./log.ts";
import { Pins } from "./pins.ts";
import type { LogPosition } from "./segments/position.ts";
import type { SegmentedLog } from "./segments/segmented-log.ts";
import { checkStamped } from "./stamped-batches.ts";

/** Ended segments that a log keeps open until they are synced; the roll that would make it one more syncs them first. */
export const sealedFilesMax = 4;

/** What a change that the disk refuses, and may take later, is to appends. */
type WhenRefused = "appends wait" | "appends go on";

export class JournaledLog implements PartitionLog {
  readonly id: PartitionId;
  readonly partition: JournalPartition;
  readonly segments: SegmentedLog;
  readonly #options: JournaledLogOptions;
  readonly #gates = new Gates();
  #config: TopicConfig;
  #highWatermark = 0 as Offset;
  #listener: (() => void) | undefined;
  #offline: Failure | undefined;
  /** What the disk refuses: what an append has left behind the end is cut, and a change that was begun is made, before the next append. */
  #refusedBy: DiskError | undefined;
  readonly #endings: Endings;
  readonly #pins = new Pins();

  constructor(options: JournaledLogOptions) {
    const { id, segments, config } = options;
    this.id = id;
    this.segments = segments;
    this.#options = options;
    this.#config = config;
    const account = {
      get position() {
        return segments.position;
      },
      sync: () => this.#pins.hold(() => this.#sync()),
      durableMoved: () => this.#listener?.(),
    };
    this.partition = new JournalPartition(id, account, config.durability === "fsync", options.mark, options.start);
    this.#endings = new Endings(options.journal, this.partition, () => {
      // What was committed is not cut; but a log that begins again begins with nothing committed.
      this.#highWatermark = Math.min(this.#highWatermark, segments.logEnd) as Offset;
    });
  }

  get logStart(): Offset {
    return this.segments.logStart;
  }

  get logEnd(): Offset {
    return this.segments.logEnd;
  }

  get durableEnd(): Offset {
    return this.partition.durableEnd;
  }

  get byteLength(): number {
    return this.segments.byteLength;
  }

  get latestEpoch(): { readonly epoch: number; readonly startOffset: Offset } | undefined {
    return this.segments.latestEpoch;
  }

  get offline(): Failure | undefined {
    return this.#offline;
  }

  room(batchBytes: number): true | Promise<void> {
    if (this.#offline !== undefined || this.#refusedBy !== undefined) return true;
    if (!this.#gates.end.isOpen) return this.#gates.end.passed();
    if (this.segments.mustRoll(batchBytes, this.#options.clock.wallMs())) return this.#unlessRefused(this.#changeEnd(() => this.#roll()));
    return this.partition.isJournaled ? this.#options.journal.room(batchBytes) : true;
  }

  appendAsLeader(batch: Uint8Array, leaderEpoch: number, nowMs: number): AppendResult {
    const refused = this.#refusal();
    if (refused !== undefined) return { kind: "refused", failure: refused };
    const check = this.segments.checkProducer(batch, this.#options.clock.monotonicMs());
    if (check.kind !== "new") return check;
    const baseOffset = this.segments.logEnd;
    stampBatch(batch, 0, baseOffset, leaderEpoch);
    if (this.#config["message.timestamp.type"] === "LogAppendTime") stampLogAppendTime(batch, 0, nowMs, this.#options.compression);
    const failure = this.#write(batch);
    if (failure !== undefined) return { kind: "refused", failure };
    return { kind: "appended", baseOffset, lastOffset: (this.segments.logEnd - 1) as Offset, appendTimeMs: nowMs };
  }

  appendAsFollower(batches: Uint8Array): void {
    const refused = this.#refusal();
    if (refused !== undefined) throw new ClusterError(refused.code, refused.message);
    const { logEnd, latestEpoch } = this.segments;
    checkStamped(batches, { name: partitionKey(this.id), end: logEnd, epoch: latestEpoch?.epoch ?? -1 }, this.#options.compression);
    const failure = this.#write(batches);
    if (failure !== undefined) throw new ClusterError(failure.code, failure.message);
  }

  read(from: Offset, bytesMax: number, below: Offset): ReadResult | Promise<ReadResult> {
    this.#checkOnline();
    const result = this.segments.read(from, bytesMax, below);
    return result instanceof Promise ? this.#pins.hold(() => result) : result;
  }

  isOnDiskOnly(from: Offset): boolean {
    return this.segments.isOnDiskOnly(from);
  }

  findByTime(timestampMs: number, below: Offset, from?: Offset): Promise<ReadResult | undefined> {
    this.#checkOnline();
    return this.#pins.hold(() => this.segments.findByTime(timestampMs, below, from));
  }

  endOfEpoch(epoch: number): EpochEnd | undefined {
    return this.segments.endOfEpoch(epoch);
  }

  truncateTo(end: Offset, leaderEpoch: number): Promise<void> {
    return this.#change(async () => {
      if (end >= this.segments.logEnd) return;
      const newEnd = await this.segments.cutEnd(end);
      // What is cut down to its start may begin in the middle of a batch: nothing of it is left to stand on, it begins again.
      if (newEnd <= this.segments.logStart) return this.#reset(newEnd);
      const { journal } = this.#options;
      // Without frames of its appends, all that recovery would keep below the new end is what a mark says.
      if (!this.partition.isJournaled) await journal.mark(this.partition);
      // The frame first: a file that was cut without one would be missing what the mark promises.
      await journal.control(this.partition, { kind: "truncate", end: newEnd, leaderEpoch });
      await this.#endings.make(() => this.segments.cut(newEnd));
    });
  }

  resetTo(start: Offset): Promise<void> {
    return this.#change(() => this.#reset(start));
  }

  raiseLogStart(start: Offset): Promise<void> {
    return this.#changeStart(async () => {
      if (start > this.segments.logEnd)
        throw new ClusterError(
          "OFFSET_OUT_OF_RANGE",
          `${partitionKey(this.id)}: the log cannot begin at ${start}, it ends at ${this.segments.logEnd}`,
        );
      if (start <= this.segments.logStart) return;
      await this.#raise(start);
      await this.#deleteBelowStart();
    });
  }

  noteHighWatermark(highWatermark: Offset): void {
    if (highWatermark > this.#highWatermark) this.#highWatermark = highWatermark;
  }

  onDurable(listener: (() => void) | undefined): void {
    this.#listener = listener;
  }

  async configure(config: TopicConfig): Promise<void> {
    this.#config = config;
    this.segments.configure(config);
    const isJournaled = config.durability === "fsync";
    if (isJournaled === this.partition.isJournaled) return;
    await this.#change(async () => {
      if (isJournaled === this.partition.isJournaled) return;
      await this.#options.journal.mark(this.partition);
      this.partition.isJournaled = isJournaled;
    });
  }

  /** Deletes old segments by age and size. @returns how many. */
  retain(nowMs: number): Promise<number> {
    return this.#changeStart(async () => {
      const start = await this.segments.retentionStart(nowMs, this.#highWatermark);
      if (start !== undefined) await this.#raise(start);
      // Also what the disk refused to remove the last time.
      return this.#deleteBelowStart();
    });
  }

  /** Reads and checks about so many bytes. @returns whether all of the log has been read since the scrub began at its start. */
  scrub(bytesMax: number): Promise<boolean> {
    return this.#pins.hold(async () => (await this.segments.scrubStep(bytesMax)).roundDone);
  }

  /** The disk has refused an append or a change, and it was not made up for since. */
  get isRefused(): boolean {
    return this.#refusedBy !== undefined;
  }

  /** Nothing may be appended or read any more, for this reason. */
  takeOffline(failure: Failure): void {
    this.#offline = failure;
  }

  /** The disk may take what it has refused. */
  async makeRoom(): Promise<void> {
    if (this.#refusedBy === undefined || this.#offline !== undefined) return;
    await this.#unlessRefused(
      this.#change(async () => {
        await this.segments.cut(this.segments.logEnd);
        this.#refusedBy = undefined;
      }),
    );
  }

  /** Takes nothing more; resolves when what was under way has ended. */
  quiesce(): Promise<void> {
    return this.#change(async () => {
      if (this.#refusedBy !== undefined) await this.segments.cut(this.segments.logEnd);
      this.#offline = { code: "BROKER_NOT_AVAILABLE", message: `${partitionKey(this.id)}: the broker is shutting down` };
    });
  }

  /** After `quiesce`: writes what a clean opening needs; all of it is on the disk when it resolves. */
  async close(): Promise<void> {
    await this.#pins.released();
    await this.segments.close();
  }

  /** Removes it for good, also after a try that the disk refused. @param disclaim is called once that is sure, before its files go. */
  drop(disclaim: () => Promise<void>): Promise<void> {
    const remove = async () => {
      if (this.partition.drop === undefined) await this.#options.journal.control(this.partition, { kind: "drop" });
      this.#offline = { code: "UNKNOWN_TOPIC_ID", message: `${partitionKey(this.id)}: the partition was deleted` };
      this.#listener?.();
      await this.#pins.released();
      await disclaim();
      await this.segments.drop();
    };
    return this.#gates.both(() => (this.partition.drop === undefined ? this.#carryOut(remove) : this.#refusable(remove)));
  }

  /** What keeps a change from being made is known by then, and refuses the append that follows. */
  async #unlessRefused(changed: Promise<void>): Promise<void> {
    try {
      await changed;
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
    }
  }

  async #raise(start: Offset): Promise<void> {
    await this.#options.journal.control(this.partition, { kind: "start", start });
    this.segments.raiseStart(start);
  }

  /** Segments go only when a durable mark stands in one that stays: recovery begins there. Takes as long as a sync of a whole segment. */
  async #deleteBelowStart(): Promise<number> {
    if (!this.segments.hasExpired) return 0;
    const { position } = this.partition.marked;
    if (position.offset <= this.segments.logStart && position.segmentBase !== this.segments.activeBase)
      await this.#options.journal.mark(this.partition);
    return this.segments.deleteBelowStart();
  }

  #refusal(): Failure | undefined {
    if (this.#offline !== undefined) return this.#offline;
    if (this.#refusedBy === undefined) return this.#options.refusal();
    if (this.#endings.isUnmade) return { code: "KAFKA_STORAGE_ERROR", message: this.#unfinishedMessage };
    const why = this.#refusedBy.kind === "no-space" ? "the disk is full" : this.#refusedBy.message;
    return { code: "KAFKA_STORAGE_ERROR", message: `${partitionKey(this.id)}: ${why}; appends go on when that has passed` };
  }

  #checkOnline(): void {
    if (this.#offline !== undefined) throw new ClusterError(this.#offline.code, this.#offline.message);
  }

  /** Writes stamped batches to the segment, then puts their frame: a frame speaks of bytes that the segment has taken. */
  #write(batches: Uint8Array): Failure | undefined {
    if (!this.#gates.end.isOpen) throw new InvariantError(`${partitionKey(this.id)}: an append came without room`);
    const { segments } = this;
    const segmentBase = segments.activeBase;
    try {
      segments.appendStamped(batches);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return this.#writeFailed(error);
    }
    this.#options.journal.append(this.partition, segmentBase, batches);
    this.#options.onAppended(batches.length);
    return undefined;
  }

  #writeFailed(error: DiskError): Failure {
    if (error.kind !== "no-space") {
      this.#options.onFailure(error);
      return { code: "KAFKA_STORAGE_ERROR", message: `${partitionKey(this.id)}: ${error.message}` };
    }
    this.#refused(error);
    return this.#refusal()!;
  }

  #refused(error: DiskError): void {
    this.#refusedBy = error;
    this.#options.onRefused(error);
  }

  /** Runs a change of the log that no other may come beside. */
  #change<Value>(change: () => Promise<Value>): Promise<Value> {
    return this.#gates.both(() => this.#carryOut(change));
  }

  #changeEnd<Value>(change: () => Promise<Value>): Promise<Value> {
    return this.#endings.isUnfinished ? this.#change(change) : this.#gates.end.run(() => this.#carryOutAtOneEnd(change, "appends wait"));
  }

  /** Appends, and the rolls that they need, go on beside it, also when the disk refuses it: whoever wants it asks again. */
  #changeStart<Value>(change: () => Promise<Value>): Promise<Value> {
    return this.#endings.isUnfinished ? this.#change(change) : this.#gates.start.run(() => this.#carryOutAtOneEnd(change, "appends go on"));
  }

  async #carryOut<Value>(change: () => Promise<Value>): Promise<Value> {
    this.#checkOnline();
    return this.#refusable(async () => {
      await this.#endings.finish();
      return change();
    });
  }

  async #carryOutAtOneEnd<Value>(change: () => Promise<Value>, whenRefused: WhenRefused): Promise<Value> {
    this.#checkOnline();
    // It was refused while this one waited, and is not one end's alone.
    if (this.#endings.isUnfinished) throw new ClusterError("KAFKA_STORAGE_ERROR", this.#unfinishedMessage);
    return this.#refusable(change, whenRefused);
  }

  get #unfinishedMessage(): string {
    return `${partitionKey(this.id)}: the disk refused a truncation, which is tried again`;
  }

  /** A failure of the disk in it is one of the store. */
  async #refusable<Value>(change: () => Promise<Value>, whenRefused: WhenRefused = "appends wait"): Promise<Value> {
    try {
      return await change();
    } catch (error) {
      if (error instanceof DiskError) {
        if (!mayPass(error)) this.#options.onFailure(error);
        // What cannot be read is in the way of nobody but a truncation that must be made.
        else if (whenRefused === "appends wait" && (error.kind !== "unreadable" || this.#endings.isUnmade)) this.#refused(error);
        throw new ClusterError("KAFKA_STORAGE_ERROR", `${partitionKey(this.id)}: ${error.message}`, { cause: error });
      }
      throw error;
    }
  }

  async #reset(start: Offset): Promise<void> {
    await this.#options.journal.control(this.partition, { kind: "reset", start });
    await this.#endings.make(() => this.segments.reset(start));
  }

  async #roll(): Promise<void> {
    // Each ended segment holds a file open until it is synced: a log that rolls faster than the background syncs would use up all there are.
    if (this.segments.sealedFiles >= sealedFilesMax) await this.#options.journal.syncSegments(this.partition);
    await this.segments.roll();
  }

  async #sync(): Promise<LogPosition> {
    await this.#endings.made();
    return this.segments.sync();
  }
}
