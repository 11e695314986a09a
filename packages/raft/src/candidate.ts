// Elections: who campaigns, who is voted for, what the votes come to. First everybody is asked in advance (pre-vote), so that a node that was
// cut off does not depose a leader by coming back; then, in a new term, in earnest. Sources: Raft 5.2, 5.4.1; Raft thesis 4.2.3, 9.6.

import type { NodeId } from "@varve/model";
import { becomeLeader } from "./leader.ts";
import type { MessageOf } from "./message.ts";
import { outcomeOf } from "./quorum.ts";
import type { CandidateRole, RaftState } from "./state.ts";

/** The leader was not heard of for too long: asks in advance. A node that may not knows of no leader any more, and votes for another. */
export function tickElection(state: RaftState): void {
  state.electionElapsed += 1;
  if (state.electionElapsed < state.electionTimeout) return;
  if (mayCampaign(state)) preCampaign(state);
  else state.becomeFollower(state.term, undefined);
}

/**
 * A voter may, and one whose removal is not committed yet: perhaps nobody else has that entry, and it alone can win.
 * Source: Raft thesis, 4.2.2.
 */
export function mayCampaign({ id, log, isVoter }: RaftState): boolean {
  if (isVoter) return true;
  return log.configurationIndex > log.commitIndex && log.configurationAt(log.configurationIndex - 1).voters.includes(id);
}

/** Asks in advance. It keeps its term, so that nobody's is raised by one that cannot win. */
export function preCampaign(state: RaftState): void {
  const role = become(state, "pre-candidate");
  ask(state, (to, lastIndex, lastTerm) => state.send(to, { kind: "pre-vote-request", lastIndex, lastTerm }, state.term + 1));
  count(state, role);
}

/** @param isTransfer the leader has asked for it. */
export function campaign(state: RaftState, isTransfer: boolean): void {
  state.enterTerm(state.term + 1);
  state.vote = state.id;
  const role = become(state, "candidate");
  ask(state, (to, lastIndex, lastTerm) => state.send(to, { kind: "vote-request", lastIndex, lastTerm, isTransfer }));
  count(state, role);
}

/**
 * The leader has been heard of a moment ago: whoever campaigns now is no reason to depose it, and is not answered.
 * Source: Raft thesis, 4.2.3.
 */
export function hasLease(state: RaftState): boolean {
  return state.leader !== undefined && state.electionElapsed < state.options.electionTicks;
}

/** For every role, also for one that believes itself a learner: it may be a voter in a configuration that it has not seen. */
export function onVoteRequest(state: RaftState, message: MessageOf<"vote-request">): void {
  const isFree = state.vote === message.from || (state.vote === undefined && state.leader === undefined);
  const granted = isFree && isUpToDate(state, message);
  if (granted) {
    state.vote = message.from;
    state.restartElectionClock();
  }
  state.send(message.from, { kind: "vote-response", granted });
}

/** Nothing changes here, whatever is answered. */
export function onPreVoteRequest(state: RaftState, message: MessageOf<"pre-vote-request">): void {
  const granted = message.term > state.term && isUpToDate(state, message);
  // A grant bears the term that was asked for; a refusal ours, which may be news to a candidate that is behind.
  state.send(message.from, { kind: "pre-vote-response", granted }, granted ? message.term : state.term);
}

export function onPreVoteResponse(state: RaftState, { from, term, granted }: MessageOf<"pre-vote-response">): void {
  const { role } = state;
  if (role.kind !== "pre-candidate") return;
  // The grant of an earlier campaign, in an earlier term.
  if (granted && term !== state.term + 1) return;
  note(state, role, from, granted);
}

export function onVoteResponse(state: RaftState, { from, granted }: MessageOf<"vote-response">): void {
  if (state.role.kind === "candidate") note(state, state.role, from, granted);
}

/** The leader wants this node in its place: at once, and without asking in advance. Source: Raft thesis, 3.10. */
export function onTimeoutNow(state: RaftState, { from }: MessageOf<"timeout-now">): void {
  if (state.leader === from && state.role.kind === "follower" && state.isVoter) campaign(state, true);
}

function become(state: RaftState, kind: CandidateRole["kind"]): CandidateRole {
  const role: CandidateRole = { kind, votes: new Map([[state.id, true]]) };
  state.role = role;
  state.restartElectionClock();
  return role;
}

function ask(state: RaftState, send: (to: NodeId, lastIndex: number, lastTerm: number) => void): void {
  const { lastIndex, lastTerm, configuration } = state.log;
  for (const voter of configuration.voters) if (voter !== state.id) send(voter, lastIndex, lastTerm);
}

/** The first answer of each counts. */
function note(state: RaftState, role: CandidateRole, from: NodeId, granted: boolean): void {
  if (role.votes.has(from)) return;
  role.votes.set(from, granted);
  count(state, role);
}

function count(state: RaftState, role: CandidateRole): void {
  const outcome = outcomeOf(state.log.configuration.voters, role.votes);
  if (outcome === "lost") return state.becomeFollower(state.term, undefined);
  if (outcome === "open") return;
  if (role.kind === "pre-candidate") campaign(state, false);
  else becomeLeader(state);
}

/** Whoever has less than this node cannot lead it. Source: Raft 5.4.1. */
function isUpToDate({ log }: RaftState, candidate: { readonly lastIndex: number; readonly lastTerm: number }): boolean {
  if (candidate.lastTerm !== log.lastTerm) return candidate.lastTerm > log.lastTerm;
  return candidate.lastIndex >= log.lastIndex;
}
