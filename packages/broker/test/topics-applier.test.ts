// A broker becomes what the metadata says: logs are made, leaderships rise, removed topics go, also those of a life before.

import { expect, test } from "vitest";
import { batchOf, FakeController, machine, orders, ordersPartition, signal, topicId, topicRecords, withBroker } from "./broker-rig.ts";

const written = (epoch: number | undefined) => ({
  acks: "all" as const,
  timeoutMs: 1_000,
  entries: [{ id: ordersPartition, leaderEpoch: epoch, batch: batchOf(["a"]) }],
});

test("partitions that a topic is given later are led as well", () =>
  withBroker(machine(), new FakeController(topicRecords()), async ({ broker, controller }) => {
    const [, , second] = topicRecords(orders, "orders", 2);
    await controller.commit(second!);
    expect(broker.partitionCount).toBe(2);
  }));

test("a new leader epoch ends the one before it", () =>
  withBroker(machine(), new FakeController(topicRecords()), async ({ broker, controller }) => {
    const change = {
      kind: "partition-change",
      topicId: orders,
      partition: 0,
      inSyncReplicas: [1],
      leader: 1,
      leaderEpoch: 4,
      partitionEpoch: 1,
    } as const;
    await controller.commit(change);
    expect(await broker.api.produce(written(0), signal)).toMatchObject([{ failure: { code: "FENCED_LEADER_EPOCH" } }]);
    expect(await broker.api.produce(written(4), signal)).toMatchObject([{ kind: "stored" }]);
  }));

test("the logs of a removed topic are deleted, and the controller is told", () =>
  withBroker(machine(), new FakeController(topicRecords()), async ({ broker, controller, logs }) => {
    await controller.commit({ kind: "remove-topic", topicId: orders });
    expect([...logs.logs()]).toEqual([]);
    expect(controller.confirmed).toEqual([orders]);
    expect(await broker.api.produce(written(undefined), signal)).toMatchObject([{ failure: { code: "UNKNOWN_TOPIC_ID" } }]);
  }));

test("what a broker that was down missed to delete goes at its next start, and nothing else does", async () => {
  const host = machine();
  const other = topicId(8);
  const both = [...topicRecords(), ...topicRecords(other, "payments")];
  await withBroker(host, new FakeController(both), async () => {});
  const removed = new FakeController([...both, { kind: "remove-topic", topicId: orders }]);
  await withBroker(host, removed, async ({ logs }) => {
    expect([...logs.logs()].map(({ id }) => id.topicId)).toEqual([other]);
    expect(removed.confirmed).toEqual([orders]);
  });
});

test("a log that the metadata does not mention is left alone", async () => {
  const host = machine();
  await withBroker(host, new FakeController(topicRecords()), async () => {});
  await withBroker(host, new FakeController(), async ({ logs, broker }) => {
    expect([...logs.logs()].map(({ id }) => id.topicId)).toEqual([orders]);
    expect(broker.partitionCount).toBe(0);
  });
});

test("a partition that the disk has no room for says so, and is there once there is room", async () => {
  const host = machine();
  await withBroker(host, new FakeController(), async ({ broker, controller, sleep }) => {
    host.disk.capacityBytes = host.disk.usedBytes;
    await controller.commit(...topicRecords());
    expect(await broker.api.produce(written(undefined), signal)).toMatchObject([{ failure: { code: "KAFKA_STORAGE_ERROR" } }]);
    host.disk.capacityBytes = 1_000_000_000;
    await sleep(30_000);
    expect(await broker.api.produce(written(undefined), signal)).toMatchObject([{ kind: "stored", baseOffset: 0 }]);
  });
});
