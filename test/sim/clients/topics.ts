// The topics of a simulation by what its administrator knows of them: incarnation after incarnation, with the key of each partition.

import type { TopicId } from "@varve/model";
import type { Key, KeyRules } from "../../workload/history.ts";
import type { TopicPlan } from "../configuration.ts";

export interface Topic {
  readonly plan: TopicPlan;
  /** Undefined before it was made for the first time. */
  topicId: TopicId | undefined;
  /** By partition, of the present incarnation or, while there is none, the last one. */
  keys: readonly Key[];
  /** As far as the administrator has changed it; unknown from a change without an answer on. */
  durability: KeyRules["durability"];
  /** Counts the attempts to make it: what was read across one may be of either incarnation. */
  incarnation: number;
  /** Whether it exists, as far as anybody knows. */
  isThere: boolean;
}

export class Topics {
  readonly all: readonly Topic[];
  readonly #byKey = new Map<Key, { readonly topic: Topic; readonly topicId: TopicId; readonly partition: number }>();
  /** By partition, also of incarnations before the last: one that is added later has had a predecessor, too. */
  readonly #newestKeys = new Map<Topic, Key[]>();
  #keys = 0;

  constructor(plans: readonly TopicPlan[]) {
    this.all = plans.map((plan) => ({ plan, topicId: undefined, keys: [], durability: plan.durability, incarnation: 0, isThere: false }));
  }

  get haveBeenMade(): boolean {
    return this.all.every(({ topicId }) => topicId !== undefined);
  }

  /** Which partition of which incarnation a key names. */
  partitionOf(key: Key): { readonly topic: Topic; readonly topicId: TopicId; readonly partition: number } {
    const found = this.#byKey.get(key);
    if (found === undefined) throw new Error(`no key ${key}`);
    return found;
  }

  /** The topic exists with this id and so many partitions. @returns the keys that are new. */
  found(topic: Topic, topicId: TopicId, partitionCount: number): readonly KeyRules[] {
    const known = topic.topicId === topicId ? topic.keys : [];
    const newest = this.#newestKeys.get(topic) ?? [];
    this.#newestKeys.set(topic, newest);
    const rules: KeyRules[] = [];
    for (let partition = known.length; partition < partitionCount; partition++) {
      const key = this.#keys++;
      const { name, isRetained } = topic.plan;
      const { durability } = topic;
      this.#byKey.set(key, { topic, topicId, partition });
      rules.push({ key, topic: name, partition, durability, isRetained, predecessor: newest[partition] ?? null });
      newest[partition] = key;
    }
    topic.topicId = topicId;
    topic.keys = [...known, ...rules.map(({ key }) => key)];
    topic.isThere = true;
    return rules;
  }
}
