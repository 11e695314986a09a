// A client that reads: one consumer at a time, for some partitions of one topic, polled again and again, and assigned anew now and then.

import { type Consumer, DamagedRecordsError, type ErrorCode, type Varve } from "@varve/client";
import { ClusterError } from "@varve/model";
import { sleep } from "@varve/runtime";
import type { From, Key } from "../../workload/history.ts";
import type { ConsumerPlan } from "../configuration.ts";
import type { ClientLife, ClientLoop } from "./client.ts";
import { reach } from "./producing.ts";
import { checkDamage, noteSkip, Reads } from "./reading.ts";
import { begin, complete } from "./shared.ts";
import type { Topic } from "./topics.ts";

/** How far back a consumer from a time begins, at most. */
const lookBackMsMax = 120_000;
/** A poll ends when it has so many records. */
const recordsPerPollMax = 500;
const late = Symbol("late");

export function consuming(plan: ConsumerPlan): ClientLoop {
  return async (life) => {
    const { shared, ports, random } = life;
    const varve = await reach(life);
    while (!shared.topics.haveBeenMade) await sleep(ports.clock, 200);
    const reader = new Reader(life, varve, plan);
    while (!shared.isOver()) {
      await sleep(ports.clock, random.exponential(plan.pauseMs));
      if (!reader.isAssigned || random.chance(plan.reassigns)) await reader.assign();
      else await reader.poll();
    }
    await varve.close();
  };
}

/** A consumer and what it is for. */
interface Assigned {
  readonly consumer: Consumer;
  readonly topic: Topic;
  readonly keys: readonly Key[];
  /** Kept from poll to poll: what comes late is not lost. */
  pending: ReturnType<Consumer["take"]> | undefined;
}

class Reader {
  readonly #life: ClientLife;
  readonly #varve: Varve;
  readonly #plan: ConsumerPlan;
  /** The highest offset seen of each key, to have offsets to begin at. */
  readonly #seen = new Map<Key, number>();
  #assigned: Assigned | undefined;

  constructor(life: ClientLife, varve: Varve, plan: ConsumerPlan) {
    this.#life = life;
    this.#varve = varve;
    this.#plan = plan;
  }

  get isAssigned(): boolean {
    return this.#assigned !== undefined;
  }

  /** A new consumer, or the old one sent elsewhere. */
  async assign(): Promise<void> {
    const { shared, process, random } = this.#life;
    const before = this.#assigned;
    const maySeek = before !== undefined && before.pending === undefined && before.keys.length === 1 && random.chance(0.5);
    // A seek asks for its topic by name: once that is another one, what is read then are other keys.
    const sought = maySeek && before.topic.keys.includes(before.keys[0] as Key) ? before : undefined;
    const topic = sought?.topic ?? random.pick(shared.topics.all);
    const keys = sought?.keys ?? this.#drawKeys(topic);
    const from = this.#drawFrom(keys);
    const { incarnation, isThere } = topic;
    const operation = { f: "assign", value: keys, from } as const;
    begin(shared, process, operation);
    try {
      const place = placeOf(from);
      if (sought !== undefined) {
        const { partition } = shared.topics.partitionOf(keys[0] as Key);
        await sought.consumer.seek({ topic: topic.plan.name, partition }, place);
      } else {
        before?.consumer.close();
        this.#assigned = { consumer: this.#consumer(topic, keys, place), topic, keys, pending: undefined };
        await this.#assigned.consumer.ready();
      }
      // Which incarnation it reads is known only when there was no other one meanwhile.
      if (topic.incarnation !== incarnation || !isThere) this.#drop();
      complete(shared, process, "ok", operation);
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      this.#failed(topic, error);
      complete(shared, process, "info", operation, error.code);
    }
  }

  /** Reads what comes within the time of a poll. */
  async poll(): Promise<void> {
    const { shared, process, ports, random } = this.#life;
    const assigned = this.#assigned;
    if (assigned === undefined) return;
    const { consumer, topic, keys } = assigned;
    const keyByPartition = new Map(keys.map((key) => [shared.topics.partitionOf(key).partition, key]));
    const reads = new Reads(shared, (_, partition) => keyByPartition.get(partition) as Key);
    begin(shared, process, { f: "poll", isFinal: false, value: [] });
    const deadlineMs = ports.clock.monotonicMs() + this.#plan.pollMs;
    let failure: ClusterError | undefined;
    try {
      while (reads.count < recordsPerPollMax) {
        assigned.pending ??= consumer.take();
        const batch = await this.#within(assigned.pending, deadlineMs - ports.clock.monotonicMs());
        if (batch === late) break;
        assigned.pending = undefined;
        if (batch === undefined) throw new ClusterError("INVALID_REQUEST", "the consumer has ended");
        for (const record of batch) reads.add(record);
      }
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      assigned.pending = undefined;
      failure = error;
    }
    for (const { key, reads: read } of reads.polled) this.#seen.set(key, Math.max(this.#seen.get(key) ?? 0, read.at(-1)?.[0] ?? 0));
    complete(shared, process, "ok", { f: "poll", isFinal: false, value: reads.polled }, failure?.code);
    if (failure instanceof DamagedRecordsError) await this.#stepOver(assigned, keyByPartition.get(failure.partition) as Key, failure);
    else if (failure !== undefined) this.#failed(topic, failure);
    else if (assigned.pending === undefined && random.chance(0.05)) {
      consumer.pause();
      consumer.resume();
    }
  }

  async #stepOver(assigned: Assigned, key: Key, error: DamagedRecordsError): Promise<void> {
    const { shared, process } = this.#life;
    checkDamage(shared, assigned.topic, error);
    noteSkip(shared, process, key, error);
    await assigned.consumer.seek({ topic: error.topic, partition: error.partition }, error.resumeAt);
  }

  /** The consumer has ended with an error; some of them are errors of the product. */
  #failed(topic: Topic, error: ClusterError): void {
    const { shared } = this.#life;
    shared.world.trace.count(`reader.${error.code}`);
    const isGone: readonly ErrorCode[] = ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID", "INCONSISTENT_TOPIC_ID"];
    if (isGone.includes(error.code) && !topic.plan.isRemade)
      shared.report(`${topic.plan.name} was never deleted: ${error.code}: ${error.message}`);
    this.#drop();
  }

  #drop(): void {
    this.#assigned?.consumer.close();
    this.#assigned = undefined;
  }

  #consumer(topic: Topic, keys: readonly Key[], from: ReturnType<typeof placeOf>): Consumer {
    const { shared } = this.#life;
    const { maxWaitMs, minBytes, maxBytes, prefetchBytes } = this.#plan;
    const assignments = keys.map((key) => ({ topic: topic.plan.name, partition: shared.topics.partitionOf(key).partition, from }));
    return this.#varve.consume(assignments, { maxWaitMs, minBytes, maxBytes, prefetchBytes });
  }

  #drawKeys(topic: Topic): readonly Key[] {
    const { random } = this.#life;
    return random.chance(0.5) ? [random.pick(topic.keys)] : topic.keys;
  }

  #drawFrom(keys: readonly Key[]): From {
    const { random, ports } = this.#life;
    const draw = random.fraction();
    const [only] = keys;
    if (draw < 0.2) return { kind: "latest" };
    if (draw < 0.35) return { kind: "timestamp", timestampMs: ports.clock.wallMs() - random.below(lookBackMsMax) };
    if (draw < 0.6 && keys.length === 1 && only !== undefined)
      return { kind: "offset", offset: random.integer(0, this.#seen.get(only) ?? 0) };
    return { kind: "earliest" };
  }

  async #within<Value>(promise: Promise<Value>, durationMs: number): Promise<Value | typeof late> {
    let isLate: () => void = () => {};
    const timer = this.#life.ports.clock.setTimer(Math.max(1, durationMs), () => isLate());
    const timedOut = new Promise<typeof late>((resolve) => {
      isLate = () => resolve(late);
    });
    try {
      return await Promise.race([promise, timedOut]);
    } finally {
      timer.cancel();
    }
  }
}

function placeOf(from: From): "earliest" | "latest" | { readonly offset: number } | { readonly timestamp: number } {
  switch (from.kind) {
    case "offset":
      return { offset: from.offset };
    case "timestamp":
      return { timestamp: from.timestampMs };
    default:
      return from.kind;
  }
}
