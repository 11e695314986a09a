// Where a partition begins, where it ends for consumers, and which record is the first of a time. A look-up by time opens one batch.

import type { ListedOffset, ListOffsetsEntry, Outcome } from "@varve/api";
import { type Compression, type Failure, failureOf, type Offset } from "@varve/model";
import type { Leadership, Partition } from "@varve/partition";
import { baseOffsetOf, RecordReader } from "@varve/record";
import type { BrokerContext } from "../context.ts";
import { unreadable } from "./unreadable.ts";

export async function listOffsets(context: BrokerContext, entries: readonly ListOffsetsEntry[]): Promise<readonly Outcome<ListedOffset>[]> {
  const outcomes: Outcome<ListedOffset>[] = [];
  for (const entry of entries) outcomes.push(await listOne(context, entry));
  return outcomes;
}

async function listOne(context: BrokerContext, entry: ListOffsetsEntry): Promise<Outcome<ListedOffset>> {
  const led = context.partitions.led(entry.id, entry.leaderEpoch);
  if (led.kind === "failed") return led;
  const { leadership, partition } = led;
  const { leaderEpoch } = leadership;
  switch (entry.position.kind) {
    case "earliest":
      return { kind: "ok", value: { offset: partition.log.logStart, timestampMs: undefined, leaderEpoch } };
    case "latest":
      return { kind: "ok", value: { offset: leadership.highWatermark, timestampMs: undefined, leaderEpoch } };
    case "timestamp":
      return byTime(context, leadership, partition, entry.position.timestampMs);
  }
}

async function byTime(
  context: BrokerContext,
  leadership: Leadership,
  partition: Partition,
  timestampMs: number,
): Promise<Outcome<ListedOffset>> {
  const { leaderEpoch } = leadership;
  let from: Offset | undefined;
  for (;;) {
    const found = await partition.log.findByTime(timestampMs, leadership.highWatermark, from).catch(unreadable);
    if (found === undefined) return { kind: "ok", value: { offset: undefined, timestampMs: undefined, leaderEpoch } };
    if ("code" in found) return { kind: "failed", failure: found };
    // Who begins there is told of the damage, and steps over it; nobody can say more until then.
    if (found.kind === "damaged") return { kind: "ok", value: { offset: found.from, timestampMs: undefined, leaderEpoch } };
    if (found.kind === "out-of-range") return { kind: "failed", failure: moved(partition) };
    const { logStart } = partition.log;
    const batch = found.chunks[0]!;
    try {
      const record = firstAtTime(batch, timestampMs, logStart, context.compression);
      if (record !== undefined) return { kind: "ok", value: { ...record, leaderEpoch } };
    } catch (error) {
      return { kind: "failed", failure: failureOf(error) };
    }
    // The records of that time may be those of the batch that were deleted. Elsewhere the header promised one, and the batch lies.
    if (baseOffsetOf(batch, 0) >= logStart) return { kind: "failed", failure: lying(partition) };
    from = found.nextOffset;
  }
}

function firstAtTime(
  batch: Uint8Array,
  timestampMs: number,
  logStart: Offset,
  compression: Compression,
): { offset: Offset; timestampMs: number } | undefined {
  const reader = new RecordReader(compression);
  reader.open(batch);
  while (reader.next()) {
    if (reader.timestamp >= timestampMs && reader.offset >= logStart)
      return { offset: reader.offset as Offset, timestampMs: reader.timestamp };
  }
  return undefined;
}

function lying(partition: Partition): Failure {
  return { code: "INVALID_RECORD", message: `${partition.topicName}-${partition.id.partition}: a batch lacks the time in its header` };
}

function moved(partition: Partition): Failure {
  return { code: "OFFSET_NOT_AVAILABLE", message: `${partition.topicName}-${partition.id.partition}: the log moved during the look-up` };
}
