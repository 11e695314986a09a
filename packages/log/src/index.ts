// One partition on one disk: segments, indexes, journal, recovery, retention. Not replication, not who may write.

export * from "./log.ts";
