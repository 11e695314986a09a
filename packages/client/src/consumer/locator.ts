// Where reading begins and ends: from words and times to offsets, by asking the leaders, for as long as it takes.

import { ClusterError, type Offset, type TopicId } from "@varve/model";
import { sleep } from "@varve/runtime";
import { listPositions, type Position } from "../admin.ts";
import type { Backoff } from "../backoff.ts";
import type { ClientContext } from "../client-context.ts";
import type { TopicPartition } from "../leader-calls.ts";

/** A place in a partition. A time beyond the newest record is "latest". */
export type Place = Position | { readonly offset: Offset | number };

export interface Located {
  readonly offset: Offset;
  /** The log that it is an offset of. */
  readonly topicId: TopicId;
}

export interface PlacedPartition extends TopicPartition {
  readonly place: Place;
}

/** Repeats `work` until it succeeds, fails in a way that will not pass, or nobody waits any more: a reader has no deadline of its own. */
export async function persist<T>(
  context: ClientContext,
  backoff: Backoff,
  signal: AbortSignal,
  work: () => Promise<T | undefined>,
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      const result = await work();
      if (result !== undefined) return result;
    } catch (error) {
      const passes = error instanceof ClusterError && error.retriable && error.code !== "UNKNOWN_TOPIC_OR_PARTITION";
      if (signal.aborted || !passes) throw error;
    }
    await sleep(context.ports.clock, backoff.delayMs(failures), signal);
  }
}

/**
 * @returns one for each item, in their order.
 * @throws {ClusterError} UNKNOWN_TOPIC_OR_PARTITION and what else will not pass; the signal's reason.
 */
export function locate(
  context: ClientContext,
  backoff: Backoff,
  items: readonly PlacedPartition[],
  signal: AbortSignal,
): Promise<readonly Located[]> {
  return persist(context, backoff, signal, () => attempt(context, items, signal));
}

/** @returns undefined when a topic was created again while it was asked about. */
async function attempt(
  context: ClientContext,
  items: readonly PlacedPartition[],
  signal: AbortSignal,
): Promise<readonly Located[] | undefined> {
  const before = await topicIds(context, items, signal);
  const offsets = await offsetsOf(context, items, signal);
  const after = await topicIds(context, items, signal);
  if (before.some((topicId, at) => topicId !== after[at])) return undefined;
  return offsets.map((offset, at) => ({ offset, topicId: after[at]! }));
}

function topicIds(context: ClientContext, items: readonly TopicPartition[], signal: AbortSignal): Promise<readonly TopicId[]> {
  return Promise.all(items.map(async ({ topic }) => (await context.metadata.resolve(topic, signal)).topicId));
}

async function offsetsOf(context: ClientContext, items: readonly PlacedPartition[], signal: AbortSignal): Promise<readonly Offset[]> {
  const offsets = new Map<PlacedPartition, Offset>();
  const asked: (TopicPartition & { readonly item: PlacedPartition; readonly position: Position })[] = [];
  for (const item of items) {
    const { place, topic, partition } = item;
    if (typeof place === "object" && "offset" in place) offsets.set(item, place.offset as Offset);
    else asked.push({ topic, partition, item, position: place });
  }
  const listed = await listPositions(context, asked, signal);
  const tooNew: typeof asked = [];
  listed.forEach(({ offset }, at) => {
    const entry = asked[at]!;
    if (offset === undefined) tooNew.push({ ...entry, position: "latest" });
    else offsets.set(entry.item, offset);
  });
  const latest = await listPositions(context, tooNew, signal);
  latest.forEach(({ offset }, at) => {
    offsets.set(tooNew[at]!.item, offset!);
  });
  return items.map((item) => offsets.get(item)!);
}
