// A cluster in the user's hands: producers, consumers, administration, and the end of them all.

import type { Acks } from "@varve/api";
import type { Codec } from "@varve/model";
import { Admin } from "./admin.ts";
import { closedError } from "./brokers.ts";
import type { ClientContext } from "./client-context.ts";
import { Consumer } from "./consumer/consumer.ts";
import type { Assignment, ConsumerOptions } from "./consumer/consumer-options.ts";
import type { Receipt } from "./producer/pending-batch.ts";
import { Producer, type ProducerOptions, type SendOptions, type WaitOptions } from "./producer/producer.ts";
import type { ProducerRecord } from "./producer/producer-record.ts";

export interface VarveSendOptions extends SendOptions {
  /** As of a producer. */
  readonly acks?: Acks | undefined;
  readonly compression?: Codec | undefined;
}

export class Varve implements AsyncDisposable {
  readonly admin: Admin;
  readonly #context: ClientContext;
  /** Of `send`, by what may differ from call to call. */
  readonly #senders = new Map<string, Producer>();
  readonly #producers = new Set<Producer>();
  readonly #consumers = new Set<Consumer>();
  #closing: Promise<void> | undefined;

  /** Made by `connect`. */
  constructor(context: ClientContext) {
    this.#context = context;
    this.admin = new Admin(context);
  }

  /**
   * Sends one record, or several: those of one partition are stored in their order.
   *
   * @returns where each was stored. @throws as `Producer.send`; of several the first failure, whatever became of the others.
   */
  send(topic: string, record: ProducerRecord, options?: VarveSendOptions): Promise<Receipt>;
  send(topic: string, records: readonly ProducerRecord[], options?: VarveSendOptions): Promise<readonly Receipt[]>;
  async send(
    topic: string,
    records: ProducerRecord | readonly ProducerRecord[],
    options: VarveSendOptions = {},
  ): Promise<Receipt | readonly Receipt[]> {
    const { acks = "all", compression = "none", ...rest } = options;
    const key = `${acks} ${compression}`;
    let producer = this.#senders.get(key);
    if (producer === undefined) {
      producer = this.producer({ acks, compression });
      this.#senders.set(key, producer);
    }
    if (!isSeveral(records)) return producer.send(topic, records, rest);
    const sender = producer;
    return Promise.all(records.map((record) => sender.send(topic, record, rest)));
  }

  /** A producer with settings, a buffer and an identity of its own. It ends with this handle, or by its own `close`. */
  producer(options: ProducerOptions = {}): Producer {
    if (this.#closing !== undefined) throw closedError();
    const producer = new Producer(this.#context, options, (closed) => this.#forget(closed));
    this.#producers.add(producer);
    return producer;
  }

  /**
   * Reads partitions: all of the named topics, or those that are assigned. Reading begins at once; leaving the loop ends it.
   *
   * ```ts
   * for await (const record of varve.consume("orders", { from: "earliest", signal })) console.log(record.offset, record.text());
   * ```
   */
  consume(what: string | readonly string[] | readonly Assignment[], options: ConsumerOptions = {}): Consumer {
    if (this.#closing !== undefined) throw closedError();
    const consumer = new Consumer(this.#context, what, options, (closed) => this.#consumers.delete(closed));
    this.#consumers.add(consumer);
    return consumer;
  }

  /** Ends the consumers, the producers once they have flushed, and the connections. When the signal aborts, what is not sent fails. */
  close(options: WaitOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: WaitOptions): Promise<void> {
    for (const consumer of [...this.#consumers]) consumer.close();
    const ended = await Promise.allSettled([...this.#producers].map((producer) => producer.close(options)));
    await this.#context.brokers.close();
    for (const outcome of ended) if (outcome.status === "rejected") throw outcome.reason;
  }

  #forget(producer: Producer): void {
    this.#producers.delete(producer);
    for (const [key, sender] of this.#senders) if (sender === producer) this.#senders.delete(key);
  }
}

function isSeveral(records: ProducerRecord | readonly ProducerRecord[]): records is readonly ProducerRecord[] {
  return Array.isArray(records);
}
