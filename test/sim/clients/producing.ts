// A client that sends: one producer with the settings of its plan, one operation after the other, the records of an operation without
// waiting for each other.

import { connect, DeliveryError, type Producer, type ProducerOptions, type Receipt, type Varve } from "@varve/client";
import { ClusterError } from "@varve/model";
import { sleep } from "@varve/runtime";
import type { Key, OperationOf, Send } from "../../workload/history.ts";
import { recordOf } from "../../workload/records.ts";
import { brokerAddress, type ProducerPlan, paddingBytesMaxOf } from "../configuration.ts";
import type { ClientLife, ClientLoop } from "./client.ts";
import { begin, complete } from "./shared.ts";
import type { Topic } from "./topics.ts";

/** Pause before a producer that has failed is replaced. */
const replaceMs = 500;
/** A record's time strays so far from the clock's. */
const timestampNoiseMs = 20;

export function producing(plan: ProducerPlan): ClientLoop {
  return async (life) => {
    const { shared, ports } = life;
    const varve = await reach(life);
    while (!shared.topics.haveBeenMade) await sleep(ports.clock, 200);
    const sender = new Sender(life, varve, plan);
    while (!shared.isOver()) {
      await sleep(ports.clock, life.random.exponential(plan.pauseMs));
      await sender.send();
    }
    await sender.close();
    await varve.close();
  };
}

/** Connects, however long it takes. */
export async function reach({ ports, shared }: ClientLife, requestTimeoutMs = 5_000): Promise<Varve> {
  for (;;) {
    try {
      return await connect(brokerAddress, { ports, requestTimeoutMs, unknownTopicMs: 2_000 });
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      shared.world.trace.count(`connect.${error.code}`);
    }
  }
}

class Sender {
  readonly #life: ClientLife;
  readonly #varve: Varve;
  readonly #plan: ProducerPlan;
  #producer: Producer;
  #number: number;

  constructor(life: ClientLife, varve: Varve, plan: ProducerPlan) {
    this.#life = life;
    this.#varve = varve;
    this.#plan = plan;
    this.#producer = varve.producer(optionsOf(plan));
    this.#number = life.shared.nextProducer();
  }

  /** One operation. */
  async send(): Promise<void> {
    const { shared, process, random, ports } = this.#life;
    const { acks, isIdempotent, recordsMax, choosesPartition } = this.#plan;
    const topic = random.pick(shared.topics.all);
    const isPlaced = !choosesPartition;
    const planned: Send[] = Array.from({ length: random.integer(1, recordsMax) }, () => ({
      key: random.pick(topic.keys),
      value: shared.nextValue(),
      offset: null,
      outcome: "info",
      ...(isPlaced ? { isPlaced } : {}),
      ...(topic.plan.isLogAppendTime ? {} : { timestampMs: ports.clock.wallMs() + random.integer(-timestampNoiseMs, timestampNoiseMs) }),
    }));
    const operation: OperationOf<"send"> = { f: "send", acks, isIdempotent, producer: this.#number, value: planned };
    for (const { value, timestampMs } of planned) if (timestampMs !== undefined) shared.timestamps.set(value, timestampMs);
    begin(shared, process, operation);
    const value = await Promise.all(await this.#handAll(topic, planned));
    const type = value.every(({ outcome }) => outcome === "ok") ? "ok" : value.every(({ outcome }) => outcome === "fail") ? "fail" : "info";
    complete(shared, process, type, { ...operation, value });
    for (const { error, outcome } of value) if (error !== undefined) shared.world.trace.count(`send.${outcome}.${error}`);
    if (value.some(({ error }) => error === "INVALID_REQUEST" || error === "INVALID_PRODUCER_EPOCH")) await this.#replace();
  }

  async close(): Promise<void> {
    const { shared } = this.#life;
    await this.#producer.close();
    if (this.#producer.bufferedBytes !== 0) shared.report(`a closed producer holds ${this.#producer.bufferedBytes} bytes`);
  }

  /** Hands the records over in their order; what comes of them is awaited later. */
  async #handAll(topic: Topic, planned: readonly Send[]): Promise<readonly Promise<Send>[]> {
    const { topicId, keys } = topic;
    const outcomes: Promise<Send>[] = [];
    for (const send of planned) {
      const isPosted = this.#life.random.chance(0.5);
      // A producer that has failed says so again in `#hand`.
      if (isPosted) await this.#producer.ready().catch(ignoreClusterError);
      const keyOf = (partition: number) => (topic.topicId === topicId ? topic.keys : keys)[partition];
      outcomes.push(this.#outcomeOf(send, keyOf, () => this.#hand(topic.plan.name, send, isPosted)));
    }
    return outcomes;
  }

  async #outcomeOf(send: Send, keyOf: (partition: number) => Key | undefined, hand: () => Promise<Receipt>): Promise<Send> {
    try {
      const receipt = await hand();
      const key = keyOf(receipt.partition);
      // Without an answer nobody knows; and a partition that was added just now has no key yet.
      if (this.#plan.acks === "none" || key === undefined) return send;
      return { ...send, key, offset: receipt.offset ?? null, outcome: "ok" };
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      const outcome = error instanceof DeliveryError && error.outcome === "unknown" ? "info" : "fail";
      return { ...send, outcome, error: error.code };
    }
  }

  /** By a promise, or by the fast path with its back-pressure. */
  #hand(topic: string, send: Send, isPosted: boolean): Promise<Receipt> {
    const { shared } = this.#life;
    const record = {
      ...recordOf(send.value, paddingBytesMaxOf(shared.configuration, send.value)),
      ...(send.timestampMs === undefined ? {} : { timestamp: send.timestampMs }),
      ...(this.#plan.choosesPartition ? { partition: shared.topics.partitionOf(send.key).partition } : {}),
    };
    if (!isPosted) return this.#producer.send(topic, record);
    return new Promise((resolve, reject) => {
      this.#producer.post(topic, record, (error, receipt) => (receipt === undefined ? reject(error) : resolve(receipt)));
    });
  }

  /** The producer can send nothing any more: another one takes its place. */
  async #replace(): Promise<void> {
    const { shared, ports } = this.#life;
    shared.world.trace.count("producer.replaced");
    await sleep(ports.clock, replaceMs);
    await this.#producer.close();
    this.#producer = this.#varve.producer(optionsOf(this.#plan));
    this.#number = shared.nextProducer();
  }
}

function ignoreClusterError(error: unknown): void {
  if (!(error instanceof ClusterError)) throw error;
}

function optionsOf(plan: ProducerPlan): ProducerOptions {
  const { acks, isIdempotent, codec, lingerMs, batchBytes, bufferBytes, inFlightMax, deliveryTimeoutMs, requestTimeoutMs } = plan;
  return {
    acks,
    idempotent: isIdempotent,
    compression: codec,
    lingerMs,
    batchBytes,
    bufferBytes,
    inFlightMax,
    deliveryTimeoutMs,
    requestTimeoutMs,
  };
}
