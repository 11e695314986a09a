// Shows what a whole server says to reads, look-ups and deletions that are wrong: to each its own code, and the next good one is answered.

import { errorName } from "@varve/model";
import { expect, test } from "vitest";
import { callNaively, failureOf, type NaiveClients, type NaiveMessage, onNaiveClients, recordNaively } from "../compat/naive-client.ts";
import { eventually, onRealServer, type RealServer } from "../compat/real-server.ts";
import { batchOf } from "./batches.ts";

interface Scene {
  readonly server: RealServer;
  readonly clients: NaiveClients;
  readonly topicId: Buffer;
  /** One request on a stream of its own. @returns the results, or the code that ended the stream. */
  fetch(entries: readonly NaiveMessage[], rest?: NaiveMessage): Promise<readonly NaiveMessage[] | string>;
}

const wireMax = "9223372036854775807";
const wireMin = "-9223372036854775808";

/** With the topic `orders` of one partition that holds the offsets 0 to 2. */
function withRecords(play: (scene: Scene) => Promise<void>): Promise<void> {
  return onRealServer((server) =>
    onNaiveClients(server.address, async (clients) => {
      const created = await callNaively(clients.admin, "CreateTopics", { topics: [{ name: "orders" }] });
      const topicId: Buffer = created.topics[0].topicId;
      const writing = clients.data.Produce!();
      const written = recordNaively(writing);
      writing.write({ correlation: 1, entries: [{ topicId, partition: 0, batch: batchOf(["a", "b", "c"]) }] });
      await eventually(() => written.messages.length === 1, "the records");
      writing.end();
      await eventually(() => server.gauge("varve_grpc_streams") === 0, "the end of the writing stream");
      await play({
        server,
        clients,
        topicId,
        async fetch(entries, rest = {}) {
          const stream = clients.data.Fetch!();
          const recording = recordNaively(stream);
          stream.write({ correlation: 1, maxBytes: 1_000_000, ...rest, entries });
          await eventually(() => recording.messages.length === 1 || recording.status !== undefined, "the answer");
          stream.end();
          return recording.messages[0]?.results ?? String(recording.status!.metadata.get("varve-error")[0]);
        },
      });
      await eventually(() => server.gauge("varve_grpc_streams") === 0, "the end of all streams");
    }),
  );
}

function codesOf(results: readonly NaiveMessage[] | string): unknown {
  if (typeof results === "string") return results;
  return results.map(({ errorCode, batches }) => (errorCode === 0 ? batches.length : errorName(errorCode)));
}

test("topics, partitions, epochs and offsets that are not there have their codes, beside a good entry that is read", () =>
  withRecords(async ({ topicId, fetch }) => {
    const entry = { topicId, partition: 0, fromOffset: 0, maxBytes: 1_000_000 };
    const bytes = batchOf(["a", "b", "c"]).length;
    const wrong: readonly (readonly [NaiveMessage, string])[] = [
      [{ topicId: Buffer.alloc(16, 9) }, "UNKNOWN_TOPIC_ID"],
      [{ partition: 1 }, "UNKNOWN_TOPIC_OR_PARTITION"],
      [{ partition: -1 }, "UNKNOWN_TOPIC_OR_PARTITION"],
      [{ partition: 2_147_483_647 }, "UNKNOWN_TOPIC_OR_PARTITION"],
      [{ fromOffset: 4 }, "OFFSET_OUT_OF_RANGE"],
      [{ fromOffset: Number.MAX_SAFE_INTEGER }, "OFFSET_OUT_OF_RANGE"],
      [{ leaderEpoch: 2_147_483_647 }, "UNKNOWN_LEADER_EPOCH"],
      [{ leaderEpoch: -1 }, "FENCED_LEADER_EPOCH"],
    ];
    for (const [change, code] of wrong) expect(codesOf(await fetch([{ ...entry, ...change }])), JSON.stringify(change)).toEqual([code]);
    const other = { ...entry, topicId: Buffer.alloc(16, 9) };
    expect(codesOf(await fetch([other, entry]))).toEqual(["UNKNOWN_TOPIC_ID", bytes]);
    expect(codesOf(await fetch([{ ...entry, fromOffset: 3 }]))).toEqual([0]);
  }));

test("offsets below 0 and beyond 2^53, ids of a wrong length and partitions named twice are INVALID_REQUEST", () =>
  withRecords(async ({ topicId, fetch }) => {
    const entry = { topicId, partition: 0, fromOffset: 0, maxBytes: 1_000_000 };
    const wrong = [-1, wireMin, wireMax, "9007199254740992"].map((fromOffset) => ({ fromOffset }));
    for (const change of [...wrong, { topicId: Buffer.alloc(15) }, { topicId: Buffer.alloc(0) }]) {
      expect(codesOf(await fetch([{ ...entry, ...change }])), JSON.stringify(change)).toEqual(["INVALID_REQUEST"]);
    }
    expect(codesOf(await fetch([entry, entry]))).toEqual(["INVALID_REQUEST", "INVALID_REQUEST"]);
    expect(codesOf(await fetch([entry]))).toEqual([batchOf(["a", "b", "c"]).length]);
  }));

test("waits, sizes and credit beyond any bound are cut to the server's own, and 0 is 0", () =>
  withRecords(async ({ topicId, fetch }) => {
    const entry = { topicId, partition: 0, fromOffset: 0 };
    const bytes = batchOf(["a", "b", "c"]).length;
    const most = { maxWaitMs: 4_294_967_295, minBytes: 1, maxBytes: 4_294_967_295, creditBytes: "18446744073709551615" };
    expect(codesOf(await fetch([{ ...entry, maxBytes: 4_294_967_295 }], most))).toEqual([bytes]);
    // A first batch comes whole, however little is asked for.
    expect(codesOf(await fetch([{ ...entry, maxBytes: 0 }], { maxBytes: 0, maxWaitMs: 0 }))).toEqual([bytes]);
    expect(codesOf(await fetch([{ ...entry, maxBytes: 1 }], { minBytes: 4_294_967_295, maxWaitMs: 10, maxBytes: 1 }))).toEqual([bytes]);
  }));

test("a wait that nobody waits for any more ends with its stream, whether it is cancelled or its topic goes", () =>
  withRecords(async ({ server, clients, topicId }) => {
    const entries = [{ topicId, partition: 0, fromOffset: 3, maxBytes: 1_000_000 }];
    const waiting = Array.from({ length: 20 }, () => {
      const stream = clients.data.Fetch!();
      const recording = recordNaively(stream);
      stream.write({ correlation: 1, maxWaitMs: 60_000, minBytes: 1, maxBytes: 1_000_000, entries });
      return { stream, recording };
    });
    // A connection has 16 such streams at once; the others are refused with an error that says so.
    await eventually(() => waiting.filter(({ recording }) => recording.status !== undefined).length === 4, "four refusals");
    await eventually(() => server.gauge("varve_grpc_streams") === 16, "sixteen waits");
    for (const { stream } of waiting.slice(0, 8)) stream.cancel();
    await eventually(() => server.gauge("varve_grpc_streams") === 8, "eight waits");
    await callNaively(clients.admin, "DeleteTopics", { names: ["orders"] });
    const answered = () => waiting.flatMap(({ recording }) => recording.messages);
    await eventually(() => answered().length === 8, "eight answers");
    for (const { results } of answered()) expect(codesOf(results)).toEqual(["UNKNOWN_TOPIC_ID"]);
    for (const { stream } of waiting) stream.end();
  }));

test("look-ups of offsets: what is not there has its code, what is no position or no time is INVALID_REQUEST", () =>
  withRecords(async ({ clients: { admin }, topicId }) => {
    const list = async (entry: NaiveMessage) => {
      const { results } = await callNaively(admin, "ListOffsets", { entries: [{ topicId, partition: 0, ...entry }] });
      return results[0].error === null ? results[0].offset : errorName(results[0].error.code);
    };
    expect(await list({ earliest: {}, partition: -1 })).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(await list({ latest: {}, topicId: Buffer.alloc(16, 9) })).toBe("UNKNOWN_TOPIC_ID");
    expect(await list({ latest: {}, leaderEpoch: 5 })).toBe("UNKNOWN_LEADER_EPOCH");
    expect(await list({ timestampMs: 0 })).toBe(0);
    expect(await list({ timestampMs: -1 })).toBe(0);
    expect(await list({ timestampMs: Number.MAX_SAFE_INTEGER })).toBeUndefined();
    for (const wrong of [{}, { timestampMs: wireMax }, { timestampMs: wireMin }, { earliest: {}, topicId: Buffer.alloc(3) }]) {
      expect(await failureOf(list(wrong)), JSON.stringify(wrong)).toBe("INVALID_REQUEST");
    }
    expect(await list({ latest: {} })).toBe(3);
  }));

test("records are deleted up to the high watermark: beyond it OFFSET_OUT_OF_RANGE, below 0 and beyond 2^53 INVALID_REQUEST", () =>
  withRecords(async ({ clients: { admin }, topicId, fetch }) => {
    const remove = async (entry: NaiveMessage) => {
      const { results } = await callNaively(admin, "DeleteRecords", { entries: [{ topicId, partition: 0, ...entry }] });
      return results[0].error === null ? results[0].logStartOffset : errorName(results[0].error.code);
    };
    expect(await remove({ beforeOffset: 4 })).toBe("OFFSET_OUT_OF_RANGE");
    expect(await remove({ beforeOffset: Number.MAX_SAFE_INTEGER })).toBe("OFFSET_OUT_OF_RANGE");
    expect(await remove({ beforeOffset: 1, partition: 9 })).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    for (const beforeOffset of [-1, wireMin, wireMax]) expect(await failureOf(remove({ beforeOffset }))).toBe("INVALID_REQUEST");
    expect(await remove({ beforeOffset: 0 })).toBe(0);
    expect(await remove({ beforeOffset: 3 })).toBe(3);
    expect(await remove({ beforeOffset: 2 })).toBe(3);
    expect(codesOf(await fetch([{ topicId, partition: 0, fromOffset: 0, maxBytes: 10 }]))).toEqual(["OFFSET_OUT_OF_RANGE"]);
    expect(codesOf(await fetch([{ topicId, partition: 0, fromOffset: 3, maxBytes: 10 }]))).toEqual([0]);
  }));
