// The partitions that live on this broker, found by identity on the data path and by number of all in metrics.

import type { Failure, PartitionId, TopicId } from "@varve/model";
import type { Led, Partition } from "@varve/partition";

export class Partitions {
  readonly #byTopic = new Map<TopicId, Map<number, Partition>>();
  /** Why partitions of these topics may be missing, although the metadata has them. */
  readonly #failures = new Map<TopicId, Failure>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get(id: PartitionId): Partition | undefined {
    return this.#byTopic.get(id.topicId)?.get(id.partition);
  }

  add(partition: Partition): void {
    const { topicId, partition: number } = partition.id;
    const topic = this.#byTopic.get(topicId) ?? new Map<number, Partition>();
    this.#byTopic.set(topicId, topic);
    topic.set(number, partition);
    this.#count += 1;
  }

  remove(id: PartitionId): void {
    const topic = this.#byTopic.get(id.topicId);
    if (topic?.delete(id.partition) !== true) return;
    this.#count -= 1;
    if (topic.size === 0) this.#byTopic.delete(id.topicId);
  }

  *ofTopic(topicId: TopicId): Iterable<Partition> {
    yield* this.#byTopic.get(topicId)?.values() ?? [];
  }

  *all(): Iterable<Partition> {
    for (const topic of this.#byTopic.values()) yield* topic.values();
  }

  setFailure(topicId: TopicId, failure: Failure): void {
    this.#failures.set(topicId, failure);
  }

  clearFailure(topicId: TopicId): void {
    this.#failures.delete(topicId);
  }

  /** Why there is no partition of this identity here. */
  missing(id: PartitionId): Failure {
    const failure = this.#failures.get(id.topicId);
    if (failure !== undefined) return failure;
    if (!this.#byTopic.has(id.topicId)) return { code: "UNKNOWN_TOPIC_ID", message: `no topic has the id ${id.topicId} here` };
    return { code: "UNKNOWN_TOPIC_OR_PARTITION", message: `topic ${id.topicId} has no partition ${id.partition} here` };
  }

  /** The partition and its leadership, or why not. */
  led(
    id: PartitionId,
    leaderEpoch: number | undefined,
  ): (Extract<Led, { kind: "leader" }> & { readonly partition: Partition }) | Extract<Led, { kind: "failed" }> {
    const partition = this.get(id);
    if (partition === undefined) return { kind: "failed", failure: this.missing(id) };
    const led = partition.led(leaderEpoch);
    return led.kind === "leader" ? { kind: "leader", leadership: led.leadership, partition } : led;
  }
}
