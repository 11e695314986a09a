// A fetch stream under load: every partition is read from one offset to another over and over, one request of each unanswered, as a consumer
// does that must see where an answer ends before it can ask for what follows.

import type { FetchRequest, FetchResult } from "@varve/api";
import { type ClusterError, type Offset, offsetZero, type PartitionId, toOffset } from "@varve/model";
import { batchSize, lastOffsetOf, recordCountOf } from "@varve/record";
import type { LoadCounts } from "./measure-load.ts";

/** What a transport offers for it: one fetch stream. */
export interface FetchLine {
  readonly isReady: boolean;
  send(request: FetchRequest, done: (outcome: readonly FetchResult[] | ClusterError, heldBytes: number) => void): void;
  release(heldBytes: number): void;
}

export interface FetchLoadOptions {
  readonly partitions: readonly PartitionId[];
  /** Reading begins again at 0 when it has come this far. */
  readonly endOffset: Offset;
  /** Of one answer. */
  readonly maxBytes: number;
}

const maxWaitMs = 500;

export class FetchLoad {
  readonly #line: FetchLine;
  readonly #options: FetchLoadOptions;
  readonly #counts: LoadCounts;
  /** Partitions whose turn it is to ask, and from where. */
  readonly #waiting: { readonly id: PartitionId; readonly from: Offset }[];
  #isRunning = false;

  constructor(line: FetchLine, options: FetchLoadOptions, counts: LoadCounts) {
    this.#line = line;
    this.#options = options;
    this.#counts = counts;
    this.#waiting = options.partitions.map((id) => ({ id, from: offsetZero }));
  }

  start(): void {
    this.#isRunning = true;
    this.pump();
  }

  stop(): void {
    this.#isRunning = false;
  }

  /** Also to be called when the stream has become ready. */
  pump(): void {
    while (this.#isRunning && this.#line.isReady) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#ask(next.id, next.from);
    }
  }

  #ask(id: PartitionId, from: Offset): void {
    const { maxBytes } = this.#options;
    const entry = { id, from, maxBytes, leaderEpoch: undefined };
    const sinceMs = performance.now();
    this.#line.send({ maxWaitMs, minBytes: 1, maxBytes, entries: [entry] }, (outcome, heldBytes) => {
      if (!this.#isRunning) return;
      const result = outcome instanceof Error ? outcome : outcome[0]!;
      if (result instanceof Error || result.kind === "failed") {
        this.#counts.fail(result instanceof Error ? result.message : result.failure.message);
        this.#isRunning = false;
        return;
      }
      this.#counts.latencies.record((performance.now() - sinceMs) * 1_000);
      const nextOffset = this.#count(result.chunks, from);
      this.#line.release(heldBytes);
      this.#waiting.push({ id, from: nextOffset >= this.#options.endOffset ? offsetZero : nextOffset });
      this.pump();
    });
  }

  /** @returns the offset behind the answer. */
  #count(chunks: readonly Uint8Array[], from: Offset): Offset {
    const counts = this.#counts;
    let next: number = from;
    counts.ops += 1;
    for (const chunk of chunks) {
      counts.bytes += chunk.length;
      for (let at = 0; at < chunk.length; at += batchSize(chunk, at)) {
        counts.records += recordCountOf(chunk, at);
        next = lastOffsetOf(chunk, at) + 1;
      }
    }
    return toOffset(next);
  }
}
