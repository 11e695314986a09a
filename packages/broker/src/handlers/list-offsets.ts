// Where a partition begins, where it ends for consumers, and which record is the first of a time. A look-up by time opens one batch.

import type { ListedOffset, ListOffsetsEntry, Outcome } from "@varve/api";
import { ClusterError, type Failure, type Offset, failureOf } from "@varve/model";
import type { Leadership, Partition } from "@varve/partition";
import { firstRecordAtTime } from "@varve/record";
import type { BrokerContext } from "../context.ts";

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

async function byTime(context: BrokerContext, leadership: Leadership, partition: Partition, timestampMs: number): Promise<Outcome<ListedOffset>> {
  const { leaderEpoch } = leadership;
  const found = await partition.log.findByTime(timestampMs, leadership.highWatermark);
  if (found === undefined) return { kind: "ok", value: { offset: undefined, timestampMs: undefined, leaderEpoch } };
  if (found.kind === "damaged") return { kind: "failed", failure: { code: "CORRUPT_MESSAGE", message: found.error.message } };
  if (found.kind === "out-of-range") return { kind: "failed", failure: moved(partition) };
  try {
    const record = firstRecordAtTime(found.chunks[0]!, timestampMs, partition.log.logStart, context.compression);
    // The batch's header promises a record of that time; one that has none lies.
    if (record === undefined) throw new ClusterError("CORRUPT_MESSAGE", `${partition.topicName}-${partition.id.partition}: a batch holds no record of the time that its header names`);
    return { kind: "ok", value: { offset: record.offset as Offset, timestampMs: record.timestampMs, leaderEpoch } };
  } catch (error) {
    return { kind: "failed", failure: failureOf(error) };
  }
}

function moved(partition: Partition): Failure {
  return { code: "OFFSET_NOT_AVAILABLE", message: `${partition.topicName}-${partition.id.partition}: the log moved during the look-up` };
}
