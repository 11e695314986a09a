// A write: each entry's batch is checked, appended by the leader of its partition, and answered when its `acks` are fulfilled.
// What can be done in the caller's turn is done there: the order of calls is the order in the log.

import type { Acks, ProduceEntry, ProduceRequest, ProduceResult } from "@varve/api";
import type { Failure, Offset } from "@varve/model";
import type { Leadership, Partition } from "@varve/partition";
import { checkProducedBatch } from "@varve/record";
import type { Waiting } from "../answer-deadlines.ts";
import type { BrokerContext } from "../context.ts";

export function produce(context: BrokerContext, request: ProduceRequest): Promise<readonly ProduceResult[]> {
  return new Promise((resolve) => {
    const answer = new ProduceAnswer(context, request, resolve);
    for (let entry = 0; entry < request.entries.length; entry += 1) write(context, request.acks, request.entries[entry]!, entry, answer);
    answer.begun();
  });
}

/** One request's outcomes as they come in; resolves when all are there or its time is up. */
class ProduceAnswer implements Waiting {
  readonly deadlineMs: number;
  readonly #context: BrokerContext;
  readonly #results: Array<ProduceResult | undefined>;
  readonly #resolve: (results: readonly ProduceResult[]) => void;
  /** Gives up the appends that wait for room. */
  readonly #cancels: (() => void)[] = [];
  #open: number;
  #waits = false;

  constructor(context: BrokerContext, request: ProduceRequest, resolve: (results: readonly ProduceResult[]) => void) {
    this.#context = context;
    this.deadlineMs = context.clock.monotonicMs() + request.timeoutMs;
    this.#open = request.entries.length;
    this.#results = new Array(request.entries.length).fill(undefined);
    this.#resolve = resolve;
  }

  settle(entry: number, result: ProduceResult): void {
    if (this.#results[entry] !== undefined) return;
    this.#results[entry] = result;
    this.#open -= 1;
    if (this.#open === 0 && this.#waits) {
      this.#context.deadlines.remove(this);
      this.#resolve(this.#results as ProduceResult[]);
    }
  }

  fail(entry: number, failure: Failure): void {
    this.#context.metrics.refusedBatches.add(1, { code: failure.code });
    this.settle(entry, { kind: "failed", failure });
  }

  /** All entries have been tried: from here on the answer may leave. */
  begun(): void {
    this.#waits = true;
    if (this.#open === 0) this.#resolve(this.#results as ProduceResult[]);
    else this.#context.deadlines.add(this);
  }

  /** An append waits for room; when the answer comes before its turn, it is not made any more and its batch is let go. */
  appendWaits(cancel: () => void): void {
    this.#cancels.push(cancel);
  }

  expire(): void {
    for (const cancel of this.#cancels) cancel();
    const failure: Failure = { code: "REQUEST_TIMED_OUT", message: "the write was not settled in the time that the request allows" };
    for (let entry = 0; entry < this.#results.length; entry += 1) this.settle(entry, { kind: "failed", failure });
  }
}

function write(context: BrokerContext, acks: Acks, entry: ProduceEntry, index: number, answer: ProduceAnswer): void {
  const refusal = refusalOf(context, acks, entry);
  if ("code" in refusal) return answer.fail(index, refusal);
  const { partition } = refusal;
  const turn = partition.whenRoom(entry.batch.length, () => append(context, acks, entry, index, answer));
  if (turn.kind === "waits") answer.appendWaits(turn.cancel);
  if (turn.kind === "refused") {
    answer.fail(index, {
      code: "THROTTLING_QUOTA_EXCEEDED",
      message: `${partition.topicName}-${entry.id.partition}: too many writes wait for the disk`,
    });
  }
}

/** Why the entry is not even tried, or where it goes. */
function refusalOf(context: BrokerContext, acks: Acks, entry: ProduceEntry): Failure | { readonly partition: Partition } {
  const led = context.partitions.led(entry.id, entry.leaderEpoch);
  if (led.kind === "failed") return led.failure;
  const tooFew = acks === "all" ? led.leadership.tooFewInSync : undefined;
  const failure =
    context.logs.writeRefusal ??
    tooFew ??
    checkProducedBatch(entry.batch, led.partition.batchBounds, context.clock.wallMs(), context.compression);
  return failure ?? { partition: led.partition };
}

function append(context: BrokerContext, acks: Acks, entry: ProduceEntry, index: number, answer: ProduceAnswer): void {
  // Asked again: the append may have waited for room, and the leadership ended meanwhile.
  const led = context.partitions.led(entry.id, entry.leaderEpoch);
  if (led.kind === "failed") return answer.fail(index, led.failure);
  const { leadership, partition } = led;
  const result = leadership.append(entry.batch, context.clock.wallMs());
  if (result.kind === "refused") return answer.fail(index, result.failure);
  if (result.kind === "appended") {
    context.metrics.producedBatches.add(1);
    context.metrics.producedBytes.add(entry.batch.length);
  }
  const appendTimeMs = partition.config["message.timestamp.type"] === "LogAppendTime" ? result.appendTimeMs : undefined;
  const stored: ProduceResult = { kind: "stored", baseOffset: result.baseOffset, appendTimeMs, logStart: partition.log.logStart };
  if (acks === "all") whenCommitted(leadership, result.lastOffset, stored, index, answer);
  else answer.settle(index, stored);
}

function whenCommitted(leadership: Leadership, lastOffset: Offset, stored: ProduceResult, index: number, answer: ProduceAnswer): void {
  leadership.whenCommitted((lastOffset + 1) as Offset, (failure) => {
    if (failure === undefined) answer.settle(index, stored);
    else answer.fail(index, failure);
  });
}
