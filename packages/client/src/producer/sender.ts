// Takes the batches that may go from their queues to the leaders of their partitions, several in one request, over one stream for each
// broker; and brings the answers back. Order, numbers and retries are the queues'; time is watched here.

import type { Acks, ProduceEntry, ProduceResult } from "@varve/api";
import { ClusterError } from "@varve/model";
import type { Clock } from "@varve/runtime";
import { entriesMax, type ProduceCall } from "@varve/transport-grpc";
import { Alarm } from "../alarm.ts";
import type { Brokers } from "../brokers.ts";
import type { MetadataCache } from "../metadata-cache.ts";
import type { Accumulator } from "./accumulator.ts";
import type { BatchQueue } from "./batch-queue.ts";
import type { PendingBatch } from "./pending-batch.ts";
import type { ProducerId } from "./producer-id.ts";

export interface SenderOptions {
  readonly clock: Clock;
  readonly brokers: Brokers;
  readonly metadata: MetadataCache;
  readonly accumulator: Accumulator;
  readonly acks: Acks;
  readonly requestTimeoutMs: number;
  readonly requestBytes: number;
  /** Undefined when the producer is not idempotent. */
  readonly producerId: ProducerId | undefined;
  /** Called when time has passed that somebody may have waited for. @returns when to call it again at the latest. */
  readonly onTime: (nowMs: number) => number | undefined;
}

/** The way to one broker. */
interface Route {
  readonly address: string;
  call: ProduceCall | undefined;
  /** Queues that may have something for it; those that were served last are at the end. */
  readonly queues: Set<BatchQueue>;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #alarm: Alarm;
  readonly #routes = new Map<string, Route>();
  /** To be looked at in the next turn. */
  readonly #ready = new Set<BatchQueue>();
  /** Hold something that has no outcome. */
  readonly #active = new Set<BatchQueue>();
  #isPlanned = false;
  #isClosed = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, () => this.#ring());
  }

  /** The queue may have something to send. */
  wake(queue: BatchQueue): void {
    this.#ready.add(queue);
    this.#plan();
  }

  /** All queues that wait for the producer's id may go on. */
  wakeAll(): void {
    for (const queue of this.#active) this.#ready.add(queue);
    this.#plan();
  }

  /** `onTime` is wanted at this time at the latest. */
  watch(timeMs: number): void {
    this.#alarm.at(timeMs);
  }

  /** Nobody waits for anything: an idle producer leaves no timer behind. */
  rest(): void {
    this.#alarm.cancel();
  }

  /** Gives up all streams; nothing is sent any more. */
  close(): void {
    this.#isClosed = true;
    this.#alarm.cancel();
    for (const { call } of this.#routes.values()) call?.cancel();
    this.#routes.clear();
  }

  /** Records of one turn of the loop go together: what a turn produces is known at its end. */
  #plan(): void {
    if (this.#isPlanned || this.#isClosed) return;
    this.#isPlanned = true;
    this.#options.clock.defer(() => {
      this.#isPlanned = false;
      this.#drain();
    });
  }

  #drain(): void {
    if (this.#isClosed) return;
    const { accumulator, clock, producerId } = this.#options;
    const nowMs = clock.monotonicMs();
    const hasId = producerId === undefined || producerId.identity !== undefined;
    if (!hasId) producerId.ask();
    for (const queue of this.#ready) {
      this.#track(queue, nowMs);
      if (!queue.isActive || !hasId) continue;
      const place = accumulator.placeOf(queue);
      if (place === undefined) this.#withoutLeader(queue);
      else this.#route(place.leader, queue);
    }
    this.#ready.clear();
    for (const route of this.#routes.values()) if (route.queues.size > 0) this.#fill(route, nowMs);
  }

  #track(queue: BatchQueue, nowMs: number): void {
    const wakeMs = queue.wakeMs(nowMs);
    if (wakeMs !== undefined) {
      this.#active.add(queue);
      this.#alarm.at(wakeMs);
    } else {
      this.#active.delete(queue);
    }
  }

  #withoutLeader(queue: BatchQueue): void {
    const message = `partition ${queue.partition} of topic ${queue.topic} has no leader that is known`;
    queue.unreachable({ code: "NOT_LEADER_OR_FOLLOWER", message });
    // The queue is woken when the look-up has ended, whatever it found.
    void this.#options.metadata.refresh(queue.topic);
  }

  #route(address: string, queue: BatchQueue): void {
    let route = this.#routes.get(address);
    if (route === undefined) {
      route = { address, call: undefined, queues: new Set() };
      this.#routes.set(address, route);
    }
    route.queues.add(queue);
  }

  /** Sends what may be sent, a batch of each partition in turn, as long as the stream takes it. */
  #fill(route: Route, nowMs: number): void {
    const { acks, accumulator, producerId, requestBytes, requestTimeoutMs } = this.#options;
    const call = this.#callOf(route);
    while (route.queues.size > 0 && call.isReady) {
      const entries: ProduceEntry[] = [];
      const batches: PendingBatch[] = [];
      const queues: BatchQueue[] = [];
      let bytes = 0;
      for (const queue of [...route.queues]) {
        if (bytes >= requestBytes || entries.length === entriesMax) break;
        route.queues.delete(queue);
        const place = accumulator.placeOf(queue);
        if (place?.leader !== route.address) {
          this.wake(queue);
          continue;
        }
        const batch = queue.next(nowMs, place.log, call, producerId?.identity);
        if (batch === undefined) {
          this.#track(queue, nowMs);
          continue;
        }
        route.queues.add(queue);
        entries.push({ id: { topicId: place.log, partition: queue.partition }, leaderEpoch: place.leaderEpoch, batch: batch.bytes! });
        batches.push(batch);
        queues.push(queue);
        bytes += batch.bytes!.length;
      }
      if (entries.length === 0) return;
      call.send({ acks, timeoutMs: requestTimeoutMs, entries }, (outcome) => this.#answered(call, queues, batches, outcome));
    }
  }

  #callOf(route: Route): ProduceCall {
    if (route.call !== undefined) return route.call;
    const call = this.#options.brokers.openProduce(route.address, {
      ready: () => this.#fill(route, this.#options.clock.monotonicMs()),
      closed: () => {
        if (route.call === call) route.call = undefined;
        for (const queue of route.queues) this.wake(queue);
        route.queues.clear();
      },
    });
    route.call = call;
    return call;
  }

  #answered(
    call: ProduceCall,
    queues: readonly BatchQueue[],
    batches: readonly PendingBatch[],
    outcome: readonly ProduceResult[] | ClusterError,
  ): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (let at = 0; at < queues.length; at += 1) {
      const queue = queues[at]!;
      const batch = batches[at]!;
      if (this.#options.acks === "none") {
        queue.handedOver(batch);
      } else if (outcome instanceof ClusterError) {
        queue.lost(nowMs, batch, { code: outcome.code, message: outcome.message });
        void this.#options.metadata.refresh(queue.topic);
      } else if (queue.answered(nowMs, batch, outcome[at]!, call)) {
        void this.#options.metadata.refresh(queue.topic);
      }
      if (!this.#isClosed) this.wake(queue);
    }
  }

  #ring(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const queue of this.#active) {
      queue.expire(nowMs);
      this.wake(queue);
    }
    const nextMs = this.#options.onTime(nowMs);
    if (nextMs !== undefined) this.#alarm.at(nextMs);
  }
}
