// The flags of the commands that have some of their own, and those that several share. `varve server` has one for each setting besides.

import type { FlagTable } from "./flags.ts";

/** Every command has these. */
export const formatFlags = {
  format: { kind: "choice", choices: ["text", "json"], default: "text", about: "How the output is written" },
} as const;
formatFlags satisfies FlagTable;

/** Every command that talks to a cluster has these, and a `timeout` of its own. */
export const bootstrapFlags = {
  bootstrap: { kind: "text", short: "b", value: "host:port,…", default: "127.0.0.1:7070", about: "Brokers to connect to; one is enough" },
} as const;
bootstrapFlags satisfies FlagTable;

/** Of the commands that ask a cluster one thing. */
export const timeoutFlags = {
  timeout: { kind: "ms", value: "duration", min: 1, max: 86_400_000, default: 10_000, about: "Give up after so long without an answer" },
} as const;
timeoutFlags satisfies FlagTable;

export const serverFlags = {
  config: { kind: "text", short: "c", value: "file", about: "Settings as YAML or JSON, under the names that the settings below have" },
} as const;
serverFlags satisfies FlagTable;

export const topicCreateFlags = {
  partitions: { kind: "count", short: "p", value: "n", min: 1, max: 10_000, about: "How many; the broker's num.partitions when not given" },
  "replication-factor": { kind: "count", short: "r", value: "n", min: 1, max: 32_767, about: "How many replicas each partition has" },
  config: { kind: "text", short: "c", value: "key=value", many: true, about: "A topic setting, as in -c retention.ms=7d; may be repeated" },
  "if-not-exists": { kind: "switch", about: "A topic of that name is no failure" },
  "dry-run": { kind: "switch", about: "Check without making it" },
} as const;
topicCreateFlags satisfies FlagTable;

export const topicRemoveFlags = {
  yes: { kind: "switch", short: "y", about: "Delete; without it the plan is printed" },
  "dry-run": { kind: "switch", about: "Print the plan, also with --yes" },
} as const;
topicRemoveFlags satisfies FlagTable;

export const produceFlags = {
  input: {
    kind: "choice",
    short: "i",
    choices: ["text", "exact", "json"],
    default: "text",
    about: "Each line is a record: its text, its text with the newline kept, or a JSON object",
  },
  key: { kind: "text", short: "k", value: "key", about: "The key of every record" },
  "key-separator": {
    kind: "text",
    short: "K",
    value: "text",
    about: "What stands before it in a line is the key; a line without it has none. \\t is a tab",
  },
  header: { kind: "text", short: "H", value: "name=value", many: true, about: "A header of every record; may be repeated" },
  partition: { kind: "count", short: "p", value: "n", min: 0, max: 2_147_483_647, about: "Where every record goes; by key when not given" },
  acks: { kind: "choice", choices: ["all", "leader", "none"], default: "all", about: "When a record counts as stored" },
  compression: { kind: "choice", choices: ["none", "gzip", "snappy", "lz4", "zstd"], default: "none", about: "How batches are compressed" },
  linger: { kind: "ms", value: "duration", min: 0, max: 60_000, default: 5, about: "How long a batch waits for more records" },
  "batch-bytes": { kind: "bytes", value: "size", min: 1_024, max: 4_194_304, default: 131_072, about: "A batch is full at this size" },
  "line-bytes-max": { kind: "bytes", value: "size", min: 1, max: 8_388_608, default: 1_048_576, about: "A longer line is a failure" },
  timeout: {
    kind: "ms",
    value: "duration",
    min: 1,
    max: 86_400_000,
    default: 120_000,
    about: "How long a record is tried, over lost connections and restarts of brokers",
  },
  quiet: { kind: "switch", short: "q", about: "No progress and no summary" },
} as const;
produceFlags satisfies FlagTable;

export const consumeFlags = {
  format: {
    kind: "choice",
    choices: ["text", "exact", "json"],
    default: "text",
    about: "Values as lines, values with nothing between them, or one JSON object a line",
  },
  from: {
    kind: "text",
    short: "o",
    value: "place",
    default: "start",
    about: "Where to begin: start, end, @offset, a time as in 2026-05-01T12:00:00Z, or how long ago as in -2h",
  },
  until: { kind: "text", short: "u", value: "place", about: "Stop before this place; end, what is stored now, when not given" },
  follow: { kind: "switch", short: "f", about: "Wait for new records instead of stopping at the end" },
  count: { kind: "count", short: "n", value: "n", min: 1, max: 9_007_199_254_740_991, about: "Stop after so many records" },
  partition: { kind: "count", short: "p", value: "n", min: 0, max: 2_147_483_647, about: "Only this one" },
  timeout: {
    kind: "ms",
    value: "duration",
    min: 1,
    max: 86_400_000,
    default: 30_000,
    about: "Without --follow: give up after so long without a record",
  },
  "key-separator": { kind: "text", short: "K", value: "text", about: "Write each key and this before its value; \\t is a tab" },
  "skip-damaged": { kind: "switch", about: "Step over records that cannot be read, and say which" },
  quiet: { kind: "switch", short: "q", about: "No progress and no summary" },
} as const;
consumeFlags satisfies FlagTable;

export const dumpFlags = {
  records: { kind: "switch", short: "r", about: "Show the records of each batch too" },
  from: { kind: "count", short: "o", value: "offset", min: 0, max: 9_007_199_254_740_991, about: "Begin with the batch that holds it" },
  count: { kind: "count", short: "n", value: "n", min: 1, max: 9_007_199_254_740_991, about: "Stop after so many batches" },
} as const;
dumpFlags satisfies FlagTable;
