// The replicated log that the controller's decisions go into, as the controller sees it: bytes in, committed bytes out, in one order, to
// every node. quorum-of-one/ fills it with one node's disk; Raft will fill it with a quorum. What the bytes mean is the controller's.

import type { NodeId } from "@varve/model";

export interface LogEntry {
  /** 1 for the first, then one more each. */
  readonly index: number;
  /** Of the leader that proposed it. Never falls from entry to entry. */
  readonly term: number;
  /** Empty where a leader only marked the beginning of its term. */
  readonly payload: Uint8Array;
}

/** What all entries up to `index` came to. */
export interface LogSnapshot {
  readonly index: number;
  /** Of the entry at `index`. */
  readonly term: number;
  readonly parts: readonly Uint8Array[];
}

export type Leadership =
  /** This node leads; every entry of earlier terms has been delivered. Only this node proposes in this term. */
  | { readonly kind: "leader"; readonly term: number }
  | { readonly kind: "follower"; readonly term: number; readonly leader: NodeId | undefined }
  /** Its storage failed: it neither leads nor follows any more. */
  | { readonly kind: "stopped"; readonly error: Error };

/** Told in the log's order. Calls never nest, and none comes while a promise that `snapshot` returned is pending. */
export interface MetadataLogListener {
  /** Replaces everything up to its index. The next entry is the one after it. */
  snapshot(snapshot: LogSnapshot): Promise<void>;
  /** The next entries: durable on a quorum, each delivered once in a life of the process. */
  committed(entries: readonly LogEntry[]): void;
  leadership(leadership: Leadership): void;
}

/** What came of a proposal. With "lost" it may still be committed later, by another leader: the outcome is unknown. */
export type ProposalOutcome = "committed" | "lost";

export interface MetadataLog {
  /** Delivers what was found on the disk, then what is committed, until `close`. Resolves when the former is done. Once. */
  start(listener: MetadataLogListener): Promise<void>;

  /**
   * Appends one entry for each payload, in order and side by side. Resolves "committed" after all of them have been delivered to
   * `committed`; "lost" at once when this node does not lead in `expectedTerm`, or later when it stops to.
   * One at a time. The payloads belong to the log from then on.
   * @throws {Error} when the storage fails; the leadership is "stopped" then, and the outcome unknown.
   */
  propose(payloads: readonly Uint8Array[], expectedTerm: number): Promise<ProposalOutcome>;

  /**
   * Keeps the outcome of all entries up to `snapshot.index`, which has been delivered and lies above the last snapshot; then these
   * entries may go. Durable when it resolves. One at a time; may overlap with `propose`.
   * @throws {Error} as `propose`.
   */
  saveSnapshot(snapshot: LogSnapshot): Promise<void>;

  /** Waits for what is being written. Nothing is delivered after it. */
  close(): Promise<void>;
}
