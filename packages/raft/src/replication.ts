// How a leader brings its log to the others and learns how far it has come: what it sends next to whom, what an answer changes, and when that
// commits. Source: Raft 5.3, 5.4.2.

import type { NodeId } from "@varve/model";
import { membersOf } from "./configuration.ts";
import { entryBytes } from "./entry.ts";
import type { MessageOf } from "./message.ts";
import { Progress } from "./progress.ts";
import { agreedIndex } from "./quorum.ts";
import { answerEarlyReads } from "./reads.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { continueTransfer } from "./transfer.ts";

/** The members that there are now: new ones are looked at from the end, those that left are forgotten. */
export function followConfiguration(state: RaftState, role: LeaderRole): void {
  const members = membersOf(state.log.configuration).filter((member) => member !== state.id);
  for (const known of [...role.progress.keys()]) {
    if (members.includes(known)) continue;
    role.progress.delete(known);
    role.answered.delete(known);
  }
  for (const member of members) {
    if (!role.progress.has(member)) role.progress.set(member, new Progress(state.log.lastIndex + 1, state.options));
  }
}

/** To everybody what is next for them; what they have yet to hear of the commit index goes with it. */
export function sendAppends(state: RaftState, role: LeaderRole): void {
  for (const to of role.progress.keys()) sendAppend(state, role, to, "also empty");
}

/** What is next for one; "also empty" when it waits for something, and be it the commit index. @returns whether a message went out. */
export function sendAppend(state: RaftState, role: LeaderRole, to: NodeId, when: "also empty" | "with entries"): boolean {
  const progress = role.progress.get(to)!;
  if (progress.isPaused) return false;
  const { log, options } = state;
  const prevIndex = progress.nextIndex - 1;
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === undefined) return sendSnapshot(state, to, progress);
  const entries = log.slice(progress.nextIndex, log.lastIndex, options.messageBytesMax);
  if (entries.length === 0 && when === "with entries") return false;
  state.send(to, { kind: "append", prevIndex, prevTerm, entries, commitIndex: log.commitIndex });
  progress.sent(
    prevIndex + entries.length,
    entries.reduce((sum, entry) => sum + entryBytes(entry), 0),
  );
  return true;
}

/** To one that is known to be there: a snapshot is much to send into nothing. */
function sendSnapshot(state: RaftState, to: NodeId, progress: Progress): boolean {
  if (!progress.isActive) return false;
  const { snapshot } = state.log;
  state.send(to, { kind: "snapshot", snapshot });
  progress.sentSnapshot(snapshot.index);
  return true;
}

export function onAppendAccepted(state: RaftState, role: LeaderRole, { from, matchIndex }: MessageOf<"append-accepted">): void {
  const progress = role.progress.get(from);
  // One that has left counts for nothing, and nobody has what we have not.
  if (progress === undefined || matchIndex > state.log.lastIndex) return;
  progress.isActive = true;
  const wasPaused = progress.isPaused;
  if (!progress.accepted(matchIndex, state.log.firstIndex) && !wasPaused) return;
  if (commit(state, role)) sendAppends(state, role);
  else if (wasPaused) sendAppend(state, role, from, "also empty");
  while (sendAppend(state, role, from, "with entries"));
  continueTransfer(state, role, from);
}

export function onAppendRejected(
  state: RaftState,
  role: LeaderRole,
  { from, prevIndex, hintIndex, hintTerm }: MessageOf<"append-rejected">,
): void {
  const progress = role.progress.get(from);
  if (progress === undefined) return;
  progress.isActive = true;
  // One step back for each term that parts the logs, and not for each entry.
  const likely = state.log.lastAtMost(hintIndex, hintTerm).index;
  if (progress.rejected(prevIndex, likely + 1)) sendAppend(state, role, from, "also empty");
}

/**
 * What a majority of the voters has on its disk is committed, when it is of this term: an entry of an earlier one, however many have it, may
 * still be cut off by a leader that has none. Source: Raft 5.4.2, figure 8.
 * @returns whether anything new is.
 */
export function commit(state: RaftState, role: LeaderRole): boolean {
  const { log } = state;
  // Our own disk counts like any other, and only when we are a voter.
  const agreed = agreedIndex(log.configuration.voters, (voter) =>
    voter === state.id ? log.persistedIndex : (role.progress.get(voter)?.matchIndex ?? 0),
  );
  if (agreed <= log.commitIndex || log.termAt(agreed) !== state.term) return false;
  log.commitTo(agreed);
  answerEarlyReads(state, role);
  return true;
}
