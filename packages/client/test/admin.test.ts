// Shows administration: topics, configuration, offsets and records, one by one and several at a time.

import { expect, test } from "vitest";
import { rejection, texts, write } from "./driving.ts";
import { onStage } from "./stage.ts";

test("topics are created, described, listed and deleted", () =>
  onStage(async ({ run, varve: { admin } }) => {
    const made = await run(admin.createTopic({ name: "orders", partitions: 3, config: { "retention.ms": 1_000, durability: "fsync" } }));
    expect(made).toMatchObject({ name: "orders", partitionCount: 3 });
    expect((await run(admin.describeTopic("orders"))).partitions.length).toBe(3);
    for (const name of ["a", "b", "c", "d"]) await run(admin.createTopic({ name }));
    expect((await run(admin.listTopics())).map(({ name }) => name)).toEqual(["a", "b", "c", "d", "orders"]);
    expect(await run(admin.deleteTopic("orders"))).toMatchObject({ name: "orders", topicId: made.topicId });
    expect(await run(rejection(admin.describeTopic("orders")))).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION" });
  }));

test("of several topics each has an outcome of its own", () =>
  onStage(async ({ cluster, run, varve: { admin } }) => {
    cluster.create("a");
    const created = await run(admin.createTopics([{ name: "a" }, { name: "b" }]));
    expect(created.map(({ kind }) => kind)).toEqual(["failed", "ok"]);
    expect(created[0]).toMatchObject({ failure: { code: "TOPIC_ALREADY_EXISTS" } });
    expect((await run(admin.describeTopics(["a", "nowhere"]))).map(({ kind }) => kind)).toEqual(["ok", "failed"]);
    expect((await run(admin.deleteTopics(["nowhere", "a"]))).map(({ kind }) => kind)).toEqual(["failed", "ok"]);
    expect(await run(rejection(admin.createTopic({ name: "b" })))).toMatchObject({ code: "TOPIC_ALREADY_EXISTS", retriable: false });
  }));

test("a change that is only checked changes nothing", () =>
  onStage(async ({ cluster, run, varve: { admin } }) => {
    await run(admin.createTopic({ name: "orders" }, { validateOnly: true }));
    expect(cluster.topics.size).toBe(0);
  }));

test("configuration is read and changed; a refusal says why and what to do", () =>
  onStage(async ({ cluster, run, varve: { admin } }) => {
    cluster.create("orders");
    expect(await run(admin.describeConfigs("orders"))).toMatchObject([{ key: "retention.ms", value: "orders" }]);
    await run(admin.alterConfigs("orders", { set: { "retention.ms": 5 }, unset: ["segment.bytes"] }));
    const error = await run(rejection(admin.alterConfigs("orders", { set: { nonsense: true } })));
    expect(error).toMatchObject({ code: "INVALID_CONFIG", message: expect.stringContaining("nonsense is no key") });
    expect(error).toMatchObject({ help: expect.stringContaining("configuration key") });
  }));

test("offsets are listed by word and by time, of all partitions or some", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders", 2);
    await write(made, 6, 3);
    const { admin } = varve;
    const offsets = async (...args: Parameters<typeof admin.listOffsets>) =>
      (await run(admin.listOffsets(...args))).map(({ offset }) => offset);
    expect(await offsets("orders", "earliest")).toEqual([0, 0]);
    expect(await offsets("orders", "latest")).toEqual([6, 0]);
    expect(await offsets("orders", { timestamp: 35 }, { partitions: [0] })).toEqual([4]);
    expect(await offsets("orders", { timestamp: 1_000 })).toEqual([undefined, undefined]);
    expect(await run(rejection(admin.listOffsets("orders", "latest", { partitions: [9] })))).toMatchObject({
      code: "UNKNOWN_TOPIC_OR_PARTITION",
    });
    expect(await run(rejection(admin.listOffsets("nowhere", "latest")))).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION" });
  }));

test("records are deleted up to an offset, or all that is committed", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 6, 3);
    expect(await run(varve.admin.deleteRecords("orders", [{ partition: 0, before: 4 as never }]))).toEqual([4]);
    expect(await run(texts(varve.consume("orders", { from: "earliest", until: "end" })))).toEqual(["v4", "v5"]);
    expect(await run(varve.admin.deleteRecords("orders", [{ partition: 0 }]))).toEqual([6]);
  }));

test("a look-up goes on when the broker dies and comes back; a change is not made twice unasked", () =>
  onStage(async ({ broker, cluster, run, serveAgain, varve: { admin }, world }) => {
    cluster.create("orders");
    broker.kill("process");
    const looking = admin.describeTopic("orders");
    const changing = rejection(admin.createTopic({ name: "other" }));
    expect(await run(changing)).toMatchObject({ code: "NETWORK_EXCEPTION" });
    await world.runFor(1_000);
    broker.boot();
    await serveAgain();
    expect(await run(looking)).toMatchObject({ name: "orders" });
  }));

test("the cluster is described", () =>
  onStage(async ({ run, varve: { admin } }) => {
    expect(await run(admin.describeCluster())).toMatchObject({ clusterId: "test", brokers: [{ id: 1, address: "broker:7070" }] });
  }));

test("an aborted call rejects at once with the signal's reason", () =>
  onStage(async ({ cluster, run, varve: { admin }, world }) => {
    cluster.create("orders");
    const controller = new AbortController();
    cluster.api.describeTopics = () => new Promise(() => {});
    const { signal } = controller;
    const pending = [admin.describeTopics(["orders"], { signal }), admin.listOffsets("orders", "latest", { signal })].map(rejection);
    await world.runFor(500);
    const before = world.nowMs;
    controller.abort(new Error("enough"));
    for (const one of pending) expect(await run(one)).toMatchObject({ message: "enough" });
    expect(world.nowMs - before).toBeLessThan(1);
  }));
