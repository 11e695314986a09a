// A produce stream under load with batches that were made before: closed (a fixed number of requests unanswered) or open (a fixed
// rate, latencies from the moment a request was due).

import type { Acks, ProduceRequest, ProduceResult } from "@varve/api";
import type { ClusterError, PartitionId } from "@varve/model";
import type { LoadCounts } from "./measure-load.ts";
import { OpenLoop } from "./open-loop.ts";

/** What a transport offers for it: one produce stream. */
export interface ProduceLine {
  readonly isReady: boolean;
  /** `done` is called once, with one result for each entry or with why there is none. */
  send(request: ProduceRequest, done: (outcome: readonly ProduceResult[] | ClusterError) => void): void;
}

export interface ProduceLoadOptions {
  /** Requests go to one after the other in turn. */
  readonly partitions: readonly PartitionId[];
  readonly batch: Uint8Array;
  readonly recordCount: number;
  readonly acks: Acks;
  readonly timeoutMs: number;
  /** Requests that are unanswered at most. */
  readonly depth: number;
  /** Absent: as fast as answers come. */
  readonly perSecond?: number;
}

/** How often an open loop looks for what is due. */
const openLoopTickMs = 1;

export class ProduceLoad {
  readonly #line: ProduceLine;
  readonly #options: ProduceLoadOptions;
  readonly #counts: LoadCounts;
  readonly #requests: readonly ProduceRequest[];
  #inFlight = 0;
  #next = 0;
  #schedule: OpenLoop | undefined;
  #ticks: NodeJS.Timeout | undefined;
  #isRunning = false;

  constructor(line: ProduceLine, options: ProduceLoadOptions, counts: LoadCounts) {
    this.#line = line;
    this.#options = options;
    this.#counts = counts;
    const { acks, timeoutMs, batch } = options;
    this.#requests = options.partitions.map((id) => ({ acks, timeoutMs, entries: [{ id, leaderEpoch: undefined, batch }] }));
  }

  start(): void {
    this.#isRunning = true;
    const { perSecond } = this.#options;
    if (perSecond !== undefined) {
      this.#schedule = new OpenLoop(performance.now(), perSecond);
      this.#ticks = setInterval(() => this.pump(), openLoopTickMs);
    }
    this.pump();
  }

  stop(): void {
    this.#isRunning = false;
    clearInterval(this.#ticks);
  }

  /** Also to be called when the stream has become ready. */
  pump(): void {
    while (this.#isRunning && this.#inFlight < this.#options.depth && this.#line.isReady) {
      const sinceMs = this.#schedule === undefined ? performance.now() : this.#schedule.take(performance.now());
      if (sinceMs === undefined) return;
      this.#send(sinceMs);
    }
  }

  #send(sinceMs: number): void {
    const request = this.#requests[this.#next]!;
    this.#next = (this.#next + 1) % this.#requests.length;
    this.#inFlight += 1;
    this.#line.send(request, (outcome) => {
      this.#inFlight -= 1;
      this.#answered(sinceMs, outcome);
      this.pump();
    });
  }

  #answered(sinceMs: number, outcome: readonly ProduceResult[] | ClusterError): void {
    // The stream's end when the load stops is no failure of the server.
    if (!this.#isRunning) return;
    const counts = this.#counts;
    const failure = outcome instanceof Error ? outcome : outcome.find((result) => result.kind === "failed")?.failure;
    if (failure !== undefined) {
      counts.fail(failure.message);
      this.#isRunning = false;
      return;
    }
    counts.ops += 1;
    counts.bytes += this.#options.batch.length;
    counts.records += this.#options.recordCount;
    counts.latencies.record((performance.now() - sinceMs) * 1_000);
  }
}
