// Who votes and who only follows, and how that changes: one node at a time, so that any two successive configurations have a voter in
// common in each two of their majorities. When a change may be proposed: membership.ts. Source: Raft thesis, 4.1.

import { InvariantError, type NodeId } from "@varve/model";

/** An id is one node's for ever, and in one of the two lists at most. */
export interface Configuration {
  readonly voters: readonly NodeId[];
  /** They receive everything and count for nothing. */
  readonly learners: readonly NodeId[];
}

export type ConfigurationChange =
  | { readonly kind: "add-learner"; readonly node: NodeId }
  /** A learner becomes a voter. */
  | { readonly kind: "promote"; readonly node: NodeId }
  | { readonly kind: "remove"; readonly node: NodeId };

/** @returns why a change makes no sense in this configuration; undefined when it does. */
export function problemOf({ voters, learners }: Configuration, { kind, node }: ConfigurationChange): string | undefined {
  switch (kind) {
    case "add-learner":
      return voters.includes(node) || learners.includes(node) ? `node ${node} is a member already` : undefined;
    case "promote":
      return learners.includes(node) ? undefined : `node ${node} is no learner`;
    case "remove":
      if (voters.length === 1 && voters[0] === node) return `node ${node} is the only voter`;
      return voters.includes(node) || learners.includes(node) ? undefined : `node ${node} is no member`;
  }
}

/** @throws {InvariantError} where `problemOf` finds something. */
export function changed(configuration: Configuration, change: ConfigurationChange): Configuration {
  const problem = problemOf(configuration, change);
  if (problem !== undefined) throw new InvariantError(problem);
  const voters = configuration.voters.filter((voter) => voter !== change.node);
  const learners = configuration.learners.filter((learner) => learner !== change.node);
  if (change.kind === "add-learner") learners.push(change.node);
  if (change.kind === "promote") voters.push(change.node);
  return { voters, learners };
}

export function membersOf({ voters, learners }: Configuration): readonly NodeId[] {
  return [...voters, ...learners];
}
