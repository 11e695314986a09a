// Random operations on a controller that dies again and again: after each restart it says what its answers said, and what was not answered
// took effect whole or not at all. And: the state that decisions see is the state that the committed bytes make.

import { decodeRecords, emptyImage, type MetadataImage, replayAll, snapshotRecords } from "@varve/metadata";
import type { Random } from "@varve/sim";
import { expect, test } from "vitest";
import { type Controller, openController, producerIdBlockLength, startController } from "../src/index.ts";
import { newTopic, onePartition, uuidOf } from "./images.ts";
import { inProcess, machineOf, patient, portsOf } from "./platform.ts";
import { ScriptedLog } from "./scripted-log.ts";

const options = {
  nodeId: 0,
  folder: "controller",
  defaults: onePartition,
  snapshotRecordsMin: 15,
  onStorageFailure: (error: Error) => {
    throw error;
  },
};

interface ModelTopic {
  /** Of each partition: how often its leader has registered since it was there. */
  readonly leaderEpochs: readonly number[];
  readonly retentionMs: number | undefined;
  /** Known once the answer was seen. */
  readonly topicId: string | undefined;
}

/** What a user knows about the cluster: nothing but answers. */
interface Model {
  readonly topics: ReadonlyMap<string, ModelTopic>;
  readonly nextProducerId: number;
  readonly registrations: number;
}

const nothing: Model = { topics: new Map(), nextProducerId: 0, registrations: 0 };

/** A request, and what it makes of a model when it takes effect. `ask` resolves with ids of topics that it created. */
interface Step {
  readonly ask: (controller: Controller) => Promise<ReadonlyMap<string, string>>;
  readonly effect: (model: Model, ids: ReadonlyMap<string, string>) => Model;
}

const noIds: ReadonlyMap<string, string> = new Map();

function drawStep(random: Random, incarnation: number): Step {
  const name = `t${random.below(6)}`;
  const change = (model: Model, alter: (topic: ModelTopic) => ModelTopic | undefined): Model => {
    const topic = model.topics.get(name);
    if (topic === undefined) return model;
    const topics = new Map(model.topics);
    const altered = alter(topic);
    if (altered === undefined) topics.delete(name);
    else topics.set(name, altered);
    return { ...model, topics };
  };
  const kind = random.below(6);
  if (kind === 0) {
    const ask = (controller: Controller) => controller.deleteTopics([{ name }], patient).then(() => noIds);
    return { ask, effect: (model) => change(model, () => undefined) };
  }
  if (kind === 1) {
    const count = 1 + random.below(6);
    const ask = (controller: Controller) => controller.createPartitions(name, count, false, patient).then(...unlessRefused);
    const more = (epochs: readonly number[]) => [...epochs, ...Array.from({ length: Math.max(count - epochs.length, 0) }, () => 0)];
    return { ask, effect: (model) => change(model, (topic) => ({ ...topic, leaderEpochs: more(topic.leaderEpochs) })) };
  }
  if (kind === 2) {
    const retentionMs = random.chance(0.3) ? undefined : 1 + random.below(1000);
    const set = new Map(retentionMs === undefined ? [] : [["retention.ms", String(retentionMs)]]);
    const unset = retentionMs === undefined ? ["retention.ms"] : [];
    const ask = (controller: Controller) =>
      controller.alterConfigs({ topicName: name, set, unset, validateOnly: false }, patient).then(...unlessRefused);
    return { ask, effect: (model) => change(model, (topic) => ({ ...topic, retentionMs })) };
  }
  if (kind === 3) {
    const ask = (controller: Controller) => controller.allocateProducerIds(patient).then(() => noIds);
    return { ask, effect: (model) => ({ ...model, nextProducerId: model.nextProducerId + producerIdBlockLength }) };
  }
  if (kind === 4) return register(incarnation);
  const partitionCount = 1 + random.below(4);
  return {
    async ask(controller) {
      const [outcome] = await controller.createTopics([newTopic(name, { partitionCount })], false, patient);
      return new Map(outcome?.kind === "ok" ? [[name, outcome.value.topicId]] : []);
    },
    effect(model, ids) {
      if (model.topics.has(name)) return model;
      const topic: ModelTopic = { leaderEpochs: Array(partitionCount).fill(0), retentionMs: undefined, topicId: ids.get(name) };
      return { ...model, topics: new Map([...model.topics, [name, topic]]) };
    },
  };
}

function register(incarnation: number): Step {
  return {
    ask: (controller) =>
      controller.registerBroker({ brokerId: 0, incarnation: uuidOf(incarnation), address: "127.0.0.1:9092" }, patient).then(() => noIds),
    effect: (model) => ({
      ...model,
      registrations: model.registrations + 1,
      topics: new Map(
        [...model.topics].map(([name, topic]) => [name, { ...topic, leaderEpochs: topic.leaderEpochs.map((epoch) => epoch + 1) }]),
      ),
    }),
  };
}

const unlessRefused = [
  () => noIds,
  (error: { code?: string }) => {
    if (error.code === "UNKNOWN_TOPIC_OR_PARTITION" || error.code === "INVALID_PARTITIONS") return noIds;
    throw error;
  },
] as const;

/** The image in the model's words; ids that nobody was told of are left out. */
function seen(image: MetadataImage, told: Model): Model {
  const topics = [...image.topicIds]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, topicId]): [string, ModelTopic] => {
      const topic = image.topics.get(topicId)!;
      const text = topic.configTexts.get("retention.ms");
      return [
        name,
        {
          leaderEpochs: [...topic.partitions.values()].map(({ leaderEpoch }) => leaderEpoch),
          retentionMs: text === undefined ? undefined : Number(text),
          topicId: told.topics.get(name)?.topicId === undefined ? undefined : topicId,
        },
      ];
    });
  return { topics: new Map(topics), nextProducerId: image.nextProducerId, registrations: image.lastBrokerEpoch };
}

const sorted = (model: Model): Model => ({ ...model, topics: new Map([...model.topics].sort(([one], [other]) => (one < other ? -1 : 1))) });

test("over hundreds of histories with deaths at any operation, the state after a restart is that of the answers", async () => {
  let deaths = 0;
  let unanswered = 0;
  for (let seed = 1; seed <= 150; seed += 1) {
    const machine = machineOf(seed);
    const random = machine.machine.random.stream("history");
    let model = nothing;
    let pending: readonly Step[] = [];
    let clusterId: string | undefined;
    let drawn = 0;
    const fresh = () => {
      drawn += 1;
      return drawn;
    };
    for (let life = 0; life < 8; life += 1) {
      const moment = random.pick(["before", "torn", "after"] as const);
      machine.disk.dieAt(machine.disk.effects + 1 + random.below(60), moment, random.pick(["process", "power"] as const));
      const outcome = await machine.run(async (bare) => {
        const controller = await openController(portsOf(bare), options, patient);
        clusterId ??= controller.image.clusterId;
        expect(controller.image.clusterId).toBe(clusterId);
        // Steps that were asked for together were one batch: all of them took effect, or none.
        const candidates = [model, pending.reduce((after, step) => step.effect(after, noIds), model)].map(sorted);
        const found = candidates.find((candidate) => same(seen(controller.image, candidate), candidate));
        if (found === undefined) expect(seen(controller.image, model)).toEqual(candidates);
        model = found ?? model;
        pending = [];
        for (let round = 0; round < 12; round += 1) {
          const steps = Array.from({ length: 1 + random.below(3) }, () => drawStep(random, fresh()));
          pending = model.registrations === 0 ? [register(fresh())] : steps;
          const ids = await Promise.all(pending.map((step) => step.ask(controller)));
          model = pending.reduce((after, step, at) => step.effect(after, ids[at]!), model);
          pending = [];
          expect(seen(controller.image, model)).toEqual(sorted(model));
        }
        await controller.close();
      });
      if (outcome.kind === "died") {
        deaths += 1;
        if (pending.length > 0) unanswered += 1;
        if (random.chance(0.3)) machine.machine.kill("power");
      }
    }
  }
  expect(deaths).toBeGreaterThan(600);
  expect(unanswered).toBeGreaterThan(300);
});

/** Whether two models say the same. */
function same(one: Model, other: Model): boolean {
  const text = (model: Model) => JSON.stringify([...sorted(model).topics]) + model.nextProducerId + model.registrations;
  return text(one) === text(other);
}

test("the image of the leader is what the committed bytes make of nothing, and what another node sees", () =>
  inProcess(async (ports) => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = machineOf(seed).machine.random;
      const log = new ScriptedLog();
      const controller = await startController(log, ports, options, patient);
      for (let round = 0; round < 20; round += 1) {
        const steps = Array.from({ length: 1 + random.below(4) }, (_, at) => drawStep(random, seed * 1000 + round * 10 + at));
        log.isPrompt = random.chance(0.7);
        const asked = Promise.allSettled((round === 0 ? [register(seed)] : steps).map((step) => step.ask(controller)));
        if (!log.isPrompt) {
          await new Promise<void>((resolve) => ports.clock.setTimer(20, resolve));
          const term = log.term;
          if (log.waiting > 0 && random.chance(0.5)) log.commit();
          else if (log.waiting > 0) log.lose(term + 1, random.chance(0.5));
          log.isPrompt = true;
          if (log.term !== term) log.lead(term + 2);
        }
        await asked;
        const records = log.entries.flatMap(({ payload }) => [...decodeRecords(payload)]);
        expect([...snapshotRecords(controller.image)]).toEqual([...snapshotRecords(replayAll(emptyImage, records))]);
      }
      await controller.close();
    }
  }));
