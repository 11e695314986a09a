// A read: what is committed from the asked offsets on, at once when it is enough, else when it is or when the wait is over.

import type { FetchRequest, FetchResult } from "@varve/api";
import type { Failure } from "@varve/model";
import type { Partition } from "@varve/partition";
import type { BrokerContext } from "../context.ts";
import { Gathering } from "./gathering.ts";

export async function fetch(context: BrokerContext, request: FetchRequest, signal: AbortSignal): Promise<readonly FetchResult[]> {
  const untilMs = context.clock.monotonicMs() + request.maxWaitMs;
  for (;;) {
    const gathering = new Gathering(context, request, { untilMs, signal });
    const results = await gathering.run();
    const waitMs = untilMs - context.clock.monotonicMs();
    if (gathering.isEnough || waitMs <= 0 || signal.aborted) {
      context.metrics.fetchedBytes.add(gathering.bytes);
      return results;
    }
    await change(context, request, gathering.bytes, waitMs, signal);
  }
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
