// The frames that wait for the next round, back to back, and who waits for them. Two of these take turns: one collects while the other
// is being written. Its bytes are kept from round to round and grow to what a round needs.

import type { Compression, Offset } from "@varve/model";
import { type FrameKind, type Generation, type Mark, sealFrame, writeFrameHeader } from "./frame.ts";
import type { JournalPartition } from "./journal-partition.ts";

/** What a buffer begins with, and returns to when the journal is idle. */
export const roundBufferBytesMin = 65_536;

/** Someone who waits for a frame to be durable. */
export interface RoundWaiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class RoundBuffer {
  bytes: Uint8Array = new Uint8Array(roundBufferBytesMin);
  length = 0;
  frames = 0;
  firstLsn = 0;
  /** Bytes of the batches in it. */
  batchBytes = 0;
  /** Something in it waits to be written; marks alone do not. */
  isDue = false;
  /** It holds more than appends and marks: it cannot be dropped for a direct round. */
  hasControl = false;
  /** Its marks must be written now. */
  marksAreDue = false;
  /** Partitions that have a frame in it, or whose end its sync moves. */
  readonly members: JournalPartition[] = [];
  readonly marks: { readonly partition: JournalPartition; readonly mark: Mark }[] = [];
  /** Log starts that move when it is durable. */
  readonly starts: { readonly partition: JournalPartition; readonly offset: Offset; readonly lsn: number }[] = [];
  readonly waiters: RoundWaiter[] = [];

  /** Makes room for a frame and writes its header. @returns where it begins; its payload is the caller's to write. */
  put(kind: FrameKind, partition: Uint8Array, lsn: number, frameBytes: number): number {
    const at = this.length;
    if (at + frameBytes > this.bytes.length) this.#grow(at + frameBytes);
    if (this.frames === 0) this.firstLsn = lsn;
    writeFrameHeader(this.bytes, at, kind, partition, lsn, frameBytes);
    this.length = at + frameBytes;
    this.frames++;
    return at;
  }

  /** The round's sync moves the end of `partition`. */
  join(partition: JournalPartition): void {
    if (partition.buffer === this) return;
    partition.buffer = this;
    partition.liveLsnBeforeBuffer = partition.liveLsn;
    this.members.push(partition);
  }

  /** Completes all frames. */
  seal(generation: Generation, compression: Compression): void {
    for (let at = 0; at < this.length; ) at = sealFrame(this.bytes, at, generation, this.firstLsn, compression);
  }

  /** Empty again. */
  clear(): void {
    this.length = 0;
    this.frames = 0;
    this.firstLsn = 0;
    this.batchBytes = 0;
    this.isDue = false;
    this.hasControl = false;
    this.marksAreDue = false;
    this.members.length = 0;
    this.marks.length = 0;
    this.starts.length = 0;
    this.waiters.length = 0;
  }

  /** Gives back what large rounds needed. */
  shrink(): void {
    if (this.length === 0 && this.bytes.length > roundBufferBytesMin) this.bytes = new Uint8Array(roundBufferBytesMin);
  }

  #grow(bytes: number): void {
    const grown = new Uint8Array(Math.max(bytes, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}
