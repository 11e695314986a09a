// Shows what is one past the bounds of the SDK: settings, addresses, the producer's buffer, and those who wait for room in it.

import { type Bounds, connect, connectBounds, consumerBounds, producerBounds, type Varve } from "@varve/client";
import { expect, test } from "vitest";
import { onRealServer } from "../compat/real-server.ts";

const withVarve = (play: (varve: Varve, address: string) => Promise<void>) =>
  onRealServer(async ({ address }) => {
    await using varve = await connect(address);
    await varve.admin.createTopic({ name: "orders" });
    await play(varve, address);
  });

const tables: readonly (readonly [string, Readonly<Record<string, Bounds>>])[] = [
  ["connect", connectBounds],
  ["producer", producerBounds],
  ["consumer", consumerBounds],
];

test("a setting below its least value, above its greatest, or no whole number is INVALID_CONFIG, and names its bounds", () =>
  withVarve(async (varve, address) => {
    const open = async (kind: string, settings: Readonly<Record<string, number>>) => {
      if (kind === "producer") await varve.producer(settings).close();
      else if (kind === "consumer") varve.consume("orders", settings).close();
      else await (await connect(address, settings)).close();
    };
    let checked = 0;
    for (const [kind, table] of tables) {
      for (const [name, { min, max }] of Object.entries(table)) {
        for (const value of [min - 1, max + 1, Number.NaN, min + 0.5]) {
          const expected = { code: "INVALID_CONFIG", message: expect.stringContaining(`${name} is ${value}`) };
          await expect(open(kind, { [name]: value }), `${kind} ${name} ${value}`).rejects.toMatchObject(expected);
          checked += 1;
        }
      }
    }
    expect(checked).toBeGreaterThan(70);
    await open("producer", {});
  }));

test("a hundred addresses may be named, one more is INVALID_CONFIG", () =>
  onRealServer(async ({ address }) => {
    const hundred = new Array<string>(100).fill(address);
    await (await connect(hundred)).close();
    await expect(connect([...hundred, address])).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  }));

test("when the buffer is full a post is refused and a send waits; one more than may wait is refused, the others are stored", () =>
  withVarve(async (varve) => {
    await using producer = varve.producer({ bufferBytes: 50_000, batchBytes: 16_384, waitingSendsMax: 2 });
    const record = { value: "x".repeat(4_000), partition: 0 };
    // The look-up of the topic ends first, so that what follows happens in one turn.
    await producer.send("orders", record);
    let posted = 0;
    while (producer.post("orders", record)) posted += 1;
    expect(posted).toBeLessThan(13);
    // The record that fills it may begin a batch more.
    expect(producer.bufferedBytes).toBeLessThanOrEqual(50_000 + 16_384);
    const sends = [1, 2, 3].map(() => producer.send("orders", record));
    const ends = await Promise.allSettled(sends);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(ends[2]).toMatchObject({ reason: { code: "THROTTLING_QUOTA_EXCEEDED" } });
    await producer.flush();
    const [end] = await varve.admin.listOffsets("orders", "latest");
    expect(end!.offset).toBeGreaterThanOrEqual(3 + posted);
  }));

test("a record of one byte more than a batch may hold is MESSAGE_TOO_LARGE, and the next is stored", () =>
  withVarve(async (varve) => {
    await using producer = varve.producer({ batchBytes: 10_000, batchBytesMax: 10_000 });
    let bytes = 10_000;
    for (; ; bytes -= 1) {
      const outcome = await producer.send("orders", { value: "x".repeat(bytes), partition: 0 }).catch((error: unknown) => error);
      if (!(outcome instanceof Error)) break;
      expect(outcome).toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    }
    expect(bytes).toBeGreaterThan(9_900);
  }));

test("a producer writes to 10,000 topics, to one more it refuses, and to those that it knows it goes on", () =>
  onRealServer(async ({ address }) => {
    await using varve = await connect(address, { unknownTopicMs: 0 });
    await varve.admin.createTopic({ name: "orders" });
    await using producer = varve.producer();
    await producer.send("orders", { value: "first" });
    const ends: Promise<unknown>[] = [];
    for (let number = 1; number < 10_000; number += 1) ends.push(producer.send(`missing-${number}`, { value: "x" }));
    ends.push(producer.send("one-more", { value: "x" }));
    const outcomes = await Promise.allSettled(ends);
    const codes = outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason.code : "stored"));
    expect(codes.at(-1)).toBe("POLICY_VIOLATION");
    expect(new Set(codes.slice(0, -1))).toEqual(new Set(["UNKNOWN_TOPIC_OR_PARTITION"]));
    expect(await producer.send("orders", { value: "last" })).toMatchObject({ offset: 1 });
  }));
