// A follower takes what its leader sends. It answers what is on its disk by the time that the answer leaves, decides nothing, and never
// cuts off what is committed. Source: Raft 5.3, 7.

import { invariant } from "@varve/model";
import type { Envelope, MessageOf } from "./message.ts";
import type { RaftState } from "./state.ts";

/** The sender leads this term: nobody else does. Called before any of the below. */
export function followLeader(state: RaftState, { from, term }: Envelope): void {
  invariant(state.role.kind !== "leader", `nodes ${state.id} and ${from} lead in term ${term}`);
  if (state.role.kind === "follower" && state.role.leader === from) state.electionElapsed = 0;
  else state.becomeFollower(term, from);
}

export function onAppend(state: RaftState, { from, prevIndex, prevTerm, entries, commitIndex }: MessageOf<"append">): void {
  const result = state.log.match(prevIndex, prevTerm, entries);
  if (result.kind === "rejected") {
    const { hintIndex, hintTerm } = result;
    state.send(from, { kind: "append-rejected", prevIndex, hintIndex, hintTerm });
    return;
  }
  // What lies behind the last entry of this message may still be another leader's.
  state.log.commitTo(Math.min(commitIndex, result.matchIndex));
  state.send(from, { kind: "append-accepted", matchIndex: result.matchIndex });
}

export function onHeartbeat(state: RaftState, { from, commitIndex, round }: MessageOf<"heartbeat">): void {
  // The leader sends no more than it knows to be here.
  state.log.commitTo(Math.min(commitIndex, state.log.lastIndex));
  state.send(from, { kind: "heartbeat-response", round });
}

/** Source: Raft 7. A snapshot that brings nothing new is answered with what is here. */
export function onSnapshot(state: RaftState, { from, snapshot }: MessageOf<"snapshot">): void {
  const { log } = state;
  if (snapshot.index > log.commitIndex) {
    // The log has it all: what lies behind the snapshot is worth keeping.
    if (log.termAt(snapshot.index) === snapshot.term) log.commitTo(snapshot.index);
    else log.restore(snapshot);
  }
  state.send(from, { kind: "append-accepted", matchIndex: log.commitIndex });
}

/** For a reader here: the leader says up to where it must have applied. */
export function onReadResponse(state: RaftState, { context, index }: MessageOf<"read-response">): void {
  state.readStates.push({ context, index });
}
