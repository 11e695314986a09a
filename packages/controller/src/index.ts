// The controller: the one place that changes the cluster's metadata. A quorum of one today, behind the interface that Raft will fill.

export type { Applier } from "./applied-image.ts";
export { type Controller, type ControllerOptions, type ControllerPorts, openController, startController } from "./controller.ts";
export { noTopicId, type TopicDefaults } from "./decide/create-topics.ts";
export { freshUuid } from "./fresh-ids.ts";
export * from "./limits.ts";
export type { Leadership, LogEntry, LogSnapshot, MetadataLog, MetadataLogListener, ProposalOutcome } from "./metadata-log.ts";
export { openQuorumOfOne, type QuorumOfOneOptions, type QuorumOfOnePorts } from "./quorum-of-one/quorum-of-one.ts";
