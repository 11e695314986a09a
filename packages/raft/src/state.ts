// What one member of a quorum knows, and the few steps that several roles share: a new term, a new role, a message, a clock that begins
// again. Each role's own rules are in its file; raft.ts is the object around all of this.

import { invariant, type NodeId } from "@varve/model";
import type { Message, MessageBody } from "./message.ts";
import type { FlowLimits, Progress } from "./progress.ts";
import type { RaftLog } from "./raft-log.ts";

export interface RaftOptions extends FlowLimits {
  readonly id: NodeId;
  /** Without a word from a leader for so many ticks, up to twice as many, a voter campaigns. */
  readonly electionTicks: number;
  /** Between two heartbeats; a fraction of `electionTicks`. */
  readonly heartbeatTicks: number;
  /** A snapshot that nobody has confirmed for so many ticks is taken for lost. */
  readonly snapshotTicksMax: number;
  /** Bytes of entries in one message, but for a single entry that is larger. */
  readonly messageBytesMax: number;
  /** Proposals are refused while more than this is appended and not committed. */
  readonly uncommittedBytesMax: number;
  /** Entries that a compaction keeps below the snapshot, for followers that are a little behind. */
  readonly keptEntries: number;
  /** @returns a whole number from 0 up to `bound`, which it does not reach. */
  readonly random: (bound: number) => number;
}

export interface PendingRead {
  readonly context: number;
  /** Who asked; the reader is ours when it is this node. */
  readonly from: NodeId;
  /** What was committed when it was asked. */
  readonly index: number;
  /** It may be answered when a majority has answered a heartbeat of this round or a later one. */
  readonly round: number;
}

export interface Transfer {
  readonly target: NodeId;
  elapsedTicks: number;
}

export interface LeaderRole {
  readonly kind: "leader";
  /** Of all members but this one. */
  readonly progress: Map<NodeId, Progress>;
  /** Of the entry that began the term. Nothing is promised before it is committed. */
  readonly firstIndex: number;
  heartbeatElapsed: number;
  round: number;
  /** The latest round that each has answered. */
  readonly answered: Map<NodeId, number>;
  reads: PendingRead[];
  /** Reads that came before the term's first entry was committed. */
  earlyReads: { readonly context: number; readonly from: NodeId }[];
  transfer: Transfer | undefined;
}

export interface CandidateRole {
  /** A pre-candidate asks whether it would be voted for, and changes nobody's term by that. */
  readonly kind: "pre-candidate" | "candidate";
  readonly votes: Map<NodeId, boolean>;
}

export interface FollowerRole {
  readonly kind: "follower";
  readonly leader: NodeId | undefined;
}

export type Role = FollowerRole | CandidateRole | LeaderRole;

/** What of a read is told: the state machine may answer it when it has applied `index`. */
export interface ReadState {
  readonly context: number;
  readonly index: number;
}

export class RaftState {
  readonly options: RaftOptions;
  readonly log: RaftLog;
  term: number;
  /** In `term`. It is never taken back, whatever becomes of the role. */
  vote: NodeId | undefined;
  role: Role = { kind: "follower", leader: undefined };
  /** Since the leader was heard of, a vote was given or a campaign began; for a leader, since it last asked who is there. */
  electionElapsed = 0;
  electionTimeout: number;
  outbox: Message[] = [];
  readStates: ReadState[] = [];

  constructor(options: RaftOptions, log: RaftLog, term: number, vote: NodeId | undefined) {
    invariant(options.heartbeatTicks < options.electionTicks, "heartbeats come less often than elections");
    this.options = options;
    this.log = log;
    this.term = term;
    this.vote = vote;
    this.electionTimeout = this.#drawTimeout();
  }

  get id(): NodeId {
    return this.options.id;
  }

  get isVoter(): boolean {
    return this.log.configuration.voters.includes(this.id);
  }

  /** Whom this node takes for the leader of its term. */
  get leader(): NodeId | undefined {
    if (this.role.kind === "leader") return this.id;
    return this.role.kind === "follower" ? this.role.leader : undefined;
  }

  /** To itself nobody sends: that is a caller's mistake. */
  send(to: NodeId, body: MessageBody, term: number = this.term): void {
    invariant(to !== this.id, `a ${body.kind} to itself`);
    this.outbox.push({ from: this.id, to, term, ...body });
  }

  /** @param term at least the present one; a later one begins without a vote. */
  becomeFollower(term: number, leader: NodeId | undefined): void {
    this.enterTerm(term);
    this.role = { kind: "follower", leader };
    this.restartElectionClock();
  }

  enterTerm(term: number): void {
    invariant(term >= this.term, `term ${this.term} became ${term}`);
    if (term === this.term) return;
    this.term = term;
    this.vote = undefined;
    // What the leader of an earlier term was to be told of this log may be cut off before it leaves.
    this.outbox = this.outbox.filter(({ kind }) => kind !== "append-accepted");
  }

  restartElectionClock(): void {
    this.electionElapsed = 0;
    this.electionTimeout = this.#drawTimeout();
  }

  #drawTimeout(): number {
    const { electionTicks, random } = this.options;
    return electionTicks + random(electionTicks);
  }
}
