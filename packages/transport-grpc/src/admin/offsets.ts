// DeleteRecords and ListOffsets.

import type { DeleteRecordsEntry, ListedOffset, ListOffsetsEntry, OffsetPosition, Outcome } from "@varve/api";
import type { Offset, PartitionId } from "@varve/model";
import { adminMethods, type contract } from "@varve/proto";
import { type AdminOperation, operation } from "./operation.ts";
import { bounded, fromOutcome, fromTopicId, invalidRequest, toOffset, toOutcome, toSafeInteger, toTopicId } from "./values.ts";

export const deleteRecords: AdminOperation<readonly DeleteRecordsEntry[], readonly Outcome<Offset>[]> = operation(
  adminMethods.DeleteRecords,
  {
    toRequest: (message) =>
      bounded(message.entries, "entries").map(({ topicId, partition, beforeOffset }) => ({
        id: toId(topicId, partition),
        before: beforeOffset === undefined ? undefined : toOffset(beforeOffset, "before_offset"),
      })),
    fromRequest: (entries) => ({ entries: entries.map(({ id, before }) => ({ ...fromId(id), beforeOffset: before })) }),
    toResult: (message) =>
      message.results.map((result) => toOutcome(result, (value) => toOffset(value.logStartOffset, "log_start_offset"))),
    fromResult: (outcomes) => ({ results: outcomes.map((outcome) => fromOutcome(outcome, (logStartOffset) => ({ logStartOffset }))) }),
    call: (api, entries, signal) => api.deleteRecords(entries, signal),
  },
);

export const listOffsets: AdminOperation<readonly ListOffsetsEntry[], readonly Outcome<ListedOffset>[]> = operation(
  adminMethods.ListOffsets,
  {
    toRequest: (message) =>
      bounded(message.entries, "entries").map((entry) => ({
        id: toId(entry.topicId, entry.partition),
        position: toPosition(entry),
        leaderEpoch: entry.leaderEpoch,
      })),
    fromRequest: (entries) => ({
      entries: entries.map(({ id, position, leaderEpoch }) => ({ ...fromId(id), ...fromPosition(position), leaderEpoch })),
    }),
    toResult: (message) =>
      message.results.map((result) =>
        toOutcome(result, ({ offset, timestampMs, leaderEpoch }) => ({
          offset: offset === undefined ? undefined : toOffset(offset, "offset"),
          timestampMs: timestampMs === undefined ? undefined : toSafeInteger(timestampMs, "timestamp_ms"),
          leaderEpoch,
        })),
      ),
    fromResult: (outcomes) => ({ results: outcomes.map((outcome) => fromOutcome(outcome, (listed) => listed)) }),
    call: (api, entries, signal) => api.listOffsets(entries, signal),
  },
);

function toId(topicId: Uint8Array, partition: number): PartitionId {
  return { topicId: toTopicId(topicId, "topic_id"), partition };
}

function fromId({ topicId, partition }: PartitionId): { readonly topicId: Uint8Array; readonly partition: number } {
  return { topicId: fromTopicId(topicId), partition };
}

function toPosition(entry: contract.ListOffsetsEntry): OffsetPosition {
  switch (entry.position) {
    case "earliest":
    case "latest":
      return { kind: entry.position };
    case "timestampMs":
      return { kind: "timestamp", timestampMs: toSafeInteger(entry.timestampMs ?? 0, "timestamp_ms") };
    case undefined:
      throw invalidRequest("position is none of earliest, latest, timestamp_ms");
  }
}

function fromPosition(position: OffsetPosition): contract.ListOffsetsEntryInput {
  if (position.kind === "timestamp") return { timestampMs: position.timestampMs };
  return position.kind === "earliest" ? { earliest: {} } : { latest: {} };
}
