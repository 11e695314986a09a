// Makes this broker what the metadata says: a log for each of its replicas, the lead where it leads, no log of a removed topic.
// A log that the metadata does not mention is left alone: missing metadata is no reason to delete data, a removal is.
// What the disk refuses now is tried again later; until then the partition answers why it is not there.

import type { LogStore, PartitionLog } from "@varve/log";
import type { MetadataDelta, MetadataImage, PartitionImage, TopicImage } from "@varve/metadata";
import { type Failure, failureOf, type NodeId, type PartitionId, type TopicId } from "@varve/model";
import { Partition } from "@varve/partition";
import type { Clock, Logger, Timer } from "@varve/runtime";
import type { Partitions } from "../partitions.ts";

/** Between two tries to make what the disk has refused. */
export const retryIntervalMs = 5_000;

export interface TopicsApplierParts {
  readonly nodeId: NodeId;
  readonly clock: Clock;
  readonly logs: LogStore;
  readonly partitions: Partitions;
  readonly logger: Logger;
  /** Told of the removed topics of which nothing is left here. It must not wait for the controller, which may be waiting for the applier. */
  readonly removed: (topicIds: readonly TopicId[]) => void;
}

export class TopicsApplier {
  readonly #parts: TopicsApplierParts;
  /** One change at a time, and the tries between them. */
  #turn: Promise<void> = Promise.resolve();
  #image: MetadataImage | undefined;
  /** Topics of which something could not be made, changed or deleted. */
  readonly #unfinished = new Set<TopicId>();
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(parts: TopicsApplierParts) {
    this.#parts = parts;
  }

  /** Resolves when the change is in force here, durable where it made or removed logs, but for what the disk refuses. Never rejects. */
  apply(delta: MetadataDelta): Promise<void> {
    this.#turn = this.#turn.then(() => this.#apply(delta));
    return this.#turn;
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
  }

  async #apply(delta: MetadataDelta): Promise<void> {
    const { partitions } = this.#parts;
    this.#image = delta.after;
    for (const topic of delta.topicsRemoved) this.#closeTopic(topic);
    await this.#dropRemoved(removedIn(delta));
    for (const topic of delta.topicsAdded) await this.#attempt(topic, () => this.#makeTopic(topic));
    for (const { after, configChanged, partitions: changes } of delta.topicsChanged) {
      await this.#attempt(after, async () => {
        for (const change of changes) if (change.kind !== "removed") await this.#makePartition(after, change.key, change.after);
        if (configChanged) for (const partition of partitions.ofTopic(after.topicId)) await partition.configure(after.config);
      });
    }
  }

  async #makeTopic(topic: TopicImage): Promise<void> {
    for (const [number, image] of topic.partitions) await this.#makePartition(topic, number, image);
  }

  async #makePartition(topic: TopicImage, number: number, image: PartitionImage): Promise<void> {
    const { nodeId, logs, partitions } = this.#parts;
    if (!image.replicas.includes(nodeId)) return;
    const id: PartitionId = { topicId: topic.topicId, partition: number };
    let partition = partitions.get(id);
    if (partition === undefined) {
      const found = logs.get(id);
      const log = found ?? (await logs.create(id, topic.name, topic.config));
      if (found !== undefined) await found.configure(topic.config);
      partition = new Partition(topic.name, log, topic.config);
      partitions.add(partition);
    }
    if (image.leader !== nodeId) return;
    partition.lead({ leaderEpoch: image.leaderEpoch, replicas: image.replicas, inSyncReplicas: image.inSyncReplicas });
  }

  #closeTopic(topic: TopicImage): void {
    const { partitions, logger } = this.#parts;
    for (const partition of [...partitions.ofTopic(topic.topicId)]) {
      partition.close({ code: "UNKNOWN_TOPIC_ID", message: `topic ${topic.name} (${topic.topicId}) was deleted` });
      partitions.remove(partition.id);
    }
    partitions.clearFailure(topic.topicId);
    logger.info("a topic was deleted", { topic: topic.name, topicId: topic.topicId });
  }

  /** Deletes what is left of topics that were removed, in this life or while this broker was down. */
  async #dropRemoved(topicIds: readonly TopicId[]): Promise<void> {
    const { nodeId, logs, removed } = this.#parts;
    const held = new Set(topicIds.filter((topicId) => this.#image?.removedTopics.get(topicId)?.includes(nodeId) === true));
    if (held.size === 0) return;
    const left: PartitionLog[] = [...logs.logs()].filter(({ id }) => held.has(id.topicId));
    for (const { id } of left) {
      const dropped = await this.#attempt(id, () => logs.drop(id));
      if (!dropped) held.delete(id.topicId);
    }
    if (held.size > 0) removed([...held]);
  }

  /** @returns whether `action` was carried out; if not, the topic is tried again later. */
  async #attempt({ topicId }: { readonly topicId: TopicId }, action: () => Promise<void>): Promise<boolean> {
    const { clock, logger, partitions } = this.#parts;
    if (this.#isClosed) return false;
    try {
      await action();
      partitions.clearFailure(topicId);
      return true;
    } catch (error) {
      // The logs close behind this: what they then refuse is nobody's fault.
      if (this.#isClosed) return false;
      const failure: Failure = failureOf(error);
      logger.error("a topic is not as the metadata says; it is tried again", { topicId, code: failure.code, reason: failure.message });
      partitions.setFailure(topicId, failure);
      this.#unfinished.add(topicId);
      this.#retry ??= clock.setTimer(retryIntervalMs, () => this.#retryUnfinished());
      return false;
    }
  }

  #retryUnfinished(): void {
    this.#retry = undefined;
    this.#turn = this.#turn.then(async () => {
      const topicIds = [...this.#unfinished];
      this.#unfinished.clear();
      await this.#dropRemoved(topicIds);
      for (const topicId of topicIds) {
        const topic = this.#image?.topics.get(topicId);
        if (topic === undefined) continue;
        await this.#attempt(topic, async () => {
          await this.#makeTopic(topic);
          for (const partition of this.#parts.partitions.ofTopic(topicId)) await partition.configure(topic.config);
        });
      }
    });
  }
}

function removedIn({ before, after }: MetadataDelta): readonly TopicId[] {
  const changes = [...after.removedTopics.changesSince(before.removedTopics)];
  return changes.filter(({ kind }) => kind !== "removed").map(({ key }) => key);
}
