// What a leader promises: commits follow durable ends, waiters are answered in order, and nothing after the epoch has ended.

import { defaults, type Failure, InvariantError, type TopicConfig, toOffset, topicConfigTable } from "@varve/model";
import { Leadership, leastSecuredEnd, Partition, waitingAppendsMax } from "@varve/partition";
import { describe, expect, test } from "vitest";
import { LogInMemory } from "./log-in-memory.ts";

const config: TopicConfig = defaults(topicConfigTable);
const batch = new Uint8Array(100);
const alone = { leaderEpoch: 5, replicas: [1], inSyncReplicas: [1] };

function led(overrides: Partial<TopicConfig> = {}, state = alone) {
  const log = new LogInMemory();
  const advances: number[] = [];
  const leadership: Leadership = new Leadership(log, state, { ...config, ...overrides }, () => advances.push(leadership.highWatermark));
  return { log, leadership, advances };
}

describe("with durability=fsync", () => {
  test("the high watermark follows the durable end, not the log end", () => {
    const { log, leadership } = led();
    leadership.append(batch, 0);
    leadership.append(batch, 0);
    expect(leadership.highWatermark).toBe(0);
    log.syncTo(1);
    expect(leadership.highWatermark).toBe(1);
  });

  test("a write is answered once everything up to it is durable, and writes are answered in order", () => {
    const { log, leadership } = led();
    const answered: number[] = [];
    for (const end of [1, 2, 3]) {
      leadership.append(batch, 0);
      leadership.whenCommitted(toOffset(end), () => answered.push(end));
    }
    // A retry of an older batch waits for the older offset.
    leadership.whenCommitted(toOffset(1), () => answered.push(100));
    log.syncTo(2);
    expect(answered).toEqual([1, 100, 2]);
    log.syncTo(3);
    expect(answered).toEqual([1, 100, 2, 3]);
    expect(leadership.waiting).toBe(0);
  });

  test("what is committed already is answered at once", () => {
    const { log, leadership } = led();
    leadership.append(batch, 0);
    log.syncTo(1);
    let answer: Failure | undefined | "none" = "none";
    leadership.whenCommitted(toOffset(1), (failure) => (answer = failure));
    expect(answer).toBeUndefined();
  });
});

test("with durability=replicated the append of the only replica commits", () => {
  const { leadership, advances } = led({ durability: "replicated" });
  leadership.append(batch, 0);
  expect(leadership.highWatermark).toBe(1);
  expect(advances).toEqual([1]);
});

describe("with fewer replicas in sync than min.insync.replicas", () => {
  const two = { leaderEpoch: 5, replicas: [1, 2], inSyncReplicas: [1] };

  test("the high watermark stands still and writes with acks=all are refused", () => {
    const { log, leadership } = led({ "min.insync.replicas": 2 }, two);
    leadership.append(batch, 0);
    log.syncTo(1);
    expect(leadership.highWatermark).toBe(0);
    expect(leadership.tooFewInSync?.code).toBe("NOT_ENOUGH_REPLICAS");
  });

  test("a partition that has no more replicas than are in sync is not held to more", () => {
    expect(led({ "min.insync.replicas": 2 }).leadership.tooFewInSync).toBeUndefined();
  });

  test("lowering the bound lets the high watermark move", () => {
    const { log, leadership } = led({ "min.insync.replicas": 2 }, two);
    leadership.append(batch, 0);
    log.syncTo(1);
    leadership.configure({ ...config, "min.insync.replicas": 1 });
    expect(leadership.highWatermark).toBe(1);
  });
});

describe("when the leadership ends", () => {
  test("whoever waits learns it, and nothing answers later", () => {
    const { log, leadership } = led();
    const answers: string[] = [];
    leadership.append(batch, 0);
    leadership.whenCommitted(toOffset(1), (failure) => answers.push(failure?.code ?? "committed"));
    leadership.resign({ code: "NOT_LEADER_OR_FOLLOWER", message: "moved" });
    log.syncTo(1);
    expect(answers).toEqual(["NOT_LEADER_OR_FOLLOWER"]);
    expect(leadership.highWatermark).toBe(0);
  });

  test("an append of the old epoch is a fault of the program", () => {
    const { leadership } = led();
    leadership.resign({ code: "NOT_LEADER_OR_FOLLOWER", message: "moved" });
    expect(() => leadership.append(batch, 0)).toThrow(InvariantError);
  });
});

describe("a partition", () => {
  function partition() {
    const log = new LogInMemory();
    return { log, partition: new Partition("orders", log, config) };
  }

  test("refuses requests of another epoch, and says which is in force", () => {
    const { partition: orders } = partition();
    expect(orders.led(undefined)).toMatchObject({ kind: "failed", failure: { code: "NOT_LEADER_OR_FOLLOWER" } });
    orders.lead(alone);
    expect(orders.led(5).kind).toBe("leader");
    expect(orders.led(4)).toMatchObject({ failure: { code: "FENCED_LEADER_EPOCH" } });
    expect(orders.led(6)).toMatchObject({ failure: { code: "UNKNOWN_LEADER_EPOCH" } });
  });

  test("a new epoch ends the one before it", () => {
    const { partition: orders } = partition();
    orders.lead(alone);
    const before = orders.led(5);
    orders.lead({ ...alone, leaderEpoch: 6 });
    expect(orders.led(undefined)).toMatchObject({ leadership: { leaderEpoch: 6 } });
    if (before.kind === "leader") expect(() => before.leadership.append(batch, 0)).toThrow(InvariantError);
  });

  test("appends wait for room in the order in which they came", async () => {
    const { log, partition: orders } = partition();
    const order: string[] = [];
    let relieve = () => {};
    log.full = new Promise((resolve) => (relieve = resolve));
    orders.whenRoom(100, () => order.push("first"));
    orders.whenRoom(100, () => order.push("second"));
    log.full = undefined;
    // There is room now, but the two before it have not had their turn.
    orders.whenRoom(100, () => order.push("third"));
    expect(order).toEqual([]);
    relieve();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    expect(order).toEqual(["first", "second", "third"]);
    orders.whenRoom(100, () => order.push("fourth"));
    expect(order).toEqual(["first", "second", "third", "fourth"]);
  });

  test("an append that is cancelled while it waits is not made", async () => {
    const { log, partition: orders } = partition();
    const order: string[] = [];
    let relieve = () => {};
    log.full = new Promise((resolve) => {
      relieve = resolve;
    });
    const first = orders.whenRoom(100, () => order.push("first"));
    orders.whenRoom(100, () => order.push("second"));
    if (first.kind === "waits") first.cancel();
    log.full = undefined;
    relieve();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    expect(order).toEqual(["second"]);
  });

  test("past the bound of waiting appends further ones are refused", () => {
    const { log, partition: orders } = partition();
    log.full = new Promise(() => {});
    for (let count = 0; count < waitingAppendsMax; count += 1) expect(orders.whenRoom(1, () => {}).kind).toBe("waits");
    expect(orders.whenRoom(1, () => {}).kind).toBe("refused");
  });

  test("closing it tells those who wait for commits and those who wait for records", () => {
    const { partition: orders } = partition();
    orders.lead(alone);
    const heard: string[] = [];
    orders.onChange(() => heard.push("reader"));
    const role = orders.led(5);
    if (role.kind === "leader") role.leadership.whenCommitted(toOffset(1), (failure) => heard.push(failure?.code ?? "committed"));
    orders.close({ code: "UNKNOWN_TOPIC_ID", message: "deleted" });
    expect(heard).toEqual(["UNKNOWN_TOPIC_ID", "reader"]);
    expect(orders.led(undefined)).toMatchObject({ failure: { code: "UNKNOWN_TOPIC_ID" } });
  });
});

test("the least secured end of the set is the high watermark, and an empty set is a fault", () => {
  expect(leastSecuredEnd([toOffset(7), toOffset(3), toOffset(9)])).toBe(3);
  expect(() => leastSecuredEnd([])).toThrow(InvariantError);
});
