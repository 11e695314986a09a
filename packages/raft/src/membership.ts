// When the configuration may change: never two changes at once, and none before the leader has committed an entry of its own term. Without the
// second, two leaders of different terms could each change the same configuration, and their majorities need not meet.
// Source: Raft thesis 4.1, and the correction of it (raft-dev, 2015).

import { type ConfigurationChange, changed, problemOf } from "./configuration.ts";
import { appendConfiguration } from "./leader.ts";
import type { LeaderRole, RaftState } from "./state.ts";

/** @returns why not; undefined when the change is appended, and in force. It is made for good when it is committed. */
export function proposeChange(state: RaftState, role: LeaderRole, change: ConfigurationChange): string | undefined {
  const { log } = state;
  if (log.commitIndex < role.firstIndex) return "nothing of this term is committed yet";
  if (log.configurationIndex > log.commitIndex) return "another change is not committed yet";
  if (role.transfer !== undefined) return "the leadership is being handed over";
  const problem = problemOf(log.configuration, change);
  if (problem !== undefined) return problem;
  // A voter that has nothing would keep a majority from everything until it has caught up.
  const matchIndex = role.progress.get(change.node)?.matchIndex ?? 0;
  if (change.kind === "promote" && matchIndex < log.commitIndex) {
    return `learner ${change.node} has come to ${matchIndex}, committed is ${log.commitIndex}`;
  }
  appendConfiguration(state, role, changed(log.configuration, change));
  return undefined;
}
