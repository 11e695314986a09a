// A read: what is committed from the asked offsets on, at once when it is enough, else when it is or when the wait is over.

import type { FetchEntry, FetchRequest, FetchResult } from "@varve/api";
import type { ReadResult } from "@varve/log";
import type { Failure } from "@varve/model";
import type { Leadership, Partition } from "@varve/partition";
import type { BrokerContext } from "../context.ts";
import { unreadable } from "./unreadable.ts";

export async function fetch(context: BrokerContext, request: FetchRequest, signal: AbortSignal): Promise<readonly FetchResult[]> {
  const untilMs = context.clock.monotonicMs() + request.maxWaitMs;
  for (;;) {
    const room = context.fetchRoom.take(request.maxBytes);
    if (room !== undefined) await room;
    const bytesMax = Math.min(request.maxBytes, request.bytesMaxNow?.() ?? request.maxBytes);
    const gathered = await gather(context, request.entries, bytesMax).finally(() => context.fetchRoom.leave(request.maxBytes));
    const waitMs = untilMs - context.clock.monotonicMs();
    const enough = gathered.bytes >= Math.min(request.minBytes, bytesMax) || gathered.hasFailure;
    if (enough || waitMs <= 0 || signal.aborted) {
      context.metrics.fetchedBytes.add(gathered.bytes);
      return gathered.results;
    }
    await change(context, request, gathered.bytes, waitMs, signal);
  }
}

interface Gathered {
  readonly results: readonly FetchResult[];
  readonly bytes: number;
  readonly hasFailure: boolean;
}

async function gather(context: BrokerContext, entries: readonly FetchEntry[], bytesMax: number): Promise<Gathered> {
  const results: FetchResult[] = [];
  let bytes = 0;
  let hasFailure = false;
  for (const entry of entries) {
    // The first partition that has records may exceed the bound by one batch; the others fit into what is left.
    const left = bytesMax - bytes;
    const result = bytes > 0 && left <= 0 ? nothing(context, entry) : await readOne(context, entry, Math.max(0, left), bytes > 0);
    if (result.kind === "failed") hasFailure = true;
    else bytes += result.byteLength;
    results.push(result);
  }
  return { results, bytes, hasFailure };
}

async function readOne(context: BrokerContext, entry: FetchEntry, bytesMax: number, mustFit: boolean): Promise<FetchResult> {
  const led = context.partitions.led(entry.id, entry.leaderEpoch);
  if (led.kind === "failed") return led;
  const { leadership, partition } = led;
  if (entry.from > leadership.highWatermark) return outOfRange(leadership, partition, entry);
  const reading = partition.read(leadership, entry.from, Math.min(entry.maxBytes, bytesMax));
  // Only what comes from the disk is a promise; the newest records are answered in this turn.
  const read = reading instanceof Promise ? await reading.catch(unreadable) : reading;
  if ("code" in read) return { kind: "failed", failure: read };
  return mustFit && read.kind === "batches" && read.byteLength > bytesMax
    ? nothing(context, entry)
    : resultOf(leadership, partition, entry, read);
}

function resultOf(leadership: Leadership, partition: Partition, entry: FetchEntry, read: ReadResult): FetchResult {
  const marks = { highWatermark: leadership.highWatermark, logStart: partition.log.logStart };
  switch (read.kind) {
    case "batches":
      return { kind: "batches", ...marks, chunks: read.chunks, byteLength: read.byteLength };
    case "damaged":
      return { kind: "failed", ...marks, failure: { code: "CORRUPT_MESSAGE", message: read.error.message }, resumeAt: read.resumeAt };
    case "out-of-range":
      return outOfRange(leadership, partition, entry);
  }
}

function outOfRange(leadership: Leadership, partition: Partition, entry: FetchEntry): FetchResult {
  const { highWatermark } = leadership;
  const { logStart } = partition.log;
  const what = `${partition.topicName}-${entry.id.partition}: asked ${entry.from}, committed records are [${logStart}, ${highWatermark})`;
  return { kind: "failed", failure: { code: "OFFSET_OUT_OF_RANGE", message: what }, highWatermark, logStart };
}

function nothing(context: BrokerContext, entry: FetchEntry): FetchResult {
  const led = context.partitions.led(entry.id, entry.leaderEpoch);
  if (led.kind === "failed") return led;
  return { kind: "batches", highWatermark: led.leadership.highWatermark, logStart: led.partition.log.logStart, chunks: [], byteLength: 0 };
}

/** Resolves when there may be enough, when the wait is over, or when nobody waits any more. */
function change(context: BrokerContext, request: FetchRequest, gatheredBytes: number, waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const partitions = request.entries.map(({ id }) => context.partitions.get(id)).filter((partition) => partition !== undefined);
    const before = partitions.map(({ log }) => log.byteLength);
    // Retention may shrink a log meanwhile; that is no reason to count what another one gained as less.
    const grownBytes = () => partitions.reduce((bytes, { log }, at) => bytes + Math.max(0, log.byteLength - before[at]!), 0);
    // Appended before the wait and committed during it: how many bytes these are is not known, so any change is looked into.
    const hasUncommitted = partitions.some((partition) => isAheadOfCommit(partition));
    const rolesBefore = partitions.map((partition) => roleOf(partition));
    const done = () => {
      for (const stop of stops) stop();
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    // Appended bytes bound committed ones from above: as long as they are too few there is no need to read again.
    const changed = () => {
      const moved = partitions.some((partition, at) => roleOf(partition) !== rolesBefore[at]);
      if (moved || hasUncommitted || gatheredBytes + grownBytes() >= request.minBytes) done();
    };
    const stops = partitions.map((partition) => partition.onChange(changed));
    const timer = context.clock.setTimer(waitMs, done);
    signal.addEventListener("abort", done, { once: true });
  });
}

function isAheadOfCommit(partition: Partition): boolean {
  const led = partition.led(undefined);
  return led.kind === "leader" && partition.log.logEnd > led.leadership.highWatermark;
}

/** Changes whenever the partition is led in another way. */
function roleOf(partition: Partition): number | Failure["code"] {
  const led = partition.led(undefined);
  return led.kind === "leader" ? led.leadership.leaderEpoch : led.failure.code;
}
