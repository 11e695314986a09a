// The background task that frees the journal: it syncs segments, oldest frames first, lets marks ride on the next round, and has the
// oldest file used again once a durable checkpoint says that its frames are void. It bounds how much, and for how long, lies unsynced. It
// never raises a durable end of a journaled partition: see committer.ts.

import type { Clock, DiskError, Timer } from "@varve/runtime";
import { allUnlessFailed, mayPass } from "../disk-verdict.ts";
import type { JournalPartition } from "./journal-partition.ts";
import type { Ring, RingFile } from "./ring.ts";
import type { JournalTuning } from "./tuning.ts";

export interface FlusherOptions {
  readonly clock: Clock;
  readonly ring: Ring;
  readonly tuning: JournalTuning;
  /** Of the first frame that is not in the ring yet. */
  readonly firstWaitingLsn: () => number;
  /** Makes `synced` of all partitions durable, as it is when `floorLsn` is asked, and that all frames below what that answers are void. */
  readonly saveCheckpoint: (floorLsn: () => number) => Promise<void>;
  /** Rounds wait for a file of the ring: none runs. */
  readonly isStarved: () => boolean;
  /** A partition's `synced` has moved. */
  readonly onSynced: (partition: JournalPartition) => void;
  /** A file of the ring is free. */
  readonly onFreed: () => void;
  /** Nothing is left to do. */
  readonly onIdle: () => void;
  /** The disk refuses a checkpoint or a side file. The task rests until `check` is called again. */
  readonly onRefused: (error: DiskError) => void;
  readonly onFailure: (error: unknown) => void;
}

export class Flusher {
  readonly #options: FlusherOptions;
  /** Partitions with unsynced bytes, in the order in which they became so, and when. */
  readonly #dirty = new Map<JournalPartition, number>();
  #unframedBytes = 0;
  #state: "idle" | "running" | "stopped" = "idle";
  #again = false;
  #timer: Timer | undefined;
  /** The run that is under way, or was last. */
  #running: Promise<void> = Promise.resolve();

  constructor(options: FlusherOptions) {
    this.#options = options;
  }

  /** Bytes were written to a segment. */
  touched(partition: JournalPartition, bytes: number): void {
    if (!this.#dirty.has(partition)) {
      this.#dirty.set(partition, this.#options.clock.monotonicMs());
      this.#timer ??= this.#options.clock.setTimer(this.#options.tuning.unsyncedMsMax, () => this.#due());
    }
    if (partition.isJournaled) return;
    partition.unframedBytes += bytes;
    this.#unframedBytes += bytes;
    if (this.#unframedBytes > this.#options.tuning.unsyncedBytesMax) this.check();
  }

  /** Something has changed that may let the task go on: a round is done or finds no file, an ending is applied, a folder gone. */
  check(): void {
    if (this.#state === "stopped") return;
    if (this.#state === "running") {
      this.#again = true;
      return;
    }
    if (!this.#hasPressure()) return;
    this.#state = "running";
    this.#running = this.#run().then(
      () => this.#rest(),
      (error: unknown) => this.#failed(error),
    );
  }

  /** Syncs one partition now; its mark follows on the next round. */
  async sync(partition: JournalPartition): Promise<void> {
    // What is durable now is what the sync will cover; of a partition without frames, all that it holds. An ending that waits for its
    // frame, or has it and is being applied, is no hindrance: that frame stands behind the mark.
    const mark = partition.isJournaled ? partition.durable : partition.present();
    const { endings } = partition;
    this.#undirty(partition);
    if (partition.drop !== undefined && partition.drop.state !== "put") return;
    try {
      await partition.segments.sync();
    } catch (error) {
      this.touched(partition, 0);
      throw error;
    }
    if (partition.endings !== endings || (partition.isEnding && !partition.isJournaled)) return;
    partition.syncedUpTo(mark);
    this.#options.onSynced(partition);
  }

  /** The partition is gone: nothing of it is unsynced any more. */
  forget(partition: JournalPartition): void {
    this.#undirty(partition);
    this.check();
  }

  /** Ends the task; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#state = "stopped";
    await this.#running;
  }

  #undirty(partition: JournalPartition): void {
    this.#dirty.delete(partition);
    this.#unframedBytes -= partition.unframedBytes;
    partition.unframedBytes = 0;
  }

  #due(): void {
    this.#timer = undefined;
    this.check();
    const oldest = this.#dirty.values().next();
    if (oldest.done === true || this.#state === "stopped") return this.#options.onIdle();
    const waitMs = Math.max(1, oldest.value + this.#options.tuning.unsyncedMsMax - this.#options.clock.monotonicMs());
    this.#timer ??= this.#options.clock.setTimer(waitMs, () => this.#due());
  }

  #failed(error: unknown): void {
    if (!mayPass(error)) return this.#options.onFailure(error);
    this.#again = false;
    this.#rest();
    this.#options.onRefused(error);
  }

  #rest(): void {
    if (this.#state === "stopped") return;
    this.#state = "idle";
    if (!this.#again) return;
    this.#again = false;
    this.check();
  }

  #hasPressure(): boolean {
    return this.#ringIsFull() || this.#unframedBytes > this.#options.tuning.unsyncedBytesMax || this.#agedPartition() !== undefined;
  }

  #ringIsFull(): boolean {
    const { ring } = this.#options;
    return this.#options.isStarved() || ring.used.length > this.#options.tuning.usedFilesTarget;
  }

  #agedPartition(): JournalPartition | undefined {
    const oldest = this.#dirty.entries().next();
    if (oldest.done === true) return undefined;
    const [partition, sinceMs] = oldest.value;
    return this.#options.clock.monotonicMs() - sinceMs >= this.#options.tuning.unsyncedMsMax ? partition : undefined;
  }

  async #run(): Promise<void> {
    while (this.#state === "running") {
      const due = this.#choose();
      if (due.length > 0) await allUnlessFailed(due.map((partition) => this.sync(partition)));
      else if (!(await this.#free())) return;
    }
  }

  /** The next partitions to sync, at most `syncsAtOnceMax`. */
  #choose(): readonly JournalPartition[] {
    const { ring } = this.#options;
    if (this.#ringIsFull() && ring.oldest !== undefined) {
      const chosen: JournalPartition[] = [];
      for (const [partition, lsn] of ring.oldest.newest) {
        if (partition.isVoid(lsn) || !partition.canCover(lsn)) continue;
        chosen.push(partition);
        if (chosen.length === this.#options.tuning.syncsAtOnceMax) break;
      }
      if (chosen.length > 0) return chosen;
    }
    if (this.#unframedBytes > this.#options.tuning.unsyncedBytesMax) {
      for (const partition of this.#dirty.keys()) if (partition.unframedBytes > 0) return [partition];
    }
    const aged = this.#agedPartition();
    return aged === undefined ? [] : [aged];
  }

  /** Has the oldest files used again, all whose frames are void, when the ring needs it: one checkpoint for all of them. @returns whether it did. */
  async #free(): Promise<boolean> {
    const { ring, saveCheckpoint, firstWaitingLsn, onFreed } = this.#options;
    if (!this.#ringIsFull() || this.#countFreeable() === 0) return false;
    let freed: readonly RingFile[] = [];
    // Judged in the turn in which the checkpoint takes its marks: an ending lets `synced` fall.
    await saveCheckpoint(() => {
      freed = ring.used.slice(0, this.#countFreeable());
      const first = ring.used[freed.length];
      if (first !== undefined) return first.firstLsn;
      ring.fill();
      return firstWaitingLsn();
    });
    for (const file of freed) ring.release(file);
    if (freed.length > 0) onFreed();
    return true;
  }

  /**
   * How many of the oldest files hold nothing but void frames. The one that is being written is among them only while no round can be: its
   * last round may be under way, and of what that says (a log start) nothing may have come to the checkpoint.
   */
  #countFreeable(): number {
    const { used } = this.#options.ring;
    const usable = this.#options.isStarved() ? used.length : used.length - 1;
    let count = 0;
    while (count < usable && isFreeable(used[count]!)) count++;
    return count;
  }
}

function isFreeable(file: RingFile): boolean {
  for (const [partition, lsn] of file.newest) if (!partition.isVoid(lsn)) return false;
  return true;
}
