// Reads that see every write that was committed before they were asked: the leader notes what is committed, makes sure by a round of heartbeats
// that it still leads, and says how far the state machine must be. No clock is trusted. Source: Raft 8; Raft thesis, 6.4.

import type { NodeId } from "@varve/model";
import type { MessageOf } from "./message.ts";
import { agreedIndex } from "./quorum.ts";
import type { LeaderRole, PendingRead, RaftState } from "./state.ts";

/** @param context the reader's; `from` asks with it once, a second try has another. */
export function read(state: RaftState, role: LeaderRole, context: number, from: NodeId): void {
  // What earlier leaders have committed is known to a new one only with an entry of its own.
  if (state.log.commitIndex < role.firstIndex) {
    role.earlyReads.push({ context, from });
    return;
  }
  role.round += 1;
  role.reads.push({ context, from, index: state.log.commitIndex, round: role.round });
  sendHeartbeats(state, role);
  answerReads(state, role);
}

/** The first entry of the term is committed. */
export function answerEarlyReads(state: RaftState, role: LeaderRole): void {
  if (role.earlyReads.length === 0 || state.log.commitIndex < role.firstIndex) return;
  const early = role.earlyReads;
  role.earlyReads = [];
  for (const { context, from } of early) read(state, role, context, from);
}

/** Each says how far its receiver's log is known to be committed, and no further. */
export function sendHeartbeats(state: RaftState, role: LeaderRole): void {
  role.heartbeatElapsed = 0;
  const { commitIndex } = state.log;
  for (const [to, { matchIndex }] of role.progress) {
    state.send(to, { kind: "heartbeat", commitIndex: Math.min(commitIndex, matchIndex), round: role.round });
  }
}

export function noteRound(state: RaftState, role: LeaderRole, { from, round }: MessageOf<"heartbeat-response">): void {
  // A lie about rounds to come would answer reads that nobody has confirmed.
  if (round > role.round) return;
  role.answered.set(from, Math.max(round, role.answered.get(from) ?? 0));
  answerReads(state, role);
}

/** Answers whose round a majority has answered: each of them still took this node for the leader after the read was asked. */
export function answerReads(state: RaftState, role: LeaderRole): void {
  if (role.reads.length === 0) return;
  const confirmed = agreedIndex(state.log.configuration.voters, (voter) =>
    voter === state.id ? role.round : (role.answered.get(voter) ?? 0),
  );
  const open: PendingRead[] = [];
  for (const pending of role.reads) {
    const { context, from, index, round } = pending;
    if (round > confirmed) open.push(pending);
    else if (from === state.id) state.readStates.push({ context, index });
    else state.send(from, { kind: "read-response", context, index });
  }
  role.reads = open;
}
