// What the client knows of topics: their ids, partitions, and who leads each in which epoch. It is looked up when it is first needed, when
// an error says that it is old, and when it has aged; never in the background.

import type { ClusterDescription, Outcome, TopicDescription } from "@varve/api";
import { ClusterError, type Failure, type TopicId } from "@varve/model";
import { type Clock, sleep } from "@varve/runtime";
import type { Brokers } from "./brokers.ts";
import { abandonable } from "./deadline.ts";

/** Topics that are remembered; the one looked up longest ago is forgotten first. */
export const topicsMax = 10_000;
/** Topics in one look-up. */
export const topicsPerLookUpMax = 500;
/** Between the end of a look-up and the next one: a cluster that is electing is not asked in a loop. */
export const lookUpPauseMs = 100;

export interface PartitionMetadata {
  /** Where its leader listens; undefined while it has none. */
  readonly leader: string | undefined;
  readonly leaderEpoch: number;
}

export interface TopicMetadata {
  readonly kind: "known";
  readonly name: string;
  readonly topicId: TopicId;
  readonly partitions: readonly PartitionMetadata[];
  readonly askedAtMs: number;
}

/** No broker knows the topic, or the client may not see it. */
export interface MissingTopic {
  readonly kind: "missing";
  readonly failure: Failure;
  /** Monotonic: since when it has been missing. */
  readonly sinceMs: number;
  readonly askedAtMs: number;
}

export interface MetadataCacheOptions {
  readonly clock: Clock;
  readonly brokers: Brokers;
  readonly metadataMaxAgeMs: number;
  readonly unknownTopicMs: number;
}

/** Told after every look-up, also after one that failed, which names it was for. */
export type MetadataListener = (names: readonly string[]) => void;

interface LookUp {
  readonly names: Set<string>;
  readonly done: Promise<void>;
  started: boolean;
}

export class MetadataCache {
  readonly #options: MetadataCacheOptions;
  readonly #topics = new Map<string, TopicMetadata | MissingTopic>();
  /** The look-up under way, and the one that gathers names behind it. */
  #running: LookUp | undefined;
  #gathering: LookUp | undefined;
  readonly #listeners = new Set<MetadataListener>();
  #lastEndMs: number | undefined;
  #lastError: unknown;

  constructor(options: MetadataCacheOptions) {
    this.#options = options;
  }

  /** What is known now. An aged answer is given too, and looked up again behind it. */
  get(name: string): TopicMetadata | MissingTopic | undefined {
    const topic = this.#topics.get(name);
    if (topic !== undefined && this.#options.clock.monotonicMs() - topic.askedAtMs > this.#options.metadataMaxAgeMs)
      void this.refresh(name);
    return topic;
  }

  /** Something is known to have changed: the next use looks it up. */
  forget(name: string): void {
    this.#topics.delete(name);
  }

  /** What the last look-up failed with. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** @returns what stops it. */
  onLookUp(listener: MetadataListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether the topic has been missing for longer than it is waited for. */
  isGone(topic: MissingTopic): boolean {
    return topic.failure.code !== "UNKNOWN_TOPIC_OR_PARTITION" || topic.askedAtMs - topic.sinceMs >= this.#options.unknownTopicMs;
  }

  /**
   * Looks the topic up, together with all others that are asked for meanwhile. Resolves when that was done, or has failed: look again.
   * One look-up runs at a time.
   */
  refresh(name: string): Promise<void> {
    const open = this.#gathering ?? (this.#running !== undefined && !this.#running.started ? this.#running : undefined);
    if (open !== undefined && (open.names.has(name) || open.names.size < topicsPerLookUpMax)) {
      open.names.add(name);
      return open.done;
    }
    const before = (this.#gathering ?? this.#running)?.done;
    const names = new Set([name]);
    const lookUp: LookUp = { names, started: false, done: Promise.resolve(before).then(() => this.#run(lookUp)) };
    if (this.#running === undefined) this.#running = lookUp;
    else this.#gathering = lookUp;
    return lookUp.done;
  }

  /**
   * Waits until the topic is known.
   * @throws {ClusterError} UNKNOWN_TOPIC_OR_PARTITION when it is missing for long, what look-ups fail with; the signal's reason.
   */
  async resolve(name: string, signal?: AbortSignal): Promise<TopicMetadata> {
    for (let asked = 0; ; asked += 1) {
      signal?.throwIfAborted();
      const topic = this.get(name);
      if (topic?.kind === "known") return topic;
      if (topic?.kind === "missing" && asked > 0 && this.isGone(topic)) throw new ClusterError(topic.failure.code, topic.failure.message);
      if (topic === undefined && asked > 0 && this.#lastError !== undefined) throw this.#lastError;
      await abandonable(this.refresh(name), signal);
    }
  }

  async #run(lookUp: LookUp): Promise<void> {
    this.#running = lookUp;
    if (this.#gathering === lookUp) this.#gathering = undefined;
    const { clock } = this.#options;
    const pauseMs = this.#lastEndMs === undefined ? 0 : this.#lastEndMs + lookUpPauseMs - clock.monotonicMs();
    if (pauseMs > 0) await sleep(clock, pauseMs);
    lookUp.started = true;
    try {
      await this.#ask([...lookUp.names]);
      this.#lastError = undefined;
    } catch (error) {
      this.#lastError = error;
    } finally {
      this.#lastEndMs = clock.monotonicMs();
      if (this.#running === lookUp) this.#running = undefined;
    }
    const names = [...lookUp.names];
    for (const listener of [...this.#listeners]) listener(names);
  }

  async #ask(names: readonly string[]): Promise<void> {
    const { brokers, clock } = this.#options;
    const references = names.map((name) => ({ name }));
    const [cluster, outcomes] = await brokers.lookUp("looking up topics", (connection, signal) =>
      Promise.all([connection.admin.describeCluster(signal), connection.admin.describeTopics(references, signal)]),
    );
    brokers.learn(cluster.brokers.map(({ address }) => address));
    const nowMs = clock.monotonicMs();
    names.forEach((name, at) => {
      this.#put(name, outcomes[at]!, cluster, nowMs);
    });
  }

  #put(name: string, outcome: Outcome<TopicDescription>, cluster: ClusterDescription, nowMs: number): void {
    const before = this.#topics.get(name);
    this.#topics.delete(name);
    if (outcome.kind === "failed") {
      const isAskedOn = before?.kind === "missing" && nowMs - before.askedAtMs < this.#options.unknownTopicMs;
      const sinceMs = isAskedOn ? before.sinceMs : nowMs;
      this.#topics.set(name, { kind: "missing", failure: outcome.failure, sinceMs, askedAtMs: nowMs });
    } else {
      this.#topics.set(name, describe(outcome.value, cluster, nowMs));
    }
    for (const oldest of this.#topics.keys()) {
      if (this.#topics.size <= topicsMax) break;
      this.#topics.delete(oldest);
    }
  }
}

function describe(topic: TopicDescription, cluster: ClusterDescription, askedAtMs: number): TopicMetadata {
  const addresses = new Map(cluster.brokers.map(({ id, address }) => [id, address]));
  const partitions: PartitionMetadata[] = topic.partitions.map(({ leader, leaderEpoch }) => ({
    leader: leader === undefined ? undefined : addresses.get(leader),
    leaderEpoch,
  }));
  return { kind: "known", name: topic.name, topicId: topic.topicId, partitions, askedAtMs };
}
