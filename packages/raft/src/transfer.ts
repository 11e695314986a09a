// A leader hands its place to a voter of its choice: it takes no proposals, brings the other up to its own end, and has it campaign at once.
// When that takes longer than an election it goes on as before. Its vote stays what it was. Source: Raft thesis, 3.10.

import type { NodeId } from "@varve/model";
import type { LeaderRole, RaftState } from "./state.ts";

/** @returns why not; undefined when it has begun. */
export function beginTransfer(state: RaftState, role: LeaderRole, target: NodeId): string | undefined {
  if (target === state.id) return `node ${target} leads already`;
  if (!state.log.configuration.voters.includes(target)) return `node ${target} is no voter`;
  role.transfer = { target, elapsedTicks: 0 };
  continueTransfer(state, role, target);
  return undefined;
}

/** `from` may have come as far as this log goes: then it is its turn. */
export function continueTransfer(state: RaftState, role: LeaderRole, from: NodeId): void {
  if (role.transfer?.target !== from) return;
  if (role.progress.get(from)?.matchIndex === state.log.lastIndex) state.send(from, { kind: "timeout-now" });
}

export function tickTransfer(state: RaftState, role: LeaderRole): void {
  const { transfer } = role;
  if (transfer === undefined) return;
  transfer.elapsedTicks += 1;
  const isOver = transfer.elapsedTicks >= state.options.electionTicks || !state.log.configuration.voters.includes(transfer.target);
  if (isOver) role.transfer = undefined;
}
