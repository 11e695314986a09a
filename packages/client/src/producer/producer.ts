// The producer as users see it: `send` with a promise for each record, `post` without one, `flush`, `close`. It puts the parts together;
// what happens to a record is in accumulator.ts, batch-queue.ts and sender.ts.

import type { Acks } from "@varve/api";
import { ClusterError, type Codec, codecs, type Failure } from "@varve/model";
import { Backoff } from "../backoff.ts";
import type { ClientContext } from "../client-context.ts";
import { abandonable } from "../deadline.ts";
import { DeliveryError } from "../errors.ts";
import { producerBounds, type Values, withDefaults } from "../options.ts";
import { Accumulator } from "./accumulator.ts";
import type { BatchQueue } from "./batch-queue.ts";
import { BuilderPool } from "./builder-pool.ts";
import type { Receipt, Settled } from "./pending-batch.ts";
import { ProducerId } from "./producer-id.ts";
import type { ProducerRecord } from "./producer-record.ts";
import { Room, type WaitingSend } from "./room.ts";
import { Sender } from "./sender.ts";

/** Defaults and bounds of the numbers are in `producerBounds`. */
export interface ProducerOptions {
  /** When a record counts as written. Default "all": on the disks of all in-sync replicas. */
  readonly acks?: Acks | undefined;
  /** Default "none". */
  readonly compression?: Codec | undefined;
  /** Default true, but for acks "none": a retry never stores a record twice, and five batches of a partition may be in flight in order. */
  readonly idempotent?: boolean | undefined;
  /** How long a batch that is not full waits for more records. */
  readonly lingerMs?: number | undefined;
  readonly batchBytes?: number | undefined;
  readonly batchBytesMax?: number | undefined;
  readonly requestBytes?: number | undefined;
  /** What may be held of records that are not settled. */
  readonly bufferBytes?: number | undefined;
  readonly waitingSendsMax?: number | undefined;
  /** From the call to the outcome. */
  readonly deliveryTimeoutMs?: number | undefined;
  readonly requestTimeoutMs?: number | undefined;
  readonly inFlightMax?: number | undefined;
}

export interface SendOptions {
  /** Ends the wait. A record that was taken already may still be written. */
  readonly signal?: AbortSignal | undefined;
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
}

type State =
  | { readonly kind: "open" }
  | { readonly kind: "closing"; readonly done: Promise<void> }
  | { readonly kind: "failed"; readonly error: ClusterError };

export class Producer implements AsyncDisposable {
  readonly #context: ClientContext;
  readonly #settings: Values<typeof producerBounds>;
  readonly #accumulator: Accumulator;
  readonly #sender: Sender;
  readonly #room: Room;
  readonly #ending = new AbortController();
  readonly #onClosed: (producer: Producer) => void;
  #state: State = { kind: "open" };
  /** The first failure of a posted record that nobody was told of. */
  #untold: DeliveryError | undefined;

  /** Made by `varve.producer`. @throws {ClusterError} INVALID_CONFIG. */
  constructor(context: ClientContext, options: ProducerOptions, onClosed: (producer: Producer) => void) {
    const { acks = "all", compression: codec = "none", idempotent } = options;
    checkChoices(acks, codec, idempotent);
    const settings = withDefaults(producerBounds, options);
    if (settings.batchBytes > settings.batchBytesMax) {
      throw new ClusterError(
        "INVALID_CONFIG",
        `batchBytes is ${settings.batchBytes}, above batchBytesMax, which is ${settings.batchBytesMax}`,
      );
    }
    const { brokers, metadata, retryBackoffMs, retryBackoffMsMax } = context;
    const { clock, compression, entropy } = context.ports;
    this.#context = context;
    this.#settings = settings;
    this.#onClosed = onClosed;
    this.#room = new Room(settings.waitingSendsMax);
    const backoff = new Backoff(entropy, retryBackoffMs, retryBackoffMsMax);
    const builders = new BuilderPool({ bytesTarget: settings.batchBytes, bytesMax: settings.batchBytesMax }, compression);
    const { lingerMs, deliveryTimeoutMs, inFlightMax, bufferBytes, batchBytes, requestTimeoutMs, requestBytes } = settings;
    const now = () => clock.monotonicMs();
    const generation = () => this.#accumulator.flushes.generation;
    const queue = { now, generation, acks, codec, lingerMs, deliveryTimeoutMs, inFlightMax, compression, backoff, builders };
    this.#accumulator = new Accumulator(
      { clock, entropy, metadata, bufferBytes, batchBytes, deliveryTimeoutMs, queue },
      {
        ready: (ready: BatchQueue) => this.#sender.wake(ready),
        released: () => this.#released(),
        untold: (error) => {
          this.#untold ??= error;
        },
        failed: (failure) => this.#fail(failure),
      },
    );
    const producerId =
      acks === "none" || idempotent === false
        ? undefined
        : new ProducerId(clock, brokers, backoff, this.#ending.signal, {
            known: () => this.#sender.wakeAll(),
            refused: (error) => this.#fail(error),
          });
    const accumulator = this.#accumulator;
    const onTime = (nowMs: number) => this.#onTime(nowMs);
    this.#sender = new Sender({ clock, brokers, metadata, accumulator, acks, requestTimeoutMs, requestBytes, producerId, onTime });
  }

  /** What is held of records that have no outcome yet. */
  get bufferedBytes(): number {
    return this.#accumulator.usedBytes;
  }

  /**
   * Sends a record. Records of one partition are stored in the order of the calls.
   *
   * @returns where it was stored, once `acks` is fulfilled.
   * @throws {DeliveryError} with `outcome`; {ClusterError} INVALID_RECORD and the like for what was not taken; the signal's reason.
   */
  send(topic: string, record: ProducerRecord, options: SendOptions = {}): Promise<Receipt> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      this.#assertOpen();
      signal?.throwIfAborted();
      let waiting: WaitingSend | undefined;
      const abort = () => {
        if (waiting !== undefined && this.#room.withdraw(waiting)) this.#accumulator.flushes.leave(waiting.generation);
        reject(signal?.reason);
      };
      const settled: Settled = (error, receipt) => {
        signal?.removeEventListener("abort", abort);
        if (receipt === undefined) reject(error);
        else resolve(receipt);
      };
      const { generation } = this.#accumulator.flushes;
      if (this.#accumulator.hasRoom && !this.#room.hasSends) {
        this.#add(topic, record, settled, generation);
      } else {
        const deadlineMs = this.#context.ports.clock.monotonicMs() + this.#settings.deliveryTimeoutMs;
        waiting = { topic, record, settled, generation, deadlineMs };
        this.#room.waitToSend(waiting);
        this.#accumulator.flushes.enter(generation);
        this.#sender.watch(deadlineMs);
      }
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /**
   * Takes a record without a promise: the fast path. When it answers false the buffer is full: await `ready` before the next one.
   *
   * @param settled is told what came of the record. Without it a failure is thrown by the next `flush` or `close`.
   * @throws {ClusterError} THROTTLING_QUOTA_EXCEEDED when the buffer was full already; what `send` throws for what is not taken.
   */
  post(topic: string, record: ProducerRecord, settled?: Settled): boolean {
    this.#assertOpen();
    const accumulator = this.#accumulator;
    if (!accumulator.hasRoom || this.#room.hasSends) {
      throw new ClusterError("THROTTLING_QUOTA_EXCEEDED", `topic ${topic}: the buffer is full: await ready() when post answers false`);
    }
    this.#add(topic, record, settled, accumulator.flushes.generation);
    return accumulator.hasRoom;
  }

  /** Resolves when `post` may be called. @throws {ClusterError} when the producer is closed meanwhile; the signal's reason. */
  async ready(options: WaitOptions = {}): Promise<void> {
    this.#assertOpen();
    options.signal?.throwIfAborted();
    if (this.#accumulator.hasRoom && !this.#room.hasSends) return;
    await this.#room.waitUntilReady(options.signal);
  }

  /**
   * Sends at once what waits for its linger, and resolves when everything that was sent or posted before this call has its outcome.
   *
   * @throws {DeliveryError} the first failure of a posted record that nobody was told of since the last flush; the signal's reason.
   */
  async flush(options: WaitOptions = {}): Promise<void> {
    const settled = new Promise<void>((resolve) => this.#accumulator.flushes.flush(resolve));
    this.#accumulator.wakeAll();
    await abandonable(settled, options.signal);
    const untold = this.#untold;
    this.#untold = undefined;
    if (untold !== undefined) throw untold;
  }

  /**
   * Takes no more records, flushes and ends. When the signal aborts, what has no outcome yet fails.
   * @throws as `flush`. A second call waits for the first.
   */
  close(options: WaitOptions = {}): Promise<void> {
    if (this.#state.kind === "closing") return abandonable(this.#state.done, options.signal);
    if (this.#state.kind === "failed") return Promise.resolve();
    const done = this.#close(options);
    this.#state = { kind: "closing", done };
    return done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: WaitOptions): Promise<void> {
    try {
      await this.flush(options);
    } finally {
      this.#end("the producer was closed before the record had its outcome");
    }
  }

  #add(topic: string, record: ProducerRecord, settled: Settled | undefined, generation: number): void {
    const wasEmpty = this.#accumulator.usedBytes === 0;
    this.#accumulator.add(topic, record, settled, generation);
    // Records that wait for their topic are in no queue that watches the time.
    if (wasEmpty) this.#sender.watch(this.#context.ports.clock.monotonicMs() + this.#settings.deliveryTimeoutMs);
  }

  #released(): void {
    if (this.#accumulator.usedBytes === 0 && !this.#room.hasSends) this.#sender.rest();
    if (!this.#room.isWanted) return;
    this.#room.released(
      () => this.#accumulator.hasRoom,
      (send) => this.#take(send),
    );
  }

  #take(send: WaitingSend): void {
    const { topic, record, settled, generation } = send;
    try {
      this.#accumulator.add(topic, record, settled, generation);
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      settled(refused(topic, error), undefined);
    } finally {
      this.#accumulator.flushes.leave(generation);
    }
  }

  #onTime(nowMs: number): number | undefined {
    for (const { topic, settled, generation } of this.#room.late(nowMs)) {
      const message = `topic ${topic}: the buffer had no room in ${this.#settings.deliveryTimeoutMs} ms`;
      settled(refused(topic, new ClusterError("REQUEST_TIMED_OUT", message)), undefined);
      this.#accumulator.flushes.leave(generation);
    }
    const heldMs = this.#accumulator.expireHeld(nowMs);
    const roomMs = this.#room.deadlineMs;
    if (heldMs === undefined || roomMs === undefined) return heldMs ?? roomMs;
    return Math.min(heldMs, roomMs);
  }

  /** Nothing can be sent any more, and everybody learns why. */
  #fail(failure: Failure): void {
    if (this.#state.kind === "failed") return;
    this.#state = { kind: "failed", error: new ClusterError(failure.code, `the producer has failed: ${failure.message}`) };
    this.#end(failure.message, failure.code);
  }

  #end(message: string, code: Failure["code"] = "INVALID_REQUEST"): void {
    const error = new ClusterError(code, message);
    this.#ending.abort(error);
    this.#sender.close();
    for (const { topic, settled, generation } of this.#room.close(error)) {
      settled(refused(topic, error), undefined);
      this.#accumulator.flushes.leave(generation);
    }
    this.#accumulator.failAll(code, message);
    this.#accumulator.close();
    this.#onClosed(this);
  }

  #assertOpen(): void {
    if (this.#state.kind === "open") return;
    if (this.#state.kind === "failed")
      throw new ClusterError(this.#state.error.code, this.#state.error.message, { cause: this.#state.error });
    throw new ClusterError("INVALID_REQUEST", "the producer is closed");
  }
}

function refused(topic: string, cause: ClusterError): DeliveryError {
  return new DeliveryError(cause.code, cause.message, { topic, partition: undefined, outcome: "refused", cause });
}

function checkChoices(acks: Acks, codec: Codec, idempotent: boolean | undefined): void {
  if (!["none", "leader", "all"].includes(acks)) throw new ClusterError("INVALID_CONFIG", `acks is ${acks}; it is none, leader or all`);
  if (!codecs.includes(codec)) throw new ClusterError("INVALID_CONFIG", `compression is ${codec}; it is one of ${codecs.join(", ")}`);
  if (acks === "none" && idempotent === true) {
    throw new ClusterError("INVALID_CONFIG", "an idempotent producer needs answers: acks is leader or all, or idempotent is false");
  }
}
