// Where a consumer stands in one partition: what was handed out, what was fetched ahead of it, what keeps it from fetching more.

import { type Offset, offsetZero, type TopicId } from "@varve/model";

/**
 * - locating: where to read from is being looked up.
 * - reading: from `fetchFrom` on.
 * - stopped: at damage or out of the log's range, which the user was told; `seek` goes on.
 */
export type PositionState = "locating" | "reading" | "stopped";

export class PartitionPosition {
  readonly topic: string;
  readonly partition: number;
  /** Of the log that is being read; undefined until it was looked up. */
  topicId: TopicId | undefined;
  state: PositionState = "locating";
  isPaused = false;
  /** A fetch of this generation is on its way. */
  isFetching = false;
  /** Rises whenever reading starts over elsewhere: what was asked for before is of no interest. */
  generation = 0;
  /** Everything below it was handed out and is done with. */
  next: Offset = offsetZero;
  /** Everything below it was fetched. */
  fetchFrom: Offset = offsetZero;
  /** Nothing at or above it is read; undefined when reading follows the log. */
  end: Offset | undefined;
  /** Fetched and not done with. */
  bufferedBytes = 0;
  /** As of the last answer. */
  highWatermark: Offset | undefined;
  logStart: Offset | undefined;
  failures = 0;
  /** Monotonic: no fetch before. */
  retryAtMs: number = Number.NEGATIVE_INFINITY;
  /** An answer was damaged here: if the next one is too, it is no accident of the way. */
  suspectAt: Offset | undefined;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  /** Whether everything up to `end` was fetched. */
  get isAtEnd(): boolean {
    return this.state === "reading" && this.end !== undefined && this.fetchFrom >= this.end;
  }

  /** @param bufferedBytesMax no fetch while more is buffered. */
  wantsFetch(nowMs: number, bufferedBytesMax: number): boolean {
    const isFree = this.state === "reading" && !this.isPaused && !this.isFetching && !this.isAtEnd;
    return isFree && nowMs >= this.retryAtMs && this.bufferedBytes <= bufferedBytesMax;
  }

  /** Reading starts over at `offset`: what was fetched or asked for ahead of it is dropped. Its buffered bytes are the caller's to free. */
  startAt(offset: Offset): void {
    this.state = "reading";
    this.next = offset;
    this.restartAt(offset);
  }

  /** Fetching starts over at `offset`. */
  restartAt(offset: Offset): void {
    this.generation += 1;
    this.isFetching = false;
    this.fetchFrom = offset;
    this.failures = 0;
    this.retryAtMs = Number.NEGATIVE_INFINITY;
    this.suspectAt = undefined;
  }
}
