// What a leader of one epoch may do and promise: append, move the high watermark over the in-sync set, answer who waits for it.
// It ends by `resign`, after which nothing of it has any effect; a new epoch is a new object.

import type { AppendResult, PartitionLog } from "@varve/log";
import type { Failure, NodeId, Offset, TopicConfig } from "@varve/model";
import { invariant } from "@varve/model";
import { type CommitCallback, CommitWaiters } from "./commit-waiters.ts";
import { effectiveMinInSync, leastSecuredEnd } from "./high-watermark.ts";

export interface LeaderState {
  readonly leaderEpoch: number;
  readonly replicas: readonly NodeId[];
  /** The maximal in-sync set: the one in force and any that has been asked for. This broker is a member. */
  readonly inSyncReplicas: readonly NodeId[];
}

export class Leadership {
  readonly leaderEpoch: number;
  readonly #log: PartitionLog;
  readonly #waiters = new CommitWaiters();
  readonly #advanced: () => void;
  #state: LeaderState;
  #config: TopicConfig;
  #highWatermark: Offset;
  #resigned = false;

  /**
   * @param log recovered: what it holds at the start of an epoch of a single replica is durable.
   * @param advanced called whenever the high watermark has risen, after the waiting writes were answered.
   */
  constructor(log: PartitionLog, state: LeaderState, config: TopicConfig, advanced: () => void) {
    this.#log = log;
    this.#state = state;
    this.leaderEpoch = state.leaderEpoch;
    this.#config = config;
    this.#advanced = advanced;
    this.#highWatermark = log.logStart;
    log.onDurable(() => this.#advance());
    this.#advance();
  }

  /** Records below it are committed. Monotonic within the epoch. */
  get highWatermark(): Offset {
    return this.#highWatermark;
  }

  get waiting(): number {
    return this.#waiters.count;
  }

  /** Too few replicas to promise anything: why a write with acks=all is refused before it is appended. */
  get tooFewInSync(): Failure | undefined {
    const needed = effectiveMinInSync(this.#config["min.insync.replicas"], this.#state.replicas.length);
    const { length } = this.#state.inSyncReplicas;
    if (length >= needed) return undefined;
    return { code: "NOT_ENOUGH_REPLICAS", message: `${length} of at least ${needed} replicas are in sync` };
  }

  configure(config: TopicConfig): void {
    this.#config = config;
    this.#advance();
  }

  /** As `PartitionLog.appendAsLeader`, in this epoch. */
  append(batch: Uint8Array, nowMs: number): AppendResult {
    invariant(!this.#resigned, `an append in epoch ${this.leaderEpoch} after the leadership ended`);
    const result = this.#log.appendAsLeader(batch, this.leaderEpoch, nowMs);
    if (result.kind === "appended" && this.#config.durability === "replicated") this.#advance();
    return result;
  }

  /** Calls `done` once everything below `end` is committed; at once when it is. */
  whenCommitted(end: Offset, done: CommitCallback): void {
    if (end <= this.#highWatermark) done(undefined);
    else this.#waiters.add(end, done);
  }

  /** The log was emptied or began anew at its start: everything up to there is settled. */
  logStartRaised(): void {
    this.#advance();
  }

  /** Ends the leadership: whoever waits learns `failure`; whether their writes survive is unknown. */
  resign(failure: Failure): void {
    if (this.#resigned) return;
    this.#resigned = true;
    this.#log.onDurable(undefined);
    this.#waiters.fail(failure);
  }

  #advance(): void {
    if (this.#resigned || this.tooFewInSync !== undefined) return;
    // With one replica the set of secured ends is this broker's own; followers' reported ends join it here.
    const own = this.#config.durability === "fsync" ? this.#log.durableEnd : this.#log.logEnd;
    const next = leastSecuredEnd([own]);
    if (next <= this.#highWatermark) return;
    this.#highWatermark = next;
    this.#log.noteHighWatermark(next);
    this.#waiters.release(next);
    this.#advanced();
  }
}
