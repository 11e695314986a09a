// What a member of a quorum wants done: to be written together and synced, then sent, then applied.

import type { NodeId } from "@varve/model";
import type { Entry, Snapshot } from "./entry.ts";
import type { Message } from "./message.ts";
import type { ReadState } from "./state.ts";

/** What must survive besides the log; of the commit index whatever was last written, for a leader says it again. */
export interface HardState {
  readonly term: number;
  readonly vote: NodeId | undefined;
  readonly commitIndex: number;
}

export interface Ready {
  /** Otherwise there is nothing to write: the commit index alone rides on the next batch. */
  readonly mustWrite: boolean;
  readonly hardState: HardState;
  /** It replaces the whole log on the disk, and the state machine. */
  readonly snapshot: Snapshot | undefined;
  /** Whatever stands on the disk at and above the first one's index goes. */
  readonly entries: readonly Entry[];
  /** To be sent when all of the above is on the disk; any may be lost. */
  readonly messages: readonly Message[];
  /** To be applied in this order, each once, when all of the above is on the disk. */
  readonly committed: readonly Entry[];
  readonly reads: readonly ReadState[];
}

export function isSameVote(one: HardState, other: HardState): boolean {
  return one.term === other.term && one.vote === other.vote;
}
