// What a Raft log is made of: entries, and the snapshot that stands for those that went. What a payload means is its proposer's.

import type { Configuration } from "./configuration.ts";

export type EntryContent =
  /** Begins a leader's term: what lies before it is committed with it. */
  | { readonly kind: "empty" }
  | { readonly kind: "payload"; readonly bytes: Uint8Array }
  /** In force from the moment that it is appended, on whoever has appended it. */
  | { readonly kind: "configuration"; readonly configuration: Configuration };

export interface Entry {
  /** 1 for the first, then one more each. */
  readonly index: number;
  /** Of the leader that appended it; never falls from entry to entry. */
  readonly term: number;
  readonly content: EntryContent;
}

/** What all entries up to `index` came to. */
export interface Snapshot {
  readonly index: number;
  /** Of the entry at `index`. */
  readonly term: number;
  /** In force at `index`. */
  readonly configuration: Configuration;
  readonly parts: readonly Uint8Array[];
}

/** What an entry without a payload takes in a message, about. */
const entryOverheadBytes = 32;

/** What bounds on messages and on what is uncommitted count. */
export function entryBytes({ content }: Entry): number {
  return entryOverheadBytes + (content.kind === "payload" ? content.bytes.length : 0);
}
