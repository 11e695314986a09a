// A log of nothing but numbers, for tests of what stands above logs: appends of one record each, durable when the test says so.

import type { AppendResult, PartitionLog } from "@varve/log";
import { type Failure, type Offset, toOffset, toTopicId } from "@varve/model";

export class LogInMemory implements PartitionLog {
  readonly id = { topicId: toTopicId("AAAAAAAAAAAAAAAAAAAAAQ"), partition: 0 };
  logStart: Offset = toOffset(0);
  logEnd: Offset = toOffset(0);
  durableEnd: Offset = toOffset(0);
  byteLength = 0;
  latestEpoch = undefined;
  offline: Failure | undefined = undefined;
  full: Promise<void> | undefined = undefined;
  epochs: number[] = [];
  #listener: (() => void) | undefined;

  room(): true | Promise<void> {
    return this.full ?? true;
  }

  appendAsLeader(batch: Uint8Array, leaderEpoch: number, nowMs: number): AppendResult {
    const baseOffset = this.logEnd;
    this.logEnd = toOffset(baseOffset + 1);
    this.byteLength += batch.length;
    this.epochs.push(leaderEpoch);
    return { kind: "appended", baseOffset, lastOffset: baseOffset, appendTimeMs: nowMs };
  }

  syncTo(end: number): void {
    this.durableEnd = toOffset(end);
    this.#listener?.();
  }

  onDurable(listener: (() => void) | undefined): void {
    this.#listener = listener;
  }

  noteHighWatermark(): void {}
  async configure(): Promise<void> {}
  appendAsFollower(): void {
    throw new Error("not used here");
  }
  read(): never {
    throw new Error("not used here");
  }
  isOnDiskOnly(): never {
    throw new Error("not used here");
  }
  findByTime(): never {
    throw new Error("not used here");
  }
  endOfEpoch(): undefined {
    return undefined;
  }
  async truncateTo(): Promise<void> {}
  async resetTo(): Promise<void> {}
  async raiseLogStart(): Promise<void> {}
}
