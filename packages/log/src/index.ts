// One partition on one disk: segments, indexes, journal, recovery, retention. Not replication, not who may write.

export { DataDirectoryError, type DataDirectoryProblem } from "./data-directory.ts";
export * from "./log.ts";
export { openLogStore } from "./open-store.ts";
export type { LogPorts } from "./store.ts";
