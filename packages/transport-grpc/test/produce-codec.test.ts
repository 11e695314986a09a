// Shows that the hand-written codec of the produce stream is protobuf: against protobufjs and the real data.proto, both ways, and under damage.

import type { ProduceRequest, ProduceResult } from "@varve/api";
import { ClusterError, type ErrorCode, errorTable, type Offset } from "@varve/model";
import type { OutgoingMessage } from "@varve/runtime";
import fc from "fast-check";
import { expect, test } from "vitest";
import { entriesMax } from "../src/limits.ts";
import {
  decodeProduceRequest,
  decodeProduceResponse,
  encodeProduceRequest,
  encodeProduceResponse,
  type ProduceResponse,
} from "../src/produce-codec.ts";
import { TopicIds } from "../src/topic-ids.ts";
import { attachedBytesMin } from "../src/wire-writer.ts";
import {
  batchBytes,
  damaged,
  encodeTheirs,
  epochs,
  int32s,
  messageType,
  offsets,
  plain,
  rearranged,
  sent,
  textOf,
  theirs,
  topicIds,
  uint32s,
} from "./contract.ts";

const ids = new TopicIds();
const acksNames = ["all", "leader", "none"] as const;

const requests = fc.record({
  correlation: uint32s,
  acks: fc.nat(2),
  timeoutMs: fc.integer({ min: 1, max: 300_000 }),
  entries: fc.uniqueArray(fc.record({ topicId: topicIds, partition: int32s, leaderEpoch: epochs, batch: batchBytes }), {
    maxLength: 4,
    selector: (entry) => `${textOf(entry.topicId)}-${entry.partition}`,
  }),
});
type DrawnRequest = typeof requests extends fc.Arbitrary<infer T> ? T : never;

function toRequest(drawn: DrawnRequest): ProduceRequest {
  return {
    acks: acksNames[drawn.acks]!,
    timeoutMs: drawn.timeoutMs,
    entries: drawn.entries.map((entry) => ({
      id: { topicId: textOf(entry.topicId), partition: entry.partition },
      leaderEpoch: entry.leaderEpoch,
      batch: plain(entry.batch),
    })),
  };
}

function lengthChecked({ message, byteLength }: { message: OutgoingMessage; byteLength: number }): Uint8Array {
  const bytes = sent(message);
  expect(bytes.length).toBe(byteLength);
  return bytes;
}

test("a request that we encode is decoded by protobufjs to the same fields", () => {
  fc.assert(
    fc.property(requests, (drawn) => {
      const decoded = theirs("ProduceRequest", lengthChecked(encodeProduceRequest(drawn.correlation, toRequest(drawn), ids)));
      expect(decoded).toMatchObject({ correlation: drawn.correlation, acks: drawn.acks, timeoutMs: drawn.timeoutMs });
      const entries = decoded.entries as Record<string, unknown>[];
      expect(entries.map((entry) => ({ ...entry, topicId: plain(entry.topicId), batch: plain(entry.batch) }))).toEqual(
        drawn.entries.map(({ leaderEpoch, ...entry }) => (leaderEpoch === undefined ? entry : { ...entry, leaderEpoch })),
      );
    }),
  );
});

test("a request of any other implementation is decoded to the same fields: any order, unknown fields, repeated singular ones", () => {
  fc.assert(
    fc.property(requests, fc.infiniteStream(fc.nat()), (drawn, stream) => {
      const draw = (below: number) => stream.next().value! % below;
      const bytes = rearranged(messageType("ProduceRequest"), encodeTheirs("ProduceRequest", drawn), draw);
      const decoded = decodeProduceRequest(plain(bytes), ids);
      expect(decoded).toEqual({ kind: "request", correlation: drawn.correlation, request: toRequest(drawn) });
    }),
  );
});

test("a large batch is part of the message as it is, a small one and one that is never answered are copied", () => {
  const id = { topicId: textOf(new Uint8Array(16).fill(7)), partition: 3 };
  const batches = [attachedBytesMin, attachedBytesMin - 1].map((length) => new Uint8Array(length));
  const entries = batches.map((batch) => ({ id, leaderEpoch: undefined, batch }));
  const { message } = encodeProduceRequest(9, { acks: "all", timeoutMs: 1_000, entries }, ids);
  expect(message).toHaveLength(3);
  expect((message as readonly Uint8Array[])[1]).toBe(batches[0]);
  const unanswered = encodeProduceRequest(9, { acks: "none", timeoutMs: 1_000, entries }, ids);
  expect(unanswered.message).toBeInstanceOf(Uint8Array);
});

test("a batch of a decoded request is a view into the message", () => {
  const batch = Uint8Array.of(1, 2, 3);
  const topicId = textOf(new Uint8Array(16).fill(7));
  const entries = [{ id: { topicId, partition: 3 }, leaderEpoch: undefined, batch }];
  const message = lengthChecked(encodeProduceRequest(9, { acks: "all", timeoutMs: 1_000, entries }, ids));
  const decoded = decodeProduceRequest(message, ids);
  if (decoded.kind !== "request") throw new Error("refused");
  expect(decoded.request.entries[0]!.batch.buffer).toBe(message.buffer);
  expect(decoded.request.entries[0]!.batch).toEqual(batch);
});

const results = fc.oneof(
  fc.record({
    kind: fc.constant("stored" as const),
    baseOffset: offsets as fc.Arbitrary<Offset>,
    appendTimeMs: fc.option(fc.maxSafeInteger(), { nil: undefined }),
    logStart: offsets as fc.Arbitrary<Offset>,
  }),
  fc.record({
    kind: fc.constant("failed" as const),
    failure: fc.record({ code: fc.constantFrom(...(Object.keys(errorTable) as ErrorCode[])), message: fc.string({ unit: "grapheme" }) }),
  }),
) as fc.Arbitrary<ProduceResult>;
const responses: fc.Arbitrary<ProduceResponse> = fc.record({
  answers: fc.array(fc.record({ correlation: uint32s, results: fc.array(results, { maxLength: 4 }) }), { maxLength: 4 }),
  creditBytes: offsets,
});

function resultMessage(result: ProduceResult): object {
  if (result.kind === "failed") return { errorCode: errorTable[result.failure.code].code, errorMessage: result.failure.message };
  const time = result.appendTimeMs === undefined ? {} : { appendTimeMs: result.appendTimeMs };
  return { baseOffset: result.baseOffset, logStartOffset: result.logStart, ...time };
}

function responseMessage(response: ProduceResponse): object {
  const answers = response.answers.map((answer) => ({ ...answer, results: answer.results.map(resultMessage) }));
  return { answers, creditBytes: response.creditBytes };
}

test("a response that we encode is decoded by protobufjs to the same fields", () => {
  fc.assert(
    fc.property(responses, (response) => {
      const expected = theirs("ProduceResponse", encodeTheirs("ProduceResponse", responseMessage(response)));
      expect(theirs("ProduceResponse", lengthChecked(encodeProduceResponse(response)))).toEqual(expected);
    }),
  );
});

test("a response of any other implementation is decoded to the same fields", () => {
  fc.assert(
    fc.property(responses, fc.infiniteStream(fc.nat()), (response, stream) => {
      const draw = (below: number) => stream.next().value! % below;
      const bytes = rearranged(messageType("ProduceResponse"), encodeTheirs("ProduceResponse", responseMessage(response)), draw);
      expect(decodeProduceResponse(plain(bytes))).toEqual(response);
    }),
  );
});

test("damaged messages are decoded to something or refused with INVALID_REQUEST, and never read past their end", () => {
  const some = requests.map((drawn) => encodeTheirs("ProduceRequest", drawn));
  const others = responses.map((response) => lengthChecked(encodeProduceResponse(response)));
  fc.assert(
    fc.property(damaged(fc.oneof(some, others, fc.uint8Array())), (bytes) => {
      for (const decode of [decodeProduceRequest, decodeProduceResponse] as const) {
        try {
          decode(bytes, ids);
        } catch (error) {
          expect(error).toBeInstanceOf(ClusterError);
          expect((error as ClusterError).code).toBe("INVALID_REQUEST");
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

test("every prefix of a request is refused or leaves out whole entries", () => {
  const entries = [1, 2].map((partition) => ({ topicId: new Uint8Array(16).fill(1), partition, batch: new Uint8Array(20).fill(9) }));
  const whole = encodeTheirs("ProduceRequest", { correlation: 5, timeoutMs: 100, entries });
  let refused = 0;
  for (let length = 0; length < whole.length; length += 1) {
    try {
      const decoded = decodeProduceRequest(plain(whole.subarray(0, length)), ids);
      if (decoded.kind !== "request") throw new Error("refused in an answer");
      for (const entry of decoded.request.entries) expect(entry.batch.length).toBe(20);
    } catch (error) {
      expect((error as ClusterError).code).toBe("INVALID_REQUEST");
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(60);
});

const goodEntry = { topicId: new Uint8Array(16).fill(1), partition: 0, batch: Uint8Array.of(1) };

test.for([
  { name: "a topic id of 15 bytes", request: { entries: [{ ...goodEntry, topicId: new Uint8Array(15) }] }, code: "INVALID_REQUEST" },
  { name: "a topic id of 17 bytes", request: { entries: [{ ...goodEntry, topicId: new Uint8Array(17) }] }, code: "INVALID_REQUEST" },
  { name: "no topic id", request: { entries: [{ partition: 1, batch: Uint8Array.of(1) }] }, code: "INVALID_REQUEST" },
  { name: "a partition named twice", request: { entries: [goodEntry, goodEntry] }, code: "INVALID_REQUEST" },
  { name: "acks that do not exist", request: { acks: 3, entries: [goodEntry] }, code: "INVALID_REQUIRED_ACKS" },
  { name: "negative acks", request: { acks: -1, entries: [goodEntry] }, code: "INVALID_REQUIRED_ACKS" },
])("$name is refused with a failure for each entry", ({ request, code }) => {
  const decoded = decodeProduceRequest(encodeTheirs("ProduceRequest", { correlation: 77, ...request }), ids);
  expect(decoded).toMatchObject({ kind: "refused", correlation: 77, entryCount: request.entries.length, failure: { code } });
});

test("a request of 1,000 entries is read, one of 1,001 is no request", () => {
  const entries = (count: number) => Array.from({ length: count }, (_, partition) => ({ ...goodEntry, partition }));
  const full = decodeProduceRequest(encodeTheirs("ProduceRequest", { entries: entries(entriesMax) }), ids);
  expect(full).toMatchObject({ kind: "request", request: { entries: { length: 1_000 } } });
  expect(() => decodeProduceRequest(encodeTheirs("ProduceRequest", { entries: entries(1_001) }), ids)).toThrow(/more than 1000 entries/);
});

test("time-outs are the server's default for 0, and bounded", () => {
  const timeout = (timeoutMs: number) => {
    const decoded = decodeProduceRequest(encodeTheirs("ProduceRequest", { timeoutMs, entries: [goodEntry] }), ids);
    return decoded.kind === "request" ? decoded.request.timeoutMs : undefined;
  };
  expect([timeout(0), timeout(5), timeout(0xffff_ffff)]).toEqual([30_000, 5, 300_000]);
});

test.for([
  { name: "offsets beyond 2^53", field: 3, value: "9007199254740992" },
  { name: "negative offsets", field: 3, value: "-1" },
  { name: "log starts beyond 2^53", field: 5, value: "9223372036854775807" },
])("responses with $name are refused", ({ field, value }) => {
  const name = field === 3 ? "baseOffset" : "logStartOffset";
  const bytes = encodeTheirs("ProduceResponse", { answers: [{ results: [{ [name]: value }] }] });
  expect(() => decodeProduceResponse(bytes)).toThrow(/is not in \[0, 2\^53\)/);
});
