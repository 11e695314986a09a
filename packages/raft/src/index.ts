// Consensus: one log on several nodes, as a state machine without time, disk and network. How a record of metadata goes through it:
// docs/architecture.md. It keeps what it is given and promises what a majority has on its disks.

export { decodeContent, decodeMessage, encodeContent, encodeMessage } from "./codec.ts";
export type { Configuration, ConfigurationChange } from "./configuration.ts";
export type { Entry, EntryContent, Snapshot } from "./entry.ts";
export type { Message, MessageBody, MessageOf } from "./message.ts";
export { type Persisted, type Proposed, Raft, type Standing } from "./raft.ts";
export type { HardState, Ready } from "./ready.ts";
export type { RaftOptions, ReadState } from "./state.ts";
