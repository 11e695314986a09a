// What a topic can be configured with: Kafka's keys and defaults, and `durability`, which Kafka lacks.

import type { Table, Values } from "./property.ts";
import { parseValue } from "./property.ts";

export const topicConfigTable = {
  "cleanup.policy": {
    type: "list",
    choices: ["delete"],
    default: ["delete"],
    restart: false,
    about: "How old data goes: delete drops whole segments by age and size; an empty list keeps everything.",
  },
  durability: {
    type: "choice",
    choices: ["fsync", "replicated"],
    default: "fsync",
    restart: false,
    about: "When a write is answered: fsync once it is on the disks of the in-sync replicas, replicated once it is in their memory.",
  },
  "max.message.bytes": {
    type: "bytes",
    default: 1_048_588,
    min: 61,
    max: 8_388_608,
    restart: false,
    about: "Largest record batch that a producer may send.",
  },
  "message.timestamp.after.max.ms": {
    type: "ms",
    default: 3_600_000,
    min: 0,
    max: 9_007_199_254_740_991,
    restart: false,
    about: "How far a batch's time may lie ahead of the broker's clock.",
  },
  "message.timestamp.before.max.ms": {
    type: "ms",
    default: 9_007_199_254_740_991,
    min: 0,
    max: 9_007_199_254_740_991,
    restart: false,
    about: "How far a batch's time may lie behind the broker's clock.",
  },
  "message.timestamp.type": {
    type: "choice",
    choices: ["CreateTime", "LogAppendTime"],
    default: "CreateTime",
    restart: false,
    about: "Whose time a record bears: its producer's, or the broker's at the append.",
  },
  "min.insync.replicas": {
    type: "count",
    default: 1,
    min: 1,
    max: 32_767,
    restart: false,
    about: "How many replicas must hold a record before it is answered and shown.",
  },
  "retention.bytes": {
    type: "bytes",
    default: -1,
    min: -1,
    max: 9_007_199_254_740_991,
    restart: false,
    about: "Old segments go while the partition is larger than this; -1 is no bound.",
  },
  "retention.ms": {
    type: "ms",
    default: 604_800_000,
    min: -1,
    max: 9_007_199_254_740_991,
    restart: false,
    about: "Segments go when their newest record is older than this; -1 is for ever.",
  },
  "segment.bytes": {
    type: "bytes",
    default: 1_073_741_824,
    min: 4096,
    max: 2_147_483_647,
    restart: false,
    about: "A segment is closed and a new one begun at this size.",
  },
  "segment.ms": {
    type: "ms",
    default: 604_800_000,
    min: 1,
    max: 9_007_199_254_740_991,
    restart: false,
    about: "A segment is closed and a new one begun at this age, counted from its first record's time.",
  },
  "index.interval.bytes": {
    type: "bytes",
    default: 4096,
    min: 0,
    max: 2_147_483_647,
    restart: false,
    about: "An index entry is written after so many bytes of the log.",
  },
  "segment.index.bytes": {
    type: "bytes",
    default: 10_485_760,
    min: 24,
    max: 104_857_600,
    restart: false,
    about: "A segment is closed when its offset or time index reaches this size.",
  },
} as const;
topicConfigTable satisfies Table;

export type TopicConfigKey = keyof typeof topicConfigTable;
export type TopicConfig = Values<typeof topicConfigTable>;

/** @returns the parsed values, or every problem at once: unknown keys and bad values. */
export function parseTopicConfig(texts: ReadonlyMap<string, string>): { values: Partial<TopicConfig> } | { problems: readonly string[] } {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [key, text] of texts) {
    if (!Object.hasOwn(topicConfigTable, key)) {
      problems.push(`${JSON.stringify(key)} is not a topic configuration; they are ${Object.keys(topicConfigTable).join(", ")}`);
      continue;
    }
    const parsed = parseValue(key, topicConfigTable[key as TopicConfigKey], text);
    if ("problem" in parsed) problems.push(parsed.problem);
    else values[key] = parsed.value;
  }
  return problems.length > 0 ? { problems } : { values: values as Partial<TopicConfig> };
}
