// One member of a Raft quorum as an object without time, disk and network: messages, ticks and proposals go in; what to write, send and
// apply comes out as a `Ready`. The same inputs give the same outputs. Rules are in the files of the roles.
//
// The shell's loop: `ready`, write it all in one synced batch, send its messages, hand on what is committed, `advance`. Messages promise what
// the batch holds: none may leave before it is on the disk. After a write that failed there is only `fail`.

import { invariant, type NodeId } from "@varve/model";
import {
  hasLease,
  mayCampaign,
  onPreVoteRequest,
  onPreVoteResponse,
  onTimeoutNow,
  onVoteRequest,
  onVoteResponse,
  preCampaign,
  tickElection,
} from "./candidate.ts";
import type { ConfigurationChange } from "./configuration.ts";
import type { Entry, Snapshot } from "./entry.ts";
import { followLeader, onAppend, onHeartbeat, onReadResponse, onSnapshot } from "./follower.ts";
import { appendOwn, commitOwn, leaveWhenRemoved, onHeartbeatResponse, tickLeader } from "./leader.ts";
import { proposeChange } from "./membership.ts";
import type { Message } from "./message.ts";
import { messageProblem } from "./message-checks.ts";
import { RaftLog } from "./raft-log.ts";
import { read } from "./reads.ts";
import { type HardState, isSameVote, type Ready } from "./ready.ts";
import { onAppendAccepted, onAppendRejected } from "./replication.ts";
import { type LeaderRole, type RaftOptions, RaftState } from "./state.ts";
import { beginTransfer } from "./transfer.ts";

/** What a disk holds of a member. Of a new one: term 0, no vote, a snapshot at 0 with the first configuration, no entries. */
export interface Persisted {
  readonly hardState: HardState;
  readonly snapshot: Snapshot;
  readonly entries: readonly Entry[];
}

export type Proposed = { readonly kind: "appended"; readonly firstIndex: number } | { readonly kind: "refused"; readonly why: string };

export type Standing =
  /** The first entry of its term is committed: everything before is known to be. */
  | { readonly kind: "leader"; readonly term: number }
  | { readonly kind: "follower"; readonly term: number; readonly leader: NodeId | undefined }
  | { readonly kind: "failed"; readonly term: number };

export class Raft {
  readonly #state: RaftState;
  #hardState: HardState;
  /** What the shell is writing. */
  #writing: Ready | undefined;
  #hasFailed = false;

  constructor(options: RaftOptions, { hardState, snapshot, entries }: Persisted) {
    const { term, vote, commitIndex } = hardState;
    const log = new RaftLog(snapshot, entries, Math.max(commitIndex, snapshot.index));
    invariant(term >= log.lastTerm, `term ${term} on the disk, its log ends in term ${log.lastTerm}`);
    this.#state = new RaftState(options, log, term, vote);
    this.#hardState = hardState;
  }

  get id(): NodeId {
    return this.#state.id;
  }

  get term(): number {
    return this.#state.term;
  }

  get log(): Readonly<
    Pick<RaftLog, "commitIndex" | "configuration" | "deliveredIndex" | "firstIndex" | "lastIndex" | "persistedIndex" | "snapshot">
  > &
    Pick<RaftLog, "termAt" | "slice"> {
    return this.#state.log;
  }

  /** Whether it leads, also while nothing of its term is committed yet. */
  get isLeader(): boolean {
    return this.#leader() !== undefined;
  }

  /** What may be told to others. */
  get standing(): Standing {
    const { role, term, leader, log } = this.#state;
    if (this.#hasFailed) return { kind: "failed", term };
    if (role.kind !== "leader") return { kind: "follower", term, leader };
    return log.deliveredIndex >= role.firstIndex ? { kind: "leader", term } : { kind: "follower", term, leader: undefined };
  }

  /** One unit of time has passed. */
  tick(): void {
    if (this.#hasFailed) return;
    const { role } = this.#state;
    if (role.kind === "leader") tickLeader(this.#state, role);
    else tickElection(this.#state);
  }

  /** A message has come. @returns why it is none that a member can have meant for this one, and was dropped; undefined otherwise. */
  step(message: Message): string | undefined {
    if (this.#hasFailed) return undefined;
    const problem = message.to === this.id ? messageProblem(message) : `it is for node ${message.to}`;
    if (problem !== undefined) return problem;
    if (message.term > this.#state.term && !this.#newerTerm(message)) return undefined;
    if (message.term < this.#state.term && !this.#olderTerm(message)) return undefined;
    this.#dispatch(message);
    return undefined;
  }

  /** Campaigns without waiting for a time-out: for a quorum that has just been made. */
  campaign(): void {
    if (this.#hasFailed || this.isLeader || !mayCampaign(this.#state)) return;
    preCampaign(this.#state);
  }

  /**
   * Appends one entry for each payload. They are committed when `Ready.committed` has them; when another leader's entry stands in the place of
   * one, it is lost.
   * @param payloads of which the caller bounds the size.
   * @param expectedTerm the caller's belief: another term's leadership is another's.
   */
  propose(payloads: readonly Uint8Array[], expectedTerm: number): Proposed {
    const { role, term, log, options } = this.#state;
    if (this.#hasFailed) return { kind: "refused", why: "the storage failed" };
    if (role.kind !== "leader" || term !== expectedTerm) return { kind: "refused", why: `this node does not lead in term ${expectedTerm}` };
    if (role.transfer !== undefined) return { kind: "refused", why: "the leadership is being handed over" };
    if (payloads.length === 0) return { kind: "refused", why: "nothing was proposed" };
    if (log.uncommittedBytes > options.uncommittedBytesMax) return { kind: "refused", why: "too much waits to be committed" };
    const firstIndex = log.lastIndex + 1;
    appendOwn(
      this.#state,
      role,
      payloads.map((bytes) => ({ kind: "payload", bytes })),
    );
    return { kind: "appended", firstIndex };
  }

  /** @returns why not; undefined when the change is under way. */
  proposeChange(change: ConfigurationChange): string | undefined {
    const leader = this.#leader();
    return leader === undefined ? "this node does not lead" : proposeChange(this.#state, leader, change);
  }

  /** @returns why not; undefined when it has begun. */
  transfer(target: NodeId): string | undefined {
    const leader = this.#leader();
    return leader === undefined ? "this node does not lead" : beginTransfer(this.#state, leader, target);
  }

  /**
   * Asks how far the state machine must be for a read to see every write that was committed before this call. `Ready.reads` answers, or
   * nothing does: when the leader changes or a message is lost.
   * @param context never used before by this node.
   */
  read(context: number): void {
    const leader = this.#leader();
    if (leader !== undefined) read(this.#state, leader, context, this.id);
    else if (!this.#hasFailed && this.#state.leader !== undefined) this.#state.send(this.#state.leader, { kind: "read-request", context });
  }

  /** What was sent to a member is lost. */
  unreachable(member: NodeId): void {
    this.#leader()?.progress.get(member)?.lost();
  }

  /** A snapshot did not arrive there. */
  snapshotFailed(member: NodeId): void {
    this.#leader()?.progress.get(member)?.snapshotFailed();
  }

  /**
   * What the state machine came to at entry `index`, which `advance` has been told of, to be written before `compact`.
   * @returns undefined when a leader's snapshot has overtaken it, or the configuration of that index is not known here yet.
   */
  snapshotAt(index: number, parts: readonly Uint8Array[]): Snapshot | undefined {
    const { log } = this.#state;
    if (index <= log.snapshot.index) return undefined;
    const term = log.termAt(index);
    invariant(term !== undefined && index <= log.deliveredIndex, `a snapshot at ${index}, delivered is ${log.deliveredIndex}`);
    // As of that entry: a change that is only proposed may yet be lost.
    const configuration = log.configurationAt(index);
    return configuration.voters.length === 0 ? undefined : { index, term, configuration, parts };
  }

  /** The snapshot is on the disk: what lies below it may go. */
  compact(snapshot: Snapshot): void {
    const { log, options } = this.#state;
    if (snapshot.index > log.snapshot.index) log.compact(snapshot, options.keptEntries);
  }

  get hasReady(): boolean {
    const { log, outbox, readStates } = this.#state;
    if (this.#hasFailed || this.#writing !== undefined) return false;
    return (
      outbox.length > 0 ||
      readStates.length > 0 ||
      log.persistedIndex < log.lastIndex ||
      log.deliveredIndex < log.commitIndex ||
      log.unwrittenSnapshot !== undefined ||
      !isSameVote(this.#hardState, this.#presentHardState())
    );
  }

  /** What is to be done now, in the order of its fields. One at a time: `advance` ends it. */
  ready(): Ready {
    invariant(this.hasReady, "there is nothing to do");
    const { log } = this.#state;
    const hardState = this.#presentHardState();
    const snapshot = log.unwrittenSnapshot;
    const entries = log.slice(log.persistedIndex + 1, log.lastIndex, Number.POSITIVE_INFINITY);
    const ready: Ready = {
      mustWrite: entries.length > 0 || snapshot !== undefined || !isSameVote(this.#hardState, hardState),
      hardState,
      snapshot,
      entries,
      messages: this.#state.outbox,
      // What of it is not on this disk yet is among `entries`.
      committed: log.slice(log.deliveredIndex + 1, log.commitIndex, Number.POSITIVE_INFINITY),
      reads: this.#state.readStates,
    };
    this.#state.outbox = [];
    this.#state.readStates = [];
    this.#writing = ready;
    return ready;
  }

  /** All of it is done. */
  advance(): void {
    const done = this.#writing;
    invariant(done !== undefined, "nothing was under way");
    this.#writing = undefined;
    if (this.#hasFailed) return;
    const { log } = this.#state;
    if (done.mustWrite) this.#hardState = done.hardState;
    log.persisted(done.snapshot, done.entries);
    const last = done.committed.at(-1);
    if (last !== undefined) log.delivered(last.index);
    const leader = this.#leader();
    if (leader !== undefined) commitOwn(this.#state, leader);
  }

  /** The disk failed: what it holds is unknown. This member says nothing more, for whatever it says is a promise. */
  fail(): void {
    this.#hasFailed = true;
    this.#state.outbox = [];
    this.#state.readStates = [];
  }

  /** @returns whether the message goes on to its handler. */
  #newerTerm(message: Message): boolean {
    const { kind, term, from } = message;
    const state = this.#state;
    const isWanted = kind === "vote-request" && message.isTransfer;
    if ((kind === "vote-request" || kind === "pre-vote-request") && !isWanted && hasLease(state)) return false;
    if (kind === "pre-vote-request" || (kind === "pre-vote-response" && message.granted)) return true;
    const isLeader = kind === "append" || kind === "heartbeat" || kind === "snapshot";
    state.becomeFollower(term, isLeader ? from : undefined);
    return true;
  }

  /** @returns whether the message goes on to its handler. */
  #olderTerm({ kind, from }: Message): boolean {
    switch (kind) {
      case "append":
      case "heartbeat":
      case "snapshot":
        // A leader that knows nothing of this term would never let this node back in; and this node's term is not given up.
        this.#state.send(from, { kind: "term-is-over" });
        return false;
      case "pre-vote-request":
        return true;
      default:
        return false;
    }
  }

  #dispatch(message: Message): void {
    const state = this.#state;
    switch (message.kind) {
      case "pre-vote-request":
        return onPreVoteRequest(state, message);
      case "vote-request":
        return onVoteRequest(state, message);
      case "pre-vote-response":
        return onPreVoteResponse(state, message);
      case "vote-response":
        return onVoteResponse(state, message);
      case "append":
        followLeader(state, message);
        return onAppend(state, message);
      case "heartbeat":
        followLeader(state, message);
        return onHeartbeat(state, message);
      case "snapshot":
        followLeader(state, message);
        return onSnapshot(state, message);
      case "timeout-now":
        return onTimeoutNow(state, message);
      case "read-response":
        return onReadResponse(state, message);
      case "term-is-over":
        return;
      case "append-accepted":
      case "append-rejected":
      case "heartbeat-response":
      case "read-request":
        if (state.role.kind === "leader") this.#toLeader(state.role, message);
    }
  }

  #toLeader(role: LeaderRole, message: Message): void {
    const state = this.#state;
    switch (message.kind) {
      case "append-accepted":
        onAppendAccepted(state, role, message);
        return leaveWhenRemoved(state, role);
      case "append-rejected":
        return onAppendRejected(state, role, message);
      case "heartbeat-response":
        return onHeartbeatResponse(state, role, message);
      case "read-request":
        if (role.progress.has(message.from)) read(state, role, message.context, message.from);
    }
  }

  #leader(): LeaderRole | undefined {
    const { role } = this.#state;
    return role.kind === "leader" && !this.#hasFailed ? role : undefined;
  }

  #presentHardState(): HardState {
    const { term, vote, log } = this.#state;
    return { term, vote, commitIndex: log.commitIndex };
  }
}
