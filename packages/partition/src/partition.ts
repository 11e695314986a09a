// One partition on this broker: its log, the role that the metadata gives it, and who waits for records.
// Handlers ask it to append and to read; it never parses a batch and never talks to the network.

import type { PartitionLog, ReadResult } from "@varve/log";
import type { Failure, Offset, PartitionId, TopicConfig } from "@varve/model";
import { partitionKey } from "@varve/model";
import type { ProduceBounds } from "@varve/record";
import { type LeaderState, Leadership } from "./leadership.ts";

type Role = { readonly kind: "idle" } | { readonly kind: "leader"; readonly leadership: Leadership };

/** The lead of the partition here, or why not. */
export type Led = { readonly kind: "leader"; readonly leadership: Leadership } | { readonly kind: "failed"; readonly failure: Failure };

function boundsOf(config: TopicConfig): ProduceBounds {
  return {
    batchBytesMax: config["max.message.bytes"],
    segmentBytesMax: config["segment.bytes"],
    timestampType: config["message.timestamp.type"],
    timestampBeforeMaxMs: config["message.timestamp.before.max.ms"],
    timestampAfterMaxMs: config["message.timestamp.after.max.ms"],
  };
}

/** What became of an append: it ran, it waits its turn, or it was refused because too many wait. */
export type AppendTurn = { readonly kind: "ran" } | { readonly kind: "refused" } | { readonly kind: "waits"; readonly cancel: () => void };

const ran: AppendTurn = { kind: "ran" };
const refused: AppendTurn = { kind: "refused" };

interface QueuedAppend {
  readonly batchBytes: number;
  /** Undefined when it was cancelled: nothing holds its batch any more. */
  append: (() => void) | undefined;
}

/** Appends that wait for room in the log, at most; past it they are refused. */
export const waitingAppendsMax = 10_000;

export class Partition {
  readonly id: PartitionId;
  readonly topicName: string;
  readonly log: PartitionLog;
  #config: TopicConfig;
  #batchBounds: ProduceBounds;
  #role: Role = { kind: "idle" };
  #closed: Failure | undefined;
  readonly #readers = new Set<() => void>();
  readonly #queue: QueuedAppend[] = [];
  #queueMoves = false;

  constructor(topicName: string, log: PartitionLog, config: TopicConfig) {
    this.id = log.id;
    this.topicName = topicName;
    this.log = log;
    this.#config = config;
    this.#batchBounds = boundsOf(config);
  }

  get config(): TopicConfig {
    return this.#config;
  }

  /** What the topic allows a producer to send. */
  get batchBounds(): ProduceBounds {
    return this.#batchBounds;
  }

  /** Leads in the epoch of `state`; a no-op when it does already. @throws {InvariantError} on an older epoch. */
  lead(state: LeaderState): void {
    if (this.#role.kind === "leader") {
      if (this.#role.leadership.leaderEpoch === state.leaderEpoch) return;
      this.#role.leadership.resign(this.#failure("NOT_LEADER_OR_FOLLOWER", `epoch ${this.#role.leadership.leaderEpoch} has ended`));
    }
    this.#role = { kind: "leader", leadership: new Leadership(this.log, state, this.#config, () => this.#wakeReaders()) };
    this.#wakeReaders();
  }

  /** @param leaderEpoch the epoch that the caller believes in; undefined skips the check. */
  led(leaderEpoch: number | undefined): Led {
    if (this.#closed !== undefined) return { kind: "failed", failure: this.#closed };
    if (this.log.offline !== undefined) return { kind: "failed", failure: this.log.offline };
    if (this.#role.kind !== "leader") return { kind: "failed", failure: this.#failure("NOT_LEADER_OR_FOLLOWER", "not led here") };
    const { leadership } = this.#role;
    if (leaderEpoch === undefined || leaderEpoch === leadership.leaderEpoch) return this.#role;
    const code = leaderEpoch < leadership.leaderEpoch ? "FENCED_LEADER_EPOCH" : "UNKNOWN_LEADER_EPOCH";
    return { kind: "failed", failure: this.#failure(code, `epoch ${leaderEpoch} was named, ${leadership.leaderEpoch} is in force`) };
  }

  /**
   * Runs `append` when the log has room for a batch of that size: in this call when it has, else when its turn comes, in order, unless it
   * is cancelled before. By then the leadership may have ended: `append` asks again.
   */
  whenRoom(batchBytes: number, append: () => void): AppendTurn {
    if (!this.#queueMoves && this.log.room(batchBytes) === true) {
      append();
      return ran;
    }
    if (this.#queue.length >= waitingAppendsMax) return refused;
    const queued: QueuedAppend = { batchBytes, append };
    this.#queue.push(queued);
    if (!this.#queueMoves) {
      this.#queueMoves = true;
      void this.#drainQueue();
    }
    const cancel = () => {
      queued.append = undefined;
    };
    return { kind: "waits", cancel };
  }

  /** Committed batches from `from` on. */
  read(leadership: Leadership, from: Offset, bytesMax: number): ReadResult | Promise<ReadResult> {
    return this.log.read(from, bytesMax, leadership.highWatermark);
  }

  /** Calls `wake` whenever the high watermark or the role changes, until the returned function is called. */
  onChange(wake: () => void): () => void {
    this.#readers.add(wake);
    return () => this.#readers.delete(wake);
  }

  async configure(config: TopicConfig): Promise<void> {
    this.#config = config;
    this.#batchBounds = boundsOf(config);
    await this.log.configure(config);
    if (this.#role.kind === "leader") this.#role.leadership.configure(config);
  }

  /** The topic is gone, or the broker shuts down: everyone who waits here learns why. */
  close(failure: Failure): void {
    if (this.#closed !== undefined) return;
    this.#closed = failure;
    if (this.#role.kind === "leader") this.#role.leadership.resign(failure);
    this.#role = { kind: "idle" };
    this.#wakeReaders();
  }

  async #drainQueue(): Promise<void> {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      // An append to a closed or offline partition runs at once: it finds out by itself, and answers why.
      const isOver = next.append === undefined || this.#closed !== undefined || this.log.offline !== undefined;
      const room = isOver || this.log.room(next.batchBytes);
      if (room === true) {
        this.#queue.shift();
        next.append?.();
      } else {
        await room.catch(() => {});
      }
    }
    this.#queueMoves = false;
  }

  #wakeReaders(): void {
    for (const wake of [...this.#readers]) wake();
  }

  #failure(code: Failure["code"], what: string): Failure {
    return { code, message: `${this.topicName}-${this.id.partition} (${partitionKey(this.id)}): ${what}` };
  }
}
