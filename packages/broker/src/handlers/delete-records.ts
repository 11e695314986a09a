// Deletes the records of partitions below an offset, at most up to the high watermark; answered when it is durable.

import type { DeleteRecordsEntry, Outcome } from "@varve/api";
import { failureOf, type Offset } from "@varve/model";
import type { BrokerContext } from "../context.ts";

export function deleteRecords(context: BrokerContext, entries: readonly DeleteRecordsEntry[]): Promise<readonly Outcome<Offset>[]> {
  return Promise.all(entries.map((entry) => deleteBelow(context, entry)));
}

async function deleteBelow(context: BrokerContext, entry: DeleteRecordsEntry): Promise<Outcome<Offset>> {
  const led = context.partitions.led(entry.id, undefined);
  if (led.kind === "failed") return led;
  const { leadership, partition } = led;
  const before = entry.before ?? leadership.highWatermark;
  if (before > leadership.highWatermark) {
    const message = `${partition.topicName}-${entry.id.partition}: asked to delete below ${before}, the high watermark is ${leadership.highWatermark}`;
    return { kind: "failed", failure: { code: "OFFSET_OUT_OF_RANGE", message } };
  }
  try {
    await partition.log.raiseLogStart(before);
    return { kind: "ok", value: partition.log.logStart };
  } catch (error) {
    return { kind: "failed", failure: failureOf(error) };
  }
}
