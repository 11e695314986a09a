// Shows what a whole server says to writes that are wrong: to each its own code, nothing of them in the log, and the next good write on the
// same stream is stored where it should be.

import { errorName } from "@varve/model";
import { expect, test } from "vitest";
import {
  callNaively,
  type NaiveClients,
  type NaiveMessage,
  type NaiveRecording,
  type NaiveStream,
  onNaiveClients,
  recordNaively,
} from "../compat/naive-client.ts";
import { eventually, onRealServer, type RealServer } from "../compat/real-server.ts";
import { badBatches, batchOf } from "./batches.ts";

/** A produce stream of a stranger: one request at a time. */
class Writer {
  readonly #stream: NaiveStream;
  readonly #recording: NaiveRecording;
  #correlation = 0;

  constructor({ data }: NaiveClients) {
    this.#stream = data.Produce!();
    this.#recording = recordNaively(this.#stream);
  }

  /** @returns the code of each entry, or its base offset where it was stored. */
  async write(entries: readonly NaiveMessage[], rest: NaiveMessage = {}): Promise<readonly (string | number)[]> {
    this.#correlation += 1;
    const correlation = this.#correlation;
    this.#stream.write({ correlation, ...rest, entries });
    const answers = () => this.#recording.messages.flatMap((message) => message.answers as NaiveMessage[]);
    await eventually(() => answers().length === correlation || this.#recording.status !== undefined, "the answer");
    const answer = answers().find((one) => one.correlation === correlation);
    if (answer === undefined) throw new Error(`the stream ended: ${this.#recording.status?.details}`);
    return answer.results.map(({ errorCode, baseOffset }: NaiveMessage) => (errorCode === 0 ? baseOffset : errorName(errorCode)));
  }

  end(): void {
    this.#stream.end();
  }
}

interface Scene {
  readonly server: RealServer;
  readonly clients: NaiveClients;
  readonly topicId: Buffer;
  readonly writer: Writer;
}

/** With the topic `orders` of two partitions. */
function withWriter(play: (scene: Scene) => Promise<void>, config: Readonly<Record<string, string>> = {}): Promise<void> {
  return onRealServer((server) =>
    onNaiveClients(server.address, async (clients) => {
      const created = await callNaively(clients.admin, "CreateTopics", { topics: [{ name: "orders", partitionCount: 2, config }] });
      const writer = new Writer(clients);
      await play({ server, clients, topicId: created.topics[0].topicId, writer });
      writer.end();
      await eventually(() => server.gauge("varve_grpc_streams") === 0, "the end of all streams");
      expect(server.gauge("varve_grpc_produce_held_bytes")).toBe(0);
    }),
  );
}

test("every bad batch of the table has its code and leaves no trace, and the good write behind each is stored", () =>
  withWriter(async ({ topicId, writer }) => {
    const answers: Record<string, unknown> = {};
    let stored = 0;
    for (const { what, batch } of badBatches) {
      const [code] = await writer.write([{ topicId, partition: 0, batch }]);
      answers[what] = code;
      expect(await writer.write([{ topicId, partition: 0, batch: batchOf(["good"]) }]), `after ${what}`).toEqual([stored]);
      stored += 1;
    }
    expect(answers).toEqual(Object.fromEntries(badBatches.map(({ what, code }) => [what, code])));
    expect(badBatches.length).toBeGreaterThan(45);
  }));

test("a batch of one byte over max.message.bytes is MESSAGE_TOO_LARGE, one of exactly that size is stored", () =>
  withWriter(
    async ({ topicId, writer }) => {
      const spare = 100_000 - batchOf(["x".repeat(99_000)]).length;
      const exact = batchOf(["x".repeat(99_000 + spare)]);
      expect(exact.length).toBe(100_000);
      const over = batchOf(["x".repeat(99_001 + spare)]);
      expect(await writer.write([{ topicId, partition: 0, batch: over }])).toEqual(["MESSAGE_TOO_LARGE"]);
      expect(await writer.write([{ topicId, partition: 0, batch: exact }])).toEqual([0]);
    },
    { "max.message.bytes": "100000" },
  ));

test("a batch that is larger than a whole segment is RECORD_LIST_TOO_LARGE", () =>
  withWriter(
    async ({ topicId, writer }) => {
      expect(await writer.write([{ topicId, partition: 0, batch: batchOf(["x".repeat(4_096)]) }])).toEqual(["RECORD_LIST_TOO_LARGE"]);
      expect(await writer.write([{ topicId, partition: 0, batch: batchOf(["x".repeat(3_000)]) }])).toEqual([0]);
    },
    { "segment.bytes": "4096" },
  ));

test("a sequence that leaves a gap, goes back or comes from an older epoch has its code; a repeated batch is stored once", () =>
  withWriter(async ({ clients, topicId, writer }) => {
    const { producerId: id } = await callNaively(clients.admin, "InitProducerId", {});
    const write = (epoch: number, baseSequence: number) =>
      writer.write([{ topicId, partition: 0, batch: batchOf(["a", "b"], { producer: { id, epoch, baseSequence } }) }]);
    expect(await write(1, 0)).toEqual([0]);
    expect(await write(1, 4)).toEqual(["OUT_OF_ORDER_SEQUENCE_NUMBER"]);
    expect(await write(1, 1)).toEqual(["OUT_OF_ORDER_SEQUENCE_NUMBER"]);
    expect(await write(1, 2_147_483_647)).toEqual(["OUT_OF_ORDER_SEQUENCE_NUMBER"]);
    expect(await write(0, 2)).toEqual(["INVALID_PRODUCER_EPOCH"]);
    expect(await write(2, 2)).toEqual(["OUT_OF_ORDER_SEQUENCE_NUMBER"]);
    expect(await write(1, 2)).toEqual([2]);
    expect(await write(1, 2)).toEqual([2]);
    expect(await write(1, 4)).toEqual([4]);
  }));

test("topics, partitions and epochs that are not there have their codes, beside a good entry that is stored", () =>
  withWriter(async ({ topicId, writer }) => {
    const batch = () => batchOf(["x"]);
    const entries = [
      { topicId, partition: 0, batch: batch() },
      { topicId: Buffer.alloc(16, 9), partition: 0, batch: batch() },
      { topicId: Buffer.alloc(16), partition: 0, batch: batch() },
      { topicId, partition: 2, batch: batch() },
      { topicId, partition: -1, batch: batch() },
      { topicId, partition: 2_147_483_647, batch: batch() },
      { topicId, partition: -2_147_483_648, batch: batch() },
      { topicId, partition: 1, leaderEpoch: 2_147_483_647, batch: batch() },
    ];
    expect(await writer.write(entries)).toEqual([
      0,
      "UNKNOWN_TOPIC_ID",
      "UNKNOWN_TOPIC_ID",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "UNKNOWN_LEADER_EPOCH",
    ]);
    expect(await writer.write([{ topicId, partition: 1, leaderEpoch: -1, batch: batch() }])).toEqual(["FENCED_LEADER_EPOCH"]);
    expect(await writer.write([{ topicId, partition: 1, leaderEpoch: 0, batch: batch() }])).toEqual([0]);
  }));

test("ids of a wrong length, a partition named twice and acks that nobody knows are INVALID_REQUEST, and nothing is stored", () =>
  withWriter(async ({ topicId, writer }) => {
    const good = { topicId, partition: 0, batch: batchOf(["x"]) };
    for (const length of [0, 15, 17, 300]) {
      expect(await writer.write([good, { ...good, topicId: Buffer.alloc(length, 1) }])).toEqual(["INVALID_REQUEST", "INVALID_REQUEST"]);
    }
    expect(await writer.write([good, good])).toEqual(["INVALID_REQUEST", "INVALID_REQUEST"]);
    expect(await writer.write([good], { acks: 7 })).toEqual(["INVALID_REQUIRED_ACKS"]);
    expect(await writer.write([good])).toEqual([0]);
  }));

test("the same correlation twice ends the stream; what was taken before it is stored, and another stream works", () =>
  withWriter(async ({ clients, topicId, writer }) => {
    const stream = clients.data.Produce!();
    const recording = recordNaively(stream);
    const entry = () => ({ topicId, partition: 0, batch: batchOf(["x"]) });
    // In one turn, so that some of them come while the one before is still unanswered.
    for (let repeat = 0; repeat < 20; repeat += 1) stream.write({ correlation: 1, entries: [entry()] });
    await eventually(() => recording.status !== undefined, "the end of the stream");
    expect(recording.status!.metadata.get("varve-error")).toEqual(["INVALID_REQUEST"]);
    const [offset] = await writer.write([entry()]);
    expect(offset).toBeGreaterThanOrEqual(1);
    expect(offset).toBeLessThan(20);
  }));

test("a topic that is deleted while it is written to answers UNKNOWN_TOPIC_ID, also after another took its name", () =>
  withWriter(async ({ clients, topicId, writer }) => {
    const entry = (id: Buffer) => ({ topicId: id, partition: 0, batch: batchOf(["x"]) });
    expect(await writer.write([entry(topicId)])).toEqual([0]);
    await callNaively(clients.admin, "DeleteTopics", { names: ["orders"] });
    expect(await writer.write([entry(topicId)])).toEqual(["UNKNOWN_TOPIC_ID"]);
    const again = await callNaively(clients.admin, "CreateTopics", { topics: [{ name: "orders" }] });
    expect(await writer.write([entry(topicId)])).toEqual(["UNKNOWN_TOPIC_ID"]);
    expect(await writer.write([entry(again.topics[0].topicId)])).toEqual([0]);
  }));
