// What a broker says to a client's batch, line by line beside what Kafka says. Where we differ, the tables here say why.

import { type ErrorCode, type Failure, parseTopicConfig, topicConfigTable } from "@varve/model";
import { nodeCompression } from "@varve/runtime/node";
import { describe, expect, test } from "vitest";
import { checkProducedBatch, type ProduceBounds, stampBatch, stampLogAppendTime } from "../src/index.ts";
import { type Answer, type AppendLine, fromHex, type InvalidLine, lines, toHex } from "./golden.ts";

const invalid = lines<InvalidLine>("invalid");
const append = lines<AppendLine>("append");

const defaults: ProduceBounds = {
  batchBytesMax: topicConfigTable["max.message.bytes"].default,
  segmentBytesMax: topicConfigTable["segment.bytes"].default,
  timestampType: "CreateTime",
  timestampBeforeMaxMs: topicConfigTable["message.timestamp.before.max.ms"].default,
  timestampAfterMaxMs: topicConfigTable["message.timestamp.after.max.ms"].default,
};
/** When the corpus was appended. */
const nowMs = 1_760_000_100_000;

/** Kafka's answer as one error code; undefined when it takes the batch. A request is checked first, then the append. */
function kafkaCode(steps: { readonly produceRequest?: Answer; readonly append: Answer }): string | undefined {
  const refusal = [steps.produceRequest, steps.append].find((answer) => answer?.ok === false);
  if (refusal === undefined) return undefined;
  const codeOf: Readonly<Record<string, string>> = { CorruptRecordException: "CORRUPT_MESSAGE", InvalidRecordException: "INVALID_RECORD" };
  return refusal.error ?? codeOf[refusal.exception?.split(".").at(-1) ?? ""] ?? "UNKNOWN_SERVER_ERROR";
}

const insideRecords = "the broker does not open records; whoever reads them finds it: see broken-records.test.ts";
const payload = "the broker does not decompress; whoever reads the records finds it: see broken-records.test.ts";
const ours = (code: ErrorCode, why: string): Difference => ({ code, why });
const passes = (why: string): Difference => ({ code: undefined, why });

interface Difference {
  /** What we answer; undefined is "taken". */
  readonly code: ErrorCode | undefined;
  readonly why: string;
}

/** Every line of invalid.jsonl that we answer otherwise than Kafka, by its id; a star stands for any end. */
const differences: ReadonlyMap<string, Difference> = new Map([
  // Kafka takes these, or answers them with an accident.
  [
    "length/2147483647",
    ours("INVALID_RECORD", "Kafka stumbles over the length (IllegalArgumentException); it is a cut batch like any other"),
  ],
  ["attributes/codec-*", ours("UNSUPPORTED_COMPRESSION_TYPE", "Kafka stumbles over an unknown codec (IllegalArgumentException)")],
  ["attributes/unused-bits", ours("INVALID_RECORD", "a bit that means nothing today must not be stored: it may mean something later")],
  [
    "attributes/log-append-from-client",
    ours("INVALID_TIMESTAMP", "Kafka drops the bit on a CreateTime topic; the time of an append is not a client's to set"),
  ],
  [
    "attributes/delete-horizon-from-client",
    ours("INVALID_RECORD", "the bit turns baseTimestamp into something else; only compaction sets it"),
  ],
  ["attributes/transactional-without-producer", ours("INVALID_RECORD", "nobody could ever end that transaction")],
  ["producer/id-without-epoch", ours("INVALID_RECORD", "without an epoch an older instance of the producer cannot be fenced")],
  ["producer/id-minus-two", ours("INVALID_RECORD", "-1 is the only id that means none")],
  // Kafka refuses these with another code.
  ["magic/0", ours("UNSUPPORTED_FOR_MESSAGE_FORMAT", "the error table has a code that says just this")],
  ["magic/1", ours("UNSUPPORTED_FOR_MESSAGE_FORMAT", "the error table has a code that says just this")],
  ["magic/real-*", ours("UNSUPPORTED_FOR_MESSAGE_FORMAT", "the error table has a code that says just this")],
  ["buffer/garbage-behind", ours("INVALID_RECORD", "the first batch is sound; what follows is not looked at, since nothing may follow")],
  ["buffer/zeros-behind", ours("INVALID_RECORD", "the first batch is sound; what follows is not looked at, since nothing may follow")],
  // Kafka opens the records.
  ["offset-delta/wrong-order-gzip", passes(insideRecords)],
  ["offset-delta/all-zero-gzip", passes(insideRecords)],
  ["offset-delta/negative-gzip", passes(insideRecords)],
  ["records/trailing-garbage*", passes(insideRecords)],
  ["records/second-missing*", passes(insideRecords)],
  ["record/*", passes(insideRecords)],
  ["length/short-crc-right", passes(insideRecords)],
  ["length/header-only-count-3", passes(insideRecords)],
  ["time/delta-overflow*", passes(insideRecords)],
  ["payload/*", passes(payload)],
  ["bomb/length-lie-zstd", passes(payload)],
]);

const matches = (pattern: string, id: string): boolean => (pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern);

function find(table: ReadonlyMap<string, Difference>, id: string): Difference | undefined {
  for (const [pattern, difference] of table) if (matches(pattern, id)) return difference;
  return undefined;
}

const check = (hex: string, bounds: ProduceBounds = defaults): Failure | undefined =>
  checkProducedBatch(fromHex(hex), bounds, nowMs, nodeCompression);

describe("a damaged or forbidden batch", () => {
  test("the corpus is whole", () => {
    expect(invalid).toHaveLength(157);
  });

  test.each(invalid)("$id: $note", (line) => {
    const difference = find(differences, line.id);
    const kafka = kafkaCode(line.kafka);
    const answer = check(line.hex);
    expect(answer?.code).toBe(difference === undefined ? kafka : difference.code);
    if (answer !== undefined) expect(answer.message).not.toBe("");
  });

  test("every difference from Kafka that the table lists is a difference", () => {
    for (const [pattern, difference] of differences) {
      const listed = invalid.filter((line) => matches(pattern, line.id));
      const differs = listed.some((line) => kafkaCode(line.kafka) !== difference.code);
      expect({ pattern, differs }).toEqual({ pattern, differs: true });
    }
  });

  test("nothing passes that Kafka refuses, but what only the records can tell", () => {
    const laxer = invalid.filter((line) => kafkaCode(line.kafka) !== undefined && check(line.hex) === undefined);
    for (const { id } of laxer)
      expect({ id, why: find(differences, id)?.why }).toEqual({ id, why: expect.stringMatching(/^the broker does not/) });
  });
});

describe("an append under a topic's configuration", () => {
  /** Lines that we answer otherwise, and why. Those of other codecs are not ours: the broker never compresses. */
  const differs: ReadonlyMap<string, Difference> = new Map([
    [
      "time/log-append-from-client-at-1760000000000-to-CreateTime",
      ours("INVALID_TIMESTAMP", "the time of an append is not a client's to set"),
    ],
    ["time/second-record-too-far-ahead*", ours("INVALID_TIMESTAMP", "seen in maxTimestamp, as Kafka sees it in the record")],
    ["offset/wrong-order-gzip*", passes(insideRecords)],
    ["compact/null-keys*", passes("compaction and its check of the keys are not built yet; the topic configuration refuses the policy")],
    ["batches/tail-cut*", ours("INVALID_RECORD", "one whole batch and nothing behind it")],
    ["old/*", ours("UNSUPPORTED_FOR_MESSAGE_FORMAT", "only magic 2 is stored")],
  ]);

  function bounds(config: Readonly<Record<string, string>>): ProduceBounds {
    const known = new Map(Object.entries(config).filter(([key]) => key.startsWith("message.timestamp.") || key === "max.message.bytes"));
    const parsed = parseTopicConfig(known);
    if ("problems" in parsed) throw new Error(parsed.problems.join("; "));
    return {
      batchBytesMax: parsed.values["max.message.bytes"] ?? defaults.batchBytesMax,
      segmentBytesMax: Number(config["internal.segment.bytes"] ?? defaults.segmentBytesMax),
      timestampType: (parsed.values["message.timestamp.type"] as ProduceBounds["timestampType"] | undefined) ?? "CreateTime",
      timestampBeforeMaxMs: parsed.values["message.timestamp.before.max.ms"] ?? defaults.timestampBeforeMaxMs,
      timestampAfterMaxMs: parsed.values["message.timestamp.after.max.ms"] ?? defaults.timestampAfterMaxMs,
    };
  }

  test("the corpus is whole", () => {
    expect(append).toHaveLength(122);
  });

  test.each(append)("$id is taken or refused as Kafka does", (line) => {
    const expected = find(differs, line.id);
    const answer = checkProducedBatch(fromHex(line.hex), bounds(line.config), Number(line.nowMs), nodeCompression);
    expect(answer?.code).toBe(expected === undefined ? kafkaCode({ append: line.kafka }) : expected.code);
  });

  // Kafka writes these anew: another codec than the producer's, or a maxTimestamp that is not that of the records.
  const isRewritten = ({ id, config }: AppendLine): boolean => {
    const codec = config["compression.type"] ?? "producer";
    const sent = id.match(/^codec\/(\w+)-to-/)?.[1] ?? id.match(/-(none|gzip)-to-/)?.[1] ?? "none";
    const stays = codec === "producer" || codec === sent || (codec === "uncompressed" && sent === "none");
    return !stays || id.startsWith("time/max-timestamp-wrong");
  };
  const stored = append.filter(
    (line) => line.kafka.ok && line.kafka.storedBytesComparable === true && find(differs, line.id) === undefined && !isRewritten(line),
  );

  test("enough of the corpus is stored as it came", () => {
    expect(stored.length).toBeGreaterThan(30);
  });

  test.each(stored)("$id: what a leader stamps has the bytes that Kafka stores", (line) => {
    const batch = fromHex(line.hex);
    stampBatch(batch, 0, Number(line.logEndOffset), line.leaderEpoch);
    if (line.config["message.timestamp.type"] === "LogAppendTime") stampLogAppendTime(batch, 0, Number(line.nowMs), nodeCompression);
    expect(toHex(batch)).toBe(line.kafka.storedHex);
  });
});

describe("what the answer says", () => {
  test.each([
    ["crc/zero", "the batch at byte 0 does not match its checksum 0x0"],
    ["count/2", "lastOffsetDelta is 2, recordCount 2: it must be one less"],
    ["length/113", "the batch at byte 0 is cut: 124 of 125 bytes are there"],
    ["attributes/unused-bits", /^attributes 0x[0-9a-f]{1,4} set bits that mean nothing$/],
    ["producer/id-without-sequence", "baseSequence is -1 with producerId 5; it must be at least 0"],
    ["buffer/two-valid", "one batch is expected for each partition of a request; behind its 124 bytes are 124 more"],
  ])("%s", (id, message) => {
    expect(check(invalid.find((line) => line.id === id)!.hex)?.message).toMatch(message);
  });

  test("a batch over the topic's limit is refused before its checksum is computed", () => {
    const line = append.find(({ id }) => id === "size/one-over-max-none")!;
    const spy = { ...nodeCompression, crc32c: () => expect.unreachable() };
    expect(checkProducedBatch(fromHex(line.hex), { ...defaults, batchBytesMax: 1069 }, nowMs, spy)).toEqual({
      code: "MESSAGE_TOO_LARGE",
      message: "the batch has 1070 bytes; max.message.bytes is 1069",
    });
  });

  test("a batch without a producer may bear any epoch and sequence, as widespread clients send it", () => {
    expect(check(invalid.find((line) => line.id === "producer/sequence-without-id")!.hex)).toBeUndefined();
  });
});
