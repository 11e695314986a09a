// What the members of a quorum say to each other. A message may be lost, late, repeated or overtaken; none may be forged (who is at the
// other end is the transport's to know). How they travel is the shell's business.

import type { NodeId } from "@varve/model";
import type { Entry, Snapshot } from "./entry.ts";

export interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's; of "pre-vote-request" and of the grant of one, the term that the sender would campaign in. */
  readonly term: number;
}

export type MessageBody =
  /** Would you vote for me? Nobody's term changes by it. Source: Raft thesis, 9.6. */
  | { readonly kind: "pre-vote-request"; readonly lastIndex: number; readonly lastTerm: number }
  | { readonly kind: "pre-vote-response"; readonly granted: boolean }
  /** `isTransfer`: the leader itself has asked the sender to campaign, so that a living leader is no reason to refuse. */
  | { readonly kind: "vote-request"; readonly lastIndex: number; readonly lastTerm: number; readonly isTransfer: boolean }
  | { readonly kind: "vote-response"; readonly granted: boolean }
  | {
      readonly kind: "append";
      readonly prevIndex: number;
      readonly prevTerm: number;
      readonly entries: readonly Entry[];
      readonly commitIndex: number;
    }
  /** The sender's log is the leader's up to `matchIndex`, and so is its disk by the time that this leaves. */
  | { readonly kind: "append-accepted"; readonly matchIndex: number }
  /** What lies at `prevIndex` is not the leader's; the highest place that may be: `hintIndex`, in `hintTerm`. */
  | { readonly kind: "append-rejected"; readonly prevIndex: number; readonly hintIndex: number; readonly hintTerm: number }
  /** `round` is what the leader's pending reads wait for. */
  | { readonly kind: "heartbeat"; readonly commitIndex: number; readonly round: number }
  | { readonly kind: "heartbeat-response"; readonly round: number }
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot }
  /** A follower asks on behalf of a reader of its own; `context` is that reader's. */
  | { readonly kind: "read-request"; readonly context: number }
  | { readonly kind: "read-response"; readonly context: number; readonly index: number }
  | { readonly kind: "timeout-now" }
  /** The answer to a leader whose term is over. */
  | { readonly kind: "term-is-over" };

export type Message = Envelope & MessageBody;
export type MessageOf<Kind extends MessageBody["kind"]> = Envelope & Extract<MessageBody, { readonly kind: Kind }>;
