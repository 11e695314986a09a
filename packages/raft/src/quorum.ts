// Majorities, as arithmetic over the voters' numbers. Who the voters are is the caller's business.

import type { NodeId } from "@varve/model";

/** @param voters at least one. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * The largest number that a majority of voters has reached.
 *
 * @param reached of each voter, 0 for one that nothing is known of. O(v log v).
 * @returns 0 without voters: nothing is agreed on by nobody.
 */
export function agreedIndex(voters: readonly NodeId[], reached: (voter: NodeId) => number): number {
  if (voters.length === 0) return 0;
  const falling = voters.map(reached).sort((one, other) => other - one);
  return falling[majority(voters.length) - 1]!;
}

/** @param votes of those who have answered; of nodes that are no voters they count for nothing. */
export function outcomeOf(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): "won" | "lost" | "open" {
  const needed = majority(voters.length);
  const granted = voters.filter((voter) => votes.get(voter) === true).length;
  const open = voters.filter((voter) => !votes.has(voter)).length;
  if (voters.length > 0 && granted >= needed) return "won";
  return granted + open < needed ? "lost" : "open";
}
