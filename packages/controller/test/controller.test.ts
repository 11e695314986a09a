// The controller over a log whose quorum is the test: batching, when answers leave, what a lost lead costs, and what appliers see.

import { encodeRecords, type MetadataDelta, snapshotRecords } from "@varve/metadata";
import { expect, test } from "vitest";
import { batchRecordsMax, type Controller, type ControllerOptions, startController, waitingRequestsMax } from "../src/index.ts";
import { clusterOf, newTopic, onePartition, topicIdOf, uuidOf, withTopics } from "./images.ts";
import { inProcess, patient, type TestPorts } from "./platform.ts";
import { ScriptedLog } from "./scripted-log.ts";

const failed: Error[] = [];
const options: ControllerOptions = {
  defaults: onePartition,
  snapshotRecordsMin: 1000,
  onStorageFailure: (error) => failed.push(error),
};

interface Stage {
  readonly log: ScriptedLog;
  readonly controller: Controller;
  readonly ports: TestPorts;
  /** Lets everything that can go on go on. */
  readonly rest: () => Promise<void>;
}

/** A started cluster with one broker; from then on the test commits. */
function onStage(script: (stage: Stage) => Promise<void>, changed: Partial<ControllerOptions> = {}): Promise<void> {
  return inProcess(async (ports) => {
    const log = new ScriptedLog();
    const controller = await startController(log, ports, { ...options, ...changed }, patient);
    await controller.registerBroker({ brokerId: 0, incarnation: uuidOf(7), address: "127.0.0.1:9092" }, patient);
    log.isPrompt = false;
    const rest = () => new Promise<void>((resolve) => ports.clock.setTimer(50, resolve));
    await script({ log, controller, ports, rest });
  });
}

const create = (controller: Controller, ...names: readonly string[]) =>
  controller.createTopics(
    names.map((name) => newTopic(name)),
    false,
    patient,
  );

const names = (controller: Controller) => [...controller.image.topicIds.keys()];

/** What has become of a promise, without waiting for it. */
function watch(promise: Promise<unknown>): { outcome: "waits" | "answered" | { code: unknown } } {
  const watched: ReturnType<typeof watch> = { outcome: "waits" };
  promise.then(
    () => {
      watched.outcome = "answered";
    },
    (error: { code?: unknown }) => {
      watched.outcome = { code: error.code ?? error };
    },
  );
  return watched;
}

test("a new cluster has an id when the controller is there, and keeps it", () =>
  inProcess(async (ports) => {
    const log = new ScriptedLog();
    const first = await startController(log, ports, options, patient);
    expect(first.image.clusterId).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
    expect(first.leadership).toEqual({ kind: "leader", term: 1 });
    expect(log.entries).toHaveLength(1);
  }));

test("a new cluster takes the id that it is given, and one that has an id keeps it", () =>
  inProcess(async (ports) => {
    const log = new ScriptedLog();
    const controller = await startController(log, ports, { ...options, clusterId: uuidOf(5) }, patient);
    expect(controller.image.clusterId).toBe(uuidOf(5));
    const again = new ScriptedLog();
    again.entries.push(...log.entries);
    again.start = async (listener) => {
      listener.committed(log.entries);
      listener.leadership({ kind: "leader", term: 2 });
    };
    const next = await startController(again, ports, { ...options, clusterId: uuidOf(6) }, patient);
    expect(next.image.clusterId).toBe(uuidOf(5));
  }));

test("requests that wait together are decided one after the other and appended side by side", () =>
  onStage(async ({ log, controller, rest }) => {
    const before = log.entries.length;
    const answers = Promise.all([
      create(controller, "a"),
      create(controller, "a"),
      controller.createPartitions("a", 3, false, patient),
      controller.alterConfigs({ topicName: "a", set: new Map([["retention.ms", "1"]]), unset: [], validateOnly: false }, patient),
      controller.allocateProducerIds(patient),
    ]);
    await rest();
    expect(log.waiting).toBe(4);
    log.commit();
    const [created, again, , , block] = await answers;
    expect(created[0]?.kind).toBe("ok");
    expect(again).toMatchObject([{ kind: "failed", failure: { code: "TOPIC_ALREADY_EXISTS" } }]);
    expect(block).toEqual({ first: 0, count: 1000 });
    expect(log.entries.length - before).toBe(4);
    expect(controller.image.topics.get(controller.image.topicIds.get("a")!)).toMatchObject({ config: { "retention.ms": 1 } });
  }));

test("no answer leaves before the commit, not even one that refuses because of what is on its way", () =>
  onStage(async ({ log, controller, rest }) => {
    const asked = [watch(create(controller, "a")), watch(controller.createPartitions("a", 1, false, patient))];
    await rest();
    expect(asked.map(({ outcome }) => outcome)).toEqual(["waits", "waits"]);
    expect(names(controller)).toEqual([]);
    log.commit();
    await rest();
    expect(asked.map(({ outcome }) => outcome)).toEqual(["answered", { code: "INVALID_PARTITIONS" }]);
    expect(names(controller)).toEqual(["a"]);
  }));

test("what comes while a batch is on its way waits for the next one", () =>
  onStage(async ({ log, controller, rest }) => {
    const first = watch(create(controller, "a"));
    await rest();
    const second = watch(create(controller, "b"));
    await rest();
    expect(log.waiting).toBe(1);
    log.commit();
    await rest();
    expect([first.outcome, second.outcome, log.waiting]).toEqual(["answered", "waits", 1]);
    log.commit();
    await rest();
    expect(second.outcome).toBe("answered");
  }));

test("requests that write nothing are answered without the log", () =>
  onStage(async ({ log, controller }) => {
    const before = log.entries.length;
    expect(await controller.createTopics([newTopic("a")], true, patient)).toMatchObject([{ kind: "ok" }]);
    await expect(controller.createPartitions("none", 2, false, patient)).rejects.toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION" });
    expect([log.entries.length - before, log.waiting]).toEqual([0, 0]);
  }));

test.each([
  ["is committed by the next leader", true],
  ["is not", false],
])(
  "whoever loses the lead answers NOT_CONTROLLER to all that wait; a batch on its way that %s shows in the image accordingly",
  (_, isCommitted) =>
    onStage(async ({ log, controller, rest }) => {
      const onItsWay = watch(create(controller, "a"));
      await rest();
      const behind = watch(create(controller, "b"));
      await rest();
      log.lose(2, isCommitted);
      await rest();
      expect([onItsWay.outcome, behind.outcome]).toEqual([{ code: "NOT_CONTROLLER" }, { code: "NOT_CONTROLLER" }]);
      await expect(create(controller, "c")).rejects.toMatchObject({
        code: "NOT_CONTROLLER",
        message: expect.stringContaining("node 2 leads"),
      });
      expect(names(controller)).toEqual(isCommitted ? ["a"] : []);

      log.isPrompt = true;
      log.lead(3);
      expect(await create(controller, "a")).toMatchObject([{ kind: isCommitted ? "failed" : "ok" }]);
      expect(names(controller)).toEqual(["a"]);
    }),
);

test("what another leader commits reaches the image, and a request on its way when the lead goes round never mixes with it", () =>
  onStage(async ({ log, controller, rest }) => {
    const lost = watch(create(controller, "mine"));
    await rest();
    log.lose(2, false);
    const payload = encodeRecords([{ kind: "topic", topicId: topicIdOf(5), name: "theirs" }]);
    log.deliver([{ index: 0, term: 2, payload }]);
    expect(names(controller)).toEqual(["theirs"]);
    log.isPrompt = true;
    log.lead(3);
    expect(await create(controller, "mine", "theirs")).toMatchObject([{ kind: "ok" }, { kind: "failed" }]);
    expect(lost.outcome).toEqual({ code: "NOT_CONTROLLER" });
  }));

test("one request more than may wait is refused, and the others are answered", () =>
  onStage(async ({ log, controller, rest }) => {
    const onItsWay = create(controller, "a");
    await rest();
    const waiting = Array.from({ length: waitingRequestsMax }, () => controller.allocateProducerIds(patient));
    await expect(controller.allocateProducerIds(patient)).rejects.toMatchObject({ code: "THROTTLING_QUOTA_EXCEEDED" });
    log.isPrompt = true;
    log.commit();
    await onItsWay;
    const blocks = await Promise.all(waiting);
    expect(new Set(blocks.map(({ first }) => first)).size).toBe(waitingRequestsMax);
  }));

test("a batch that has its fill of records leaves the rest to the next one", () =>
  onStage(async ({ log, controller, rest }) => {
    const big = newTopic("big", { partitionCount: batchRecordsMax });
    const asked = [watch(controller.createTopics([big], false, patient)), watch(create(controller, "small"))];
    await rest();
    expect(log.waiting).toBe(1);
    log.commit();
    await rest();
    expect([asked.map(({ outcome }) => outcome), log.waiting]).toEqual([["answered", "waits"], 1]);
  }));

test("who stops waiting before the decision leaves nothing behind, who stops after it may", () =>
  onStage(async ({ log, controller, rest }) => {
    const [early, late] = [new AbortController(), new AbortController()];
    const decided = watch(controller.createTopics([newTopic("decided")], false, late.signal));
    await rest();
    const undecided = watch(controller.createTopics([newTopic("undecided")], false, early.signal));
    early.abort("gone");
    late.abort("gone");
    await rest();
    expect([decided.outcome, undecided.outcome]).toEqual([{ code: "gone" }, { code: "gone" }]);
    log.isPrompt = true;
    log.commit();
    await rest();
    expect(names(controller)).toEqual(["decided"]);
    await expect(controller.allocateProducerIds(early.signal)).rejects.toBe("gone");
  }));

test("a failed storage is reported once; what was on its way and what comes later is answered NOT_CONTROLLER", () =>
  onStage(async ({ log, controller, rest }) => {
    failed.length = 0;
    const asked = watch(create(controller, "a"));
    await rest();
    const error = new Error("the sync failed");
    log.fail(error);
    await rest();
    expect(asked.outcome).toEqual({ code: "NOT_CONTROLLER" });
    expect(failed).toEqual([error]);
    await expect(create(controller, "b")).rejects.toMatchObject({
      code: "NOT_CONTROLLER",
      message: expect.stringContaining("the sync failed"),
    });
    expect(names(controller)).toEqual([]);
  }));

test("an applier first gets everything as one delta, then each change, and holds the answers until it has applied it", () =>
  onStage(async ({ log, controller, rest }) => {
    log.isPrompt = true;
    await create(controller, "before");
    const seen: string[][] = [];
    let gate = Promise.withResolvers<void>();
    const apply = (_: unknown, { topicsAdded }: MetadataDelta) => {
      seen.push(topicsAdded.map(({ name }) => name));
      return gate.promise;
    };
    const subscribed = watch(controller.subscribe(apply));
    await rest();
    expect([seen, subscribed.outcome]).toEqual([[["before"]], "waits"]);
    gate.resolve();
    await rest();
    expect(subscribed.outcome).toBe("answered");

    gate = Promise.withResolvers();
    const asked = watch(create(controller, "a"));
    await rest();
    expect([seen, asked.outcome, names(controller)]).toEqual([[["before"], ["a"]], "waits", ["before"]]);
    gate.resolve();
    await rest();
    expect([asked.outcome, names(controller)]).toEqual(["answered", ["a", "before"]]);
  }));

test("what is committed while an applier is busy becomes one change, and the log does not wait for it", () =>
  onStage(async ({ log, controller, rest }) => {
    log.isPrompt = true;
    const seen: string[][] = [];
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await controller.subscribe(async (_, { topicsAdded }) => {
      seen.push(topicsAdded.map(({ name }) => name));
      if (seen.length > 1) await gates[seen.length - 2]?.promise;
    });
    const asked = [];
    for (const name of ["a", "b", "c"]) {
      asked.push(watch(create(controller, name)));
      await rest();
    }
    const refused = watch(create(controller, "a"));
    await rest();
    expect([seen, asked.map(({ outcome }) => outcome), refused.outcome]).toEqual([[[], ["a"]], ["waits", "waits", "waits"], "waits"]);
    gates[0]?.resolve();
    await rest();
    expect(seen.map((added) => [...added].sort())).toEqual([[], ["a"], ["b", "c"]]);
    expect(asked.map(({ outcome }) => outcome)).toEqual(["answered", "waits", "waits"]);
    gates[1]?.resolve();
    await rest();
    expect([...asked, refused].map(({ outcome }) => outcome)).toEqual(["answered", "answered", "answered", "answered"]);
  }));

test("after so many records the state is written out, at the index that it stands for", () =>
  onStage(
    async ({ log, controller, ports, rest }) => {
      log.isPrompt = true;
      for (const name of ["a", "b", "c", "d", "e", "f"]) {
        await create(controller, name);
        if (name !== "f") await controller.deleteTopics([{ name }], patient);
      }
      await rest();
      // Two records before, three in each round of two entries: the 10th is in the 7th entry.
      expect(log.snapshots.map(({ index, term }) => [index, term])).toEqual([[7, 1]]);
      const last = log.snapshots[0]!;
      const behind = new ScriptedLog();
      behind.start = async (listener) => {
        await listener.snapshot(last);
        listener.committed(log.entries.slice(last.index));
        listener.leadership({ kind: "leader", term: 2 });
      };
      const rebuilt = await startController(behind, ports, options, patient);
      expect([...snapshotRecords(rebuilt.image)]).toEqual([...snapshotRecords(controller.image)]);
    },
    { snapshotRecordsMin: 10 },
  ));

test("a snapshot that replaces the state reaches the applier as what differs", () =>
  onStage(async ({ log, controller, rest }) => {
    log.isPrompt = true;
    await create(controller, "kept", "gone");
    const deltas: MetadataDelta[] = [];
    await controller.subscribe(async (_, delta) => {
      deltas.push(delta);
    });
    const kept = controller.image.topics.get(controller.image.topicIds.get("kept")!)!;
    const installed = [
      ...snapshotRecords({ ...clusterOf(0), clusterId: controller.image.clusterId }),
      { kind: "topic", topicId: kept.topicId, name: "kept" } as const,
      ...[...kept.partitions].map(([partition, state]) => ({ kind: "partition", topicId: kept.topicId, partition, ...state }) as const),
      ...[...snapshotRecords(withTopics(clusterOf(0), 50, newTopic("come")))].filter(
        ({ kind }) => kind === "topic" || kind === "partition",
      ),
    ];
    log.lose(2, false);
    await log.listener?.snapshot({ index: 100, term: 2, parts: [encodeRecords(installed)] });
    await rest();
    const { topicsAdded, topicsRemoved, topicsChanged } = deltas.at(-1)!;
    expect(
      [topicsAdded, topicsRemoved, topicsChanged].map((topics) => topics.map((topic) => ("name" in topic ? topic.name : topic))),
    ).toEqual([["come"], ["gone"], []]);
  }));

test("closing refuses what waits, finishes what is being written, and closes the log", () =>
  onStage(async ({ log, controller, rest }) => {
    const onItsWay = watch(create(controller, "a"));
    await rest();
    const behind = watch(create(controller, "b"));
    await rest();
    const closed = watch(controller.close());
    await rest();
    expect([onItsWay.outcome, behind.outcome, closed.outcome, log.isClosed]).toEqual(["waits", { code: "NOT_CONTROLLER" }, "waits", false]);
    log.commit();
    await rest();
    expect([onItsWay.outcome, closed.outcome, log.isClosed]).toEqual(["answered", "answered", true]);
    await expect(create(controller, "c")).rejects.toMatchObject({ code: "NOT_CONTROLLER" });
    await controller.close();
  }));

test("an opening that nobody waits for any more is given up, and closes the log", () =>
  inProcess(async (ports) => {
    const log = new ScriptedLog();
    log.isPrompt = false;
    const stop = new AbortController();
    const opening = watch(startController(log, ports, options, stop.signal));
    await new Promise<void>((resolve) => ports.clock.setTimer(50, resolve));
    expect(log.waiting).toBe(1);
    stop.abort("enough");
    log.commit();
    await new Promise<void>((resolve) => ports.clock.setTimer(50, resolve));
    expect([opening.outcome, log.isClosed]).toEqual([{ code: "enough" }, true]);
  }));

test("a metric counts what waits, what the cluster holds, and how long commits take", () =>
  inProcess(async (ports) => {
    const gauges = new Map<string, () => number>();
    const observed: number[] = [];
    const metrics = {
      ...ports.metrics,
      gauge: ({ name }: { name: string }, read: () => number) => void gauges.set(name, read),
      histogram: () => ({ observe: (value: number) => void observed.push(value) }),
    };
    const controller = await startController(new ScriptedLog(), { ...ports, metrics }, options, patient);
    await controller.registerBroker({ brokerId: 0, incarnation: uuidOf(7), address: "127.0.0.1:9092" }, patient);
    await create(controller, "a", "b");
    expect([...gauges].map(([name, read]) => [name, read()])).toEqual([
      ["varve_controller_waiting_requests", 0],
      ["varve_cluster_topics", 2],
      ["varve_cluster_partitions", 2],
    ]);
    expect(observed).toHaveLength(3);
  }));
