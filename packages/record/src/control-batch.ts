// Control batches: what a cluster writes into a partition for itself, such as the end of a transaction. They take offsets like any
// other batch and are shown to no application. When one is due is decided elsewhere.
//
//  key    version int16 (0) | type int16
//  value  of ABORT and COMMIT: version int16 (0) | coordinatorEpoch int32; of the others a message of its own

import { ClusterError, type Compression } from "@varve/model";
import { BatchBuilder } from "./batch-builder.ts";
import { attributesOf, baseOffsetOf, isControl, stampBatch, stampChecksum } from "./header.ts";
import { readInt16, readInt32, writeInt16, writeInt32 } from "./integers.ts";
import { attributesAt, batchHeaderBytes, controlBit, none } from "./layout.ts";
import { type LogRecord, readRecords } from "./record-reader.ts";

/** By their number in a control record's key. */
export const controlTypes = [
  "ABORT",
  "COMMIT",
  "LEADER_CHANGE",
  "SNAPSHOT_HEADER",
  "SNAPSHOT_FOOTER",
  "KRAFT_VERSION",
  "KRAFT_VOTERS",
] as const;
export type ControlType = (typeof controlTypes)[number];
/** How a transaction ended. */
export type TransactionOutcome = "ABORT" | "COMMIT";

export interface ControlBatchPlace {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly timestampMs: number;
}

export interface EndTransactionMarker {
  readonly outcome: TransactionOutcome;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
}

export type ControlRecord =
  | { readonly type: TransactionOutcome; readonly offset: number; readonly timestamp: number; readonly coordinatorEpoch: number }
  | {
      /** UNKNOWN is one of a later version: skip it. */
      readonly type: Exclude<ControlType, TransactionOutcome> | "UNKNOWN";
      readonly offset: number;
      readonly timestamp: number;
      readonly value: Uint8Array | null;
    };

const keyBytes = 4;
const markerValueBytes = 6;

/** @returns the marker as a batch of one record, stamped and with its checksum. */
export function buildEndTransactionMarker(marker: EndTransactionMarker, place: ControlBatchPlace, compression: Compression): Uint8Array {
  const value = new Uint8Array(markerValueBytes);
  writeInt32(value, 2, marker.coordinatorEpoch);
  return build(marker.outcome, value, marker, place, compression);
}

/** @param value the type's own message. @returns a batch of one record, stamped and with its checksum. */
export function buildControlBatch(
  type: Exclude<ControlType, TransactionOutcome>,
  value: Uint8Array,
  place: ControlBatchPlace,
  compression: Compression,
): Uint8Array {
  return build(type, value, undefined, place, compression);
}

function build(
  type: ControlType,
  value: Uint8Array,
  marker: EndTransactionMarker | undefined,
  place: ControlBatchPlace,
  compression: Compression,
): Uint8Array {
  const key = new Uint8Array(keyBytes);
  writeInt16(key, 2, controlTypes.indexOf(type));
  const bytesMax = 2 * batchHeaderBytes + keyBytes + value.length;
  const builder = new BatchBuilder({ bytesTarget: bytesMax, bytesMax }, compression);
  builder.append(place.timestampMs, key, value);
  const producer = marker && { id: marker.producerId, epoch: marker.producerEpoch, baseSequence: none };
  const batch = builder.finish({ producer, isTransactional: marker !== undefined });
  stampBatch(batch, 0, place.baseOffset, place.leaderEpoch);
  writeInt16(batch, attributesAt, attributesOf(batch, 0) | controlBit);
  stampChecksum(batch, 0, compression);
  return batch;
}

/**
 * @returns what the control batch at `at` says; one record as a rule.
 * @throws {ClusterError} INVALID_RECORD when it is no control batch or a record's key or value is too short; others as `RecordReader`.
 */
export function readControlBatch(bytes: Uint8Array, at: number, compression: Compression): readonly ControlRecord[] {
  const records = [...readRecords(bytes, at, compression)];
  if (!isControl(attributesOf(bytes, at))) {
    throw new ClusterError("INVALID_RECORD", `the batch at offset ${baseOffsetOf(bytes, at)} is no control batch`);
  }
  return records.map(readControlRecord);
}

function readControlRecord(record: LogRecord): ControlRecord {
  const { offset, timestamp, key, value } = record;
  if (key === null || key.length < keyBytes || readInt16(key, 0) < 0) {
    throw new ClusterError("INVALID_RECORD", `the control record at offset ${offset} has no key of version and type`);
  }
  const type = controlTypes[readInt16(key, 2)] ?? "UNKNOWN";
  if (type !== "ABORT" && type !== "COMMIT") return { type, offset, timestamp, value };
  if (value === null || value.length < markerValueBytes) {
    throw new ClusterError("INVALID_RECORD", `the ${type} marker at offset ${offset} has no coordinator epoch`);
  }
  return { type, offset, timestamp, coordinatorEpoch: readInt32(value, 2) };
}
