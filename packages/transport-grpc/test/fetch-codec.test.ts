// Shows that the hand-written codec of the fetch stream is protobuf: against protobufjs and the real data.proto, both ways, and under damage.

import type { FetchRequest, FetchResult } from "@varve/api";
import { ClusterError, type ErrorCode, errorTable, type Offset } from "@varve/model";
import type { OutgoingMessage } from "@varve/runtime";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeFetchRequest,
  decodeFetchResponse,
  encodeFetchRequest,
  encodeFetchResponse,
  type FetchResponse,
} from "../src/fetch-codec.ts";
import { fetchBytesMax, fetchWaitMsMax } from "../src/limits.ts";
import { TopicIds } from "../src/topic-ids.ts";
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
const marks = offsets as fc.Arbitrary<Offset>;

const requests = fc.record({
  correlation: uint32s,
  maxWaitMs: fc.nat(fetchWaitMsMax),
  minBytes: uint32s,
  maxBytes: fc.nat(fetchBytesMax),
  creditBytes: offsets,
  entries: fc.uniqueArray(
    fc.record({ topicId: topicIds, partition: int32s, fromOffset: offsets, maxBytes: uint32s, leaderEpoch: epochs }),
    {
      minLength: 1,
      maxLength: 4,
      selector: (entry) => `${textOf(entry.topicId)}-${entry.partition}`,
    },
  ),
});
type DrawnRequest = typeof requests extends fc.Arbitrary<infer T> ? T : never;

function toRequest(drawn: DrawnRequest): FetchRequest {
  return {
    maxWaitMs: drawn.maxWaitMs,
    minBytes: drawn.minBytes,
    maxBytes: drawn.maxBytes,
    entries: drawn.entries.map((entry) => ({
      id: { topicId: textOf(entry.topicId), partition: entry.partition },
      from: entry.fromOffset as Offset,
      maxBytes: entry.maxBytes,
      leaderEpoch: entry.leaderEpoch,
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
      const decoded = theirs("FetchRequest", sent(encodeFetchRequest(drawn.correlation, toRequest(drawn), drawn.creditBytes, ids)));
      const entries = decoded.entries as Record<string, unknown>[];
      expect({ ...decoded, entries: entries.map((entry) => ({ ...entry, topicId: plain(entry.topicId) })) }).toEqual({
        ...drawn,
        entries: drawn.entries.map(({ leaderEpoch, ...entry }) => (leaderEpoch === undefined ? entry : { ...entry, leaderEpoch })),
      });
    }),
  );
});

test("a request of any other implementation is decoded to the same fields: any order, unknown fields, repeated singular ones", () => {
  fc.assert(
    fc.property(requests, fc.infiniteStream(fc.nat()), (drawn, stream) => {
      const draw = (below: number) => stream.next().value! % below;
      const bytes = rearranged(messageType("FetchRequest"), encodeTheirs("FetchRequest", drawn), draw);
      const { correlation, creditBytes } = drawn;
      expect(decodeFetchRequest(plain(bytes), ids)).toEqual({ kind: "request", correlation, creditBytes, request: toRequest(drawn) });
    }),
  );
});

const results = fc.oneof(
  fc.tuple(marks, marks, fc.array(batchBytes, { maxLength: 3 })).map(([highWatermark, logStart, parts]) => {
    const chunks = parts.filter((part) => part.length > 0).map(plain);
    return { kind: "batches" as const, highWatermark, logStart, chunks, byteLength: chunks.reduce((sum, chunk) => sum + chunk.length, 0) };
  }),
  fc.record(
    {
      kind: fc.constant("failed" as const),
      failure: fc.record({ code: fc.constantFrom(...(Object.keys(errorTable) as ErrorCode[])), message: fc.string({ unit: "grapheme" }) }),
      highWatermark: marks,
      logStart: marks,
      resumeAt: marks,
    },
    { requiredKeys: ["kind", "failure"] },
  ),
) as fc.Arbitrary<FetchResult>;
const responses: fc.Arbitrary<FetchResponse> = fc.record({ correlation: uint32s, results: fc.array(results, { maxLength: 4 }) });

function responseMessage(response: FetchResponse): object {
  return {
    correlation: response.correlation,
    results: response.results.map((result) =>
      result.kind === "batches"
        ? { highWatermark: result.highWatermark, logStartOffset: result.logStart, batches: Buffer.concat(result.chunks) }
        : {
            errorCode: errorTable[result.failure.code].code,
            errorMessage: result.failure.message,
            highWatermark: result.highWatermark,
            logStartOffset: result.logStart,
            resumeAtOffset: result.resumeAt,
          },
    ),
  };
}

/** What a response looks like once it has been on the wire: its batches in one piece. */
function received(response: FetchResponse): FetchResponse {
  return {
    ...response,
    results: response.results.map((result) =>
      result.kind === "batches" ? { ...result, chunks: result.byteLength === 0 ? [] : [plain(Buffer.concat(result.chunks))] } : result,
    ),
  };
}

test("a response that we encode is decoded by protobufjs to the same fields", () => {
  fc.assert(
    fc.property(responses, (response) => {
      const expected = theirs("FetchResponse", encodeTheirs("FetchResponse", responseMessage(response)));
      const decoded = theirs("FetchResponse", lengthChecked(encodeFetchResponse(response)));
      const comparable = (message: Record<string, unknown>) =>
        (message.results as Record<string, unknown>[]).map((result) => ({ ...result, batches: plain(result.batches) }));
      expect(decoded.correlation).toBe(expected.correlation);
      expect(comparable(decoded)).toEqual(comparable(expected));
    }),
  );
});

test("a response of any other implementation is decoded to the same fields", () => {
  fc.assert(
    fc.property(responses, fc.infiniteStream(fc.nat()), (response, stream) => {
      const draw = (below: number) => stream.next().value! % below;
      const bytes = rearranged(messageType("FetchResponse"), encodeTheirs("FetchResponse", responseMessage(response)), draw);
      expect(decodeFetchResponse(plain(bytes))).toEqual(received(response));
    }),
  );
});

test("damaged messages are decoded to something or refused with INVALID_REQUEST, and never read past their end", () => {
  const some = requests.map((drawn) => encodeTheirs("FetchRequest", drawn));
  const others = responses.map((response) => lengthChecked(encodeFetchResponse(response)));
  fc.assert(
    fc.property(damaged(fc.oneof(some, others, fc.uint8Array())), (bytes) => {
      for (const decode of [decodeFetchRequest, decodeFetchResponse] as const) {
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

const goodEntry = { topicId: new Uint8Array(16).fill(1), partition: 0, fromOffset: 5, maxBytes: 100 };

test.for([
  { name: "a topic id of 15 bytes", entries: [{ ...goodEntry, topicId: new Uint8Array(15) }] },
  { name: "an offset of -1", entries: [{ ...goodEntry, fromOffset: -1 }] },
  { name: "an offset of 2^53", entries: [{ ...goodEntry, fromOffset: "9007199254740992" }] },
  { name: "an offset of -2^63", entries: [{ ...goodEntry, fromOffset: "-9223372036854775808" }] },
  { name: "a partition named twice", entries: [goodEntry, goodEntry] },
])("$name is refused with a failure for each entry", ({ entries }) => {
  const decoded = decodeFetchRequest(encodeTheirs("FetchRequest", { correlation: 77, creditBytes: 9, entries }), ids);
  const code = "INVALID_REQUEST";
  expect(decoded).toMatchObject({ kind: "refused", correlation: 77, creditBytes: 9, entryCount: entries.length, failure: { code } });
});

test("a request without entries is a grant of credit, however large", () => {
  expect(decodeFetchRequest(encodeTheirs("FetchRequest", { creditBytes: 70_000 }), ids)).toEqual({ kind: "credit", creditBytes: 70_000 });
  const huge = encodeTheirs("FetchRequest", { creditBytes: "18446744073709551615" });
  expect(decodeFetchRequest(huge, ids)).toEqual({ kind: "credit", creditBytes: Number.MAX_SAFE_INTEGER });
});

test("waits and sizes are bounded", () => {
  const decoded = decodeFetchRequest(encodeTheirs("FetchRequest", { maxWaitMs: -1, maxBytes: -1, entries: [goodEntry] }), ids);
  expect(decoded).toMatchObject({ request: { maxWaitMs: 60_000, maxBytes: 6_291_456 } });
});

test("a request of 1,001 entries is no request", () => {
  const entries = Array.from({ length: 1_001 }, (_, partition) => ({ ...goodEntry, partition }));
  expect(decodeFetchRequest(encodeTheirs("FetchRequest", { entries: entries.slice(1) }), ids).kind).toBe("request");
  expect(() => decodeFetchRequest(encodeTheirs("FetchRequest", { entries }), ids)).toThrow(/more than 1000 entries/);
});

test("groups of unknown fields are stepped over to a depth of 32", () => {
  const nested = (depth: number) => Uint8Array.from([...Array<number>(depth).fill(123), ...Array<number>(depth).fill(124)]);
  expect(decodeFetchResponse(nested(32))).toEqual({ correlation: 0, results: [] });
  expect(() => decodeFetchResponse(nested(33))).toThrow(/more than 32 deep/);
});
