// Shows both ends of unary calls against each other: every operation with its values, failures, deadlines, health.

import type { ClusterApi } from "@varve/api";
import { ClusterError, type Offset } from "@varve/model";
import { expect, test } from "vitest";
import type { GrpcCaller } from "../src/index.ts";
import { callerOf } from "./callers.ts";
import { onStage, topicId } from "./rig.ts";

const never = new AbortController().signal;

const id = { topicId, partition: 7 };
const failed = { kind: "failed", failure: { code: "UNKNOWN_TOPIC_OR_PARTITION", message: "no topic x" } } as const;
const offset = (value: number) => value as Offset;

/** Each operation: how it is called, what the api is to be asked, and what both say. */
const operations: readonly { name: keyof ClusterApi; args: readonly unknown[]; result: unknown }[] = [
  {
    name: "describeCluster",
    args: [],
    result: { clusterId: "c-1", controllerId: 2, brokers: [{ id: 2, address: "host:9092", epoch: 8_589_934_592 }] },
  },
  {
    name: "listTopics",
    args: ["orders", 10],
    result: { topics: [{ name: "parts", topicId, partitionCount: 3, replicationFactor: 1 }], more: true },
  },
  { name: "listTopics", args: ["", undefined], result: { topics: [], more: false } },
  {
    name: "describeTopics",
    args: [[{ name: "orders" }, { topicId }, { name: "x" }]],
    result: [
      {
        kind: "ok",
        value: {
          name: "orders",
          topicId,
          partitions: [
            { partition: 0, leader: 0, leaderEpoch: 5, replicas: [0, 1], inSyncReplicas: [1] },
            { partition: 1, leader: undefined, leaderEpoch: 0, replicas: [], inSyncReplicas: [] },
          ],
        },
      },
      { kind: "ok", value: { name: "by id", topicId, partitions: [] } },
      failed,
    ],
  },
  {
    name: "createTopics",
    args: [[{ name: "orders", partitionCount: undefined, replicationFactor: 3, config: new Map([["a", "1"]]) }], true],
    result: [{ kind: "ok", value: { name: "orders", topicId, partitionCount: 1, replicationFactor: 3 } }],
  },
  { name: "deleteTopics", args: [[{ topicId }, { name: "x" }]], result: [{ kind: "ok", value: { name: "orders", topicId } }, failed] },
  { name: "createPartitions", args: ["orders", 12, true], result: undefined },
  {
    name: "describeConfigs",
    args: ["orders"],
    result: [{ key: "retention.ms", value: "5", isSet: true, defaultValue: "604800000", about: "How long." }],
  },
  {
    name: "alterConfigs",
    args: [{ topicName: "orders", set: new Map([["a", ""]]), unset: ["b"], validateOnly: false }],
    result: undefined,
  },
  {
    name: "deleteRecords",
    args: [
      [
        { id, before: undefined },
        { id, before: offset(0) },
        { id, before: offset(2 ** 53 - 1) },
      ],
    ],
    result: [{ kind: "ok", value: offset(0) }, failed, { kind: "ok", value: offset(2 ** 53 - 1) }],
  },
  {
    name: "listOffsets",
    args: [
      [
        { id, position: { kind: "earliest" }, leaderEpoch: undefined },
        { id, position: { kind: "latest" }, leaderEpoch: 0 },
        { id, position: { kind: "timestamp", timestampMs: 1_700_000_000_000 }, leaderEpoch: 3 },
      ],
    ],
    result: [
      { kind: "ok", value: { offset: offset(0), timestampMs: undefined, leaderEpoch: 1 } },
      { kind: "ok", value: { offset: undefined, timestampMs: undefined, leaderEpoch: 0 } },
      { kind: "ok", value: { offset: offset(9), timestampMs: 1_700_000_000_001, leaderEpoch: 2 } },
    ],
  },
  { name: "initProducerId", args: [], result: { producerId: 4_000, producerEpoch: 1 } },
];

test.for(operations)("$name says at the far end what it was asked here, and here what the far end said", ({ name, args, result }) =>
  onStage(async (stage) => {
    let asked: readonly unknown[] = [];
    // The message has names before ids, so that is how the api is asked; the answers come back in the order of the caller.
    const isMixed = name === "describeTopics" || name === "deleteTopics";
    const inMessageOrder = <T>(items: readonly T[]) => {
      const references = args[0] as readonly object[];
      const names = items.filter((_, index) => "name" in references[index]!);
      return [...names, ...items.filter((_, index) => !("name" in references[index]!))];
    };
    const play = async (...given: unknown[]) => {
      asked = given.slice(0, -1);
      return isMixed ? inMessageOrder(result as readonly unknown[]) : result;
    };
    Object.assign(stage.api.admin, { [name]: play });
    const caller = callerOf(stage);
    const call = caller.admin[name as keyof GrpcCaller["admin"]] as (...args: unknown[]) => Promise<unknown>;
    expect(await stage.world.run(call(...args, never))).toEqual(result);
    expect(asked).toEqual(isMixed ? [inMessageOrder(args[0] as readonly unknown[])] : args);
  }),
);

test("a failed call rejects with the server's own code and the server's address", () =>
  onStage(async (stage) => {
    stage.api.admin.describeConfigs = () => Promise.reject(new ClusterError("UNKNOWN_TOPIC_OR_PARTITION", "no topic x"));
    const call = callerOf(stage).admin.describeConfigs("x", never);
    await expect(stage.world.run(call)).rejects.toMatchObject({
      code: "UNKNOWN_TOPIC_OR_PARTITION",
      message: `${stage.listener.address}: no topic x`,
    });
  }));

test("a server that is not there is NETWORK_EXCEPTION, which may be retried, and works once it is there", () =>
  onStage(async (stage) => {
    const { world, server, client } = stage;
    const caller = callerOf(stage);
    stage.api.admin.initProducerId = async () => ({ producerId: 1, producerEpoch: 0 });
    await world.run(caller.admin.initProducerId(never));
    server.kill("process");
    await expect(world.run(caller.admin.initProducerId(never))).rejects.toMatchObject({ code: "NETWORK_EXCEPTION", retriable: true });
    const nobody = callerOf(stage, "client:1");
    await expect(world.run(nobody.admin.initProducerId(never))).rejects.toMatchObject({ code: "NETWORK_EXCEPTION" });
    expect(client.alive).toBe(true);
  }));

test("a call that is not answered in time rejects with REQUEST_TIMED_OUT, one whose signal aborts with its reason", () =>
  onStage(async (stage) => {
    stage.api.admin.initProducerId = () => new Promise(() => {});
    const caller = callerOf(stage);
    const startMs = stage.world.nowMs;
    await expect(stage.world.run(caller.admin.initProducerId(never))).rejects.toMatchObject({ code: "REQUEST_TIMED_OUT" });
    expect(stage.world.nowMs - startMs).toBeGreaterThanOrEqual(30_000);
    const controller = new AbortController();
    const call = caller.admin.initProducerId(controller.signal);
    stage.world.after(100, () => controller.abort(new Error("enough")));
    await expect(stage.world.run(call)).rejects.toThrow("enough");
    await expect(caller.admin.initProducerId(controller.signal)).rejects.toThrow("enough");
  }));

test("health is asked for as any operation", () =>
  onStage(async (stage) => {
    const caller = callerOf(stage);
    expect(await stage.world.run(caller.checkHealth("varve.v1.Data", never))).toBe(true);
    stage.health.set(false);
    expect(await stage.world.run(caller.checkHealth("", never))).toBe(false);
  }));
