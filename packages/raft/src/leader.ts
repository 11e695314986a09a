// A leader: its term begins with an entry of its own, it appends what is proposed, asks again and again whether a majority is still there, and
// leaves when it is not. How its log reaches the others: replication.ts. Source: Raft 5.2, 5.3, 8; Raft thesis 6.2.

import type { Configuration } from "./configuration.ts";
import type { EntryContent } from "./entry.ts";
import type { MessageOf } from "./message.ts";
import { majority } from "./quorum.ts";
import { answerReads, noteRound, sendHeartbeats } from "./reads.ts";
import { commit, followConfiguration, sendAppend, sendAppends } from "./replication.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { continueTransfer, tickTransfer } from "./transfer.ts";

export function becomeLeader(state: RaftState): void {
  const role: LeaderRole = {
    kind: "leader",
    progress: new Map(),
    firstIndex: state.log.lastIndex + 1,
    heartbeatElapsed: 0,
    round: 0,
    answered: new Map(),
    reads: [],
    earlyReads: [],
    transfer: undefined,
  };
  followConfiguration(state, role);
  state.role = role;
  state.restartElectionClock();
  appendOwn(state, role, [{ kind: "empty" }]);
}

/** Appends behind the end and sends it on its way. It is committed when a majority, this node's disk perhaps included, has it. */
export function appendOwn(state: RaftState, role: LeaderRole, contents: readonly EntryContent[]): void {
  const { log, term } = state;
  for (const content of contents) log.append({ index: log.lastIndex + 1, term, content });
  followConfiguration(state, role);
  sendAppends(state, role);
}

/** In force from now on, also for who counts: less may be needed than a moment ago. */
export function appendConfiguration(state: RaftState, role: LeaderRole, configuration: Configuration): void {
  appendOwn(state, role, [{ kind: "configuration", configuration }]);
  commitOwn(state, role);
  answerReads(state, role);
}

export function tickLeader(state: RaftState, role: LeaderRole): void {
  tickTransfer(state, role);
  for (const progress of role.progress.values()) progress.tickSnapshot(state.options.snapshotTicksMax);
  state.electionElapsed += 1;
  if (state.electionElapsed >= state.options.electionTicks) {
    state.electionElapsed = 0;
    if (!hearsFromMajority(state, role)) return state.becomeFollower(state.term, undefined);
  }
  role.heartbeatElapsed += 1;
  if (role.heartbeatElapsed >= state.options.heartbeatTicks) sendHeartbeats(state, role);
}

export function onHeartbeatResponse(state: RaftState, role: LeaderRole, message: MessageOf<"heartbeat-response">): void {
  const progress = role.progress.get(message.from);
  if (progress === undefined) return;
  progress.heard();
  noteRound(state, role, message);
  if (progress.matchIndex < state.log.lastIndex) sendAppend(state, role, message.from, "also empty");
  // The first word of it may have been lost.
  continueTransfer(state, role, message.from);
}

/** Something more of this node's log is on its disk, or one voter less is needed. */
export function commitOwn(state: RaftState, role: LeaderRole): void {
  if (commit(state, role)) sendAppends(state, role);
  leaveWhenRemoved(state, role);
}

/** A leader that is no voter any more leads until that is committed: only it can bring it about. Source: Raft thesis, 4.2.2. */
export function leaveWhenRemoved(state: RaftState, role: LeaderRole): void {
  if (state.role !== role || state.isVoter) return;
  if (state.log.configurationIndex <= state.log.commitIndex) state.becomeFollower(state.term, undefined);
}

/** Asks who was heard of since it last asked, and begins to listen anew. */
function hearsFromMajority(state: RaftState, role: LeaderRole): boolean {
  const { voters } = state.log.configuration;
  const present = voters.filter((voter) => voter === state.id || role.progress.get(voter)?.isActive === true).length;
  for (const progress of role.progress.values()) progress.isActive = false;
  return present >= majority(voters.length);
}
