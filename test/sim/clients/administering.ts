// The client that administers: makes the topics, then changes and looks at them, one operation after the other. It alone knows which
// incarnation of a topic exists.

import type { Varve } from "@varve/client";
import { ClusterError, type Offset } from "@varve/model";
import { sleep } from "@varve/runtime";
import type { Operation } from "../../workload/history.ts";
import { busyMs } from "../configuration.ts";
import type { ClientLife, ClientLoop } from "./client.ts";
import { reach } from "./producing.ts";
import { begin, complete } from "./shared.ts";
import type { Topic } from "./topics.ts";

/** A change without an answer may come late; so long after it nothing of it can be on its way any more. */
const lateChangeMs = 30_000;
const partitionsMax = 12;
/** A topic that is deleted before there are faults, and must never be seen again. */
const goneTopic = "gone";

export const administering: ClientLoop = async (life) => {
  const { shared, ports, random } = life;
  const varve = await reach(life);
  const admin = new Administrator(life, varve);
  for (const topic of shared.topics.all) if (topic.topicId === undefined) await admin.make(topic);
  await admin.makeAndDelete(goneTopic);
  while (!shared.isOver()) {
    await sleep(ports.clock, random.exponential(shared.configuration.adminPauseMs));
    await admin.operate();
  }
  for (const topic of shared.topics.all) if (!topic.isThere) await admin.make(topic);
  await varve.close();
};

class Administrator {
  readonly #life: ClientLife;
  readonly #varve: Varve;

  constructor(life: ClientLife, varve: Varve) {
    this.#life = life;
    this.#varve = varve;
  }

  /** One operation on some topic. */
  async operate(): Promise<void> {
    const { shared, random } = this.#life;
    const topic = random.pick(shared.topics.all);
    if (!topic.isThere) return this.make(topic);
    const draw = random.fraction();
    if (draw < 0.45) return this.#listOffsets(topic);
    if (draw < 0.65) return this.#look(topic);
    if (draw < 0.75) return this.#deleteRecords(topic);
    if (draw < 0.85) return topic.plan.isAltered && !topic.plan.isRemade ? this.#alterDurability(topic) : this.#alterOthers(topic);
    if (draw < 0.9) return this.#addPartitions(topic);
    // Near the end a topic would come too late to be used again.
    if (topic.plan.isRemade && shared.world.nowMs < busyMs * 0.8) return this.#delete(topic);
    return this.#listOffsets(topic);
  }

  /** A topic whose making and end are answered. */
  async makeAndDelete(name: string): Promise<void> {
    const made = await this.#try(() => this.#varve.admin.createTopic({ name, partitions: 2 }));
    if (made.kind === "done") await this.#try(() => this.#varve.admin.deleteTopic(name));
  }

  /** Makes a topic and waits until it is there. */
  async make(topic: Topic): Promise<void> {
    const { shared, process, ports } = this.#life;
    const { name, partitionCount, config } = topic.plan;
    topic.incarnation++;
    const operation = { f: "create-topic", value: [] } as const;
    begin(shared, process, operation);
    shared.topicChanges();
    for (;;) {
      const made = await this.#try(() =>
        this.#varve.admin.createTopic({ name, partitions: partitionCount, config: Object.fromEntries(config) }),
      );
      const isNew = made.kind === "done" || made.code === "TOPIC_ALREADY_EXISTS" || made.code === "REQUEST_TIMED_OUT";
      const found = isNew ? await this.#try(() => this.#varve.admin.describeTopic(name)) : undefined;
      if (found?.kind === "done" && found.value.topicId !== topic.topicId) {
        const value = shared.topics.found(topic, found.value.topicId, found.value.partitions.length);
        return complete(shared, process, "ok", { ...operation, value });
      }
      await sleep(ports.clock, 500);
    }
  }

  /** Deletes a topic and waits until it is gone. */
  async #delete(topic: Topic): Promise<void> {
    const { shared, process, ports } = this.#life;
    const { name } = topic.plan;
    const operation = { f: "delete-topic", value: topic.keys } as const;
    begin(shared, process, operation);
    shared.topicChanges();
    let isLate = false;
    for (;;) {
      const deleted = await this.#try(() => this.#varve.admin.deleteTopic(name));
      isLate ||= deleted.kind === "failed" && deleted.code !== "UNKNOWN_TOPIC_OR_PARTITION";
      const found = await this.#try(() => this.#varve.admin.describeTopic(name));
      if (found.kind === "failed" && found.code === "UNKNOWN_TOPIC_OR_PARTITION") break;
      await sleep(ports.clock, 500);
    }
    topic.isThere = false;
    complete(shared, process, "ok", operation);
    if (isLate) await sleep(ports.clock, lateChangeMs);
  }

  async #addPartitions(topic: Topic): Promise<void> {
    const { shared, process } = this.#life;
    const count = topic.keys.length + 1;
    if (count > partitionsMax || topic.topicId === undefined) return;
    const operation = { f: "create-topic", value: [] } as const;
    begin(shared, process, operation);
    const added = await this.#try(() => this.#varve.admin.createPartitions(topic.plan.name, count));
    const found = await this.#try(() => this.#varve.admin.describeTopic(topic.plan.name));
    const value = found.kind === "done" ? shared.topics.found(topic, topic.topicId, found.value.partitions.length) : [];
    complete(shared, process, added.kind === "done" ? "ok" : "info", { ...operation, value });
  }

  async #alterDurability(topic: Topic): Promise<void> {
    const durability = this.#life.random.pick(["fsync", "replicated"] as const);
    const operation = { f: "alter-durability", value: topic.keys, durability } as const;
    const before = topic.durability;
    topic.durability = "unknown";
    await this.#change(operation, async () => {
      await this.#varve.admin.alterConfigs(topic.plan.name, { set: { durability } });
      if (before !== "unknown") topic.durability = durability;
      return operation;
    });
  }

  async #alterOthers(topic: Topic): Promise<void> {
    const { random } = this.#life;
    const set = random.pick([
      { "segment.bytes": random.pick([16_384, 65_536, 1_048_576]) },
      { "index.interval.bytes": random.pick([0, 512, 4_096]) },
      { "max.message.bytes": 1_048_588 },
    ]);
    await this.#uncounted("alter-configs", () => this.#varve.admin.alterConfigs(topic.plan.name, { set }));
  }

  async #deleteRecords(topic: Topic): Promise<void> {
    const { random } = this.#life;
    const key = random.pick(topic.keys);
    const { partition } = this.#life.shared.topics.partitionOf(key);
    const latest = await this.#try(() => this.#varve.admin.listOffsets(topic.plan.name, "latest", { partitions: [partition] }));
    const end = latest.kind === "done" ? latest.value[0]?.offset : undefined;
    if (end === undefined) return;
    const before = random.integer(0, random.chance(0.2) ? end : Math.floor(end / 4));
    const operation = { f: "delete-records", key, before, logStart: null } as const;
    await this.#change(operation, async () => {
      const [logStart] = await this.#varve.admin.deleteRecords(topic.plan.name, [{ partition, before: before as Offset }]);
      return { ...operation, logStart: logStart ?? null };
    });
  }

  async #listOffsets(topic: Topic): Promise<void> {
    const { keys } = topic;
    const empty = keys.map((key) => ({ key, logStart: null, highWatermark: null }));
    await this.#change({ f: "list-offsets", value: empty }, async () => {
      // The start first: it lies below the end however much later that is asked for.
      const starts = await this.#varve.admin.listOffsets(topic.plan.name, "earliest");
      const ends = await this.#varve.admin.listOffsets(topic.plan.name, "latest");
      const value = keys.map((key, at) => ({ key, logStart: starts[at]?.offset ?? null, highWatermark: ends[at]?.offset ?? null }));
      return { f: "list-offsets", value };
    });
  }

  async #look(topic: Topic): Promise<void> {
    const { shared, random } = this.#life;
    const { admin } = this.#varve;
    const { name } = topic.plan;
    const looks = {
      "describe-cluster": () => admin.describeCluster(),
      "list-topics": async () => {
        const listed = await admin.listTopics();
        if (!listed.some((summary) => summary.name === name)) shared.report(`topic ${name} is not listed`);
        if (listed.some((summary) => summary.name === goneTopic)) shared.report("a topic that was deleted is listed");
      },
      "describe-topic": async () => {
        const { partitions, topicId } = await admin.describeTopic(name);
        if (topicId !== topic.topicId) shared.report(`topic ${name} has id ${topicId} instead of ${topic.topicId}`);
        if (partitions.length < topic.keys.length)
          shared.report(`topic ${name} has lost partitions: ${partitions.length} of ${topic.keys.length}`);
      },
      "describe-configs": () => admin.describeConfigs(name),
    } as const;
    const what = random.pick(Object.keys(looks) as (keyof typeof looks)[]);
    await this.#uncounted(what, looks[what]);
  }

  /** An operation of the history. `change` gives what it came to. */
  async #change<Done extends Operation>(operation: Done, change: () => Promise<Done>): Promise<void> {
    const { shared, process } = this.#life;
    begin(shared, process, operation);
    const outcome = await this.#try(change);
    if (outcome.kind === "done") complete(shared, process, "ok", outcome.value);
    else complete(shared, process, "info", operation, outcome.code);
  }

  /** An operation that the checker has no use for. */
  async #uncounted(what: string, act: () => Promise<unknown>): Promise<void> {
    const { shared } = this.#life;
    const outcome = await this.#try(act);
    shared.world.trace.count(`operation.${what}.${outcome.kind === "done" ? "ok" : outcome.code}`);
    shared.count();
  }

  async #try<Value>(
    call: () => Promise<Value>,
  ): Promise<{ readonly kind: "done"; readonly value: Value } | { readonly kind: "failed"; readonly code: string }> {
    try {
      return { kind: "done", value: await call() };
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      return { kind: "failed", code: error.code };
    }
  }
}
