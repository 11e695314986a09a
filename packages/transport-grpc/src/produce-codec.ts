// The messages of the produce stream, encoded and decoded by hand around the batches: protobuf's bytes (proto/varve/v1/data.proto), without
// an object or a copy that the batch does not need. What the values mean to a topic is the api's business.

import type { Acks, ProduceEntry, ProduceRequest, ProduceResult } from "@varve/api";
import { ClusterError, errorName, errorTable, type Failure, type Offset, type TopicId } from "@varve/model";
import type { OutgoingMessage } from "@varve/runtime";
import { entriesMax, produceTimeoutMsDefault, produceTimeoutMsMax } from "./limits.ts";
import { invalid, repeatedPartition } from "./request-faults.ts";
import type { TopicIds } from "./topic-ids.ts";
import { WireReader } from "./wire-reader.ts";
import { copiedSize, int32Size, int64Size, lengthSize, uint32Size, utf8Bytes, WireWriter } from "./wire-writer.ts";

/** A request as it came: to be carried out, or to be answered with one failure for each entry. */
export type DecodedProduce =
  | { readonly kind: "request"; readonly correlation: number; readonly request: ProduceRequest }
  | { readonly kind: "refused"; readonly correlation: number; readonly acks: Acks; readonly entryCount: number; readonly failure: Failure };

/** The answer to one request. */
export interface ProduceAnswer {
  readonly correlation: number;
  /** One for each entry of the request, in its order. */
  readonly results: readonly ProduceResult[];
}

export interface ProduceResponse {
  readonly answers: readonly ProduceAnswer[];
  readonly creditBytes: number;
}

const acksNames: readonly Acks[] = ["all", "leader", "none"];
const acksNumbers: Readonly<Record<Acks, number>> = { all: 0, leader: 1, none: 2 };
const nowhere = "" as TopicId;
const noBytes = new Uint8Array(0);

/** Fields of each message: number * 8 + wire type. */
const requestTag = { correlation: 8, acks: 16, timeoutMs: 24, entries: 34 } as const;
const entryTag = { topicId: 10, partition: 16, leaderEpoch: 24, batch: 34 } as const;
const responseTag = { answers: 10, creditBytes: 16 } as const;
const answerTag = { correlation: 8, results: 18 } as const;
const resultTag = { errorCode: 8, errorMessage: 18, baseOffset: 24, appendTimeMs: 32, logStart: 40 } as const;

/**
 * @param message becomes the request's: the batches are views into it.
 * @throws {ClusterError} INVALID_REQUEST when the bytes are no ProduceRequest, or have more than `entriesMax` entries.
 */
export function decodeProduceRequest(message: Uint8Array, topicIds: TopicIds): DecodedProduce {
  const reader = new WireReader(message);
  const entries: ProduceEntry[] = [];
  let correlation = 0;
  let acksNumber = 0;
  let timeoutMs = 0;
  let failure: Failure | undefined;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case requestTag.correlation:
        correlation = reader.uint32();
        break;
      case requestTag.acks:
        acksNumber = reader.int32();
        break;
      case requestTag.timeoutMs:
        timeoutMs = reader.uint32();
        break;
      case requestTag.entries: {
        if (entries.length === entriesMax)
          throw new ClusterError("INVALID_REQUEST", `more than ${entriesMax} entries in a produce request`);
        const outer = reader.enter();
        const entry = decodeEntry(reader, topicIds);
        reader.leave(outer);
        if (entry.id.topicId === nowhere) failure ??= invalid(`entry ${entries.length}: a topic id has 16 bytes`);
        entries.push(entry);
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  const acks = acksNames[acksNumber];
  if (acks === undefined) failure ??= { code: "INVALID_REQUIRED_ACKS", message: `acks ${acksNumber} is none of ${acksNames.join(", ")}` };
  failure ??= repeatedPartition(entries);
  if (failure !== undefined) return { kind: "refused", correlation, acks: acks ?? "all", entryCount: entries.length, failure };
  const limitedMs = timeoutMs === 0 ? produceTimeoutMsDefault : Math.min(timeoutMs, produceTimeoutMsMax);
  return { kind: "request", correlation, request: { acks: acks ?? "all", timeoutMs: limitedMs, entries } };
}

function decodeEntry(reader: WireReader, topicIds: TopicIds): ProduceEntry {
  let topicId: TopicId | undefined;
  let partition = 0;
  let leaderEpoch: number | undefined;
  let batch: Uint8Array = noBytes;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case entryTag.topicId:
        topicId = topicIds.text(reader.bytes());
        break;
      case entryTag.partition:
        partition = reader.int32();
        break;
      case entryTag.leaderEpoch:
        leaderEpoch = reader.int32();
        break;
      case entryTag.batch:
        batch = reader.bytes();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { id: { topicId: topicId ?? nowhere, partition }, leaderEpoch, batch };
}

/**
 * @returns a message that holds the batches themselves, which must not change until it is answered, and `byteLength`, its length. Nothing is
 * answered with acks "none": then they are copied.
 */
export function encodeProduceRequest(
  correlation: number,
  request: ProduceRequest,
  topicIds: TopicIds,
): { readonly message: OutgoingMessage; readonly byteLength: number } {
  const isAnswered = request.acks !== "none";
  let byteLength = 1 + uint32Size(correlation) + 1 + 1 + 1 + uint32Size(request.timeoutMs);
  let attached = 0;
  for (const entry of request.entries) {
    byteLength += 1 + lengthSize(entrySize(entry));
    if (isAnswered) attached += entry.batch.length - copiedSize(entry.batch.length);
  }
  const writer = new WireWriter(byteLength - attached);
  writer.tag(requestTag.correlation);
  writer.uint32(correlation);
  writer.tag(requestTag.acks);
  writer.uint32(acksNumbers[request.acks]);
  writer.tag(requestTag.timeoutMs);
  writer.uint32(request.timeoutMs);
  for (const entry of request.entries) {
    writer.tag(requestTag.entries);
    writer.uint32(entrySize(entry));
    writer.tag(entryTag.topicId);
    writer.bytes(topicIds.bytes(entry.id.topicId));
    writer.tag(entryTag.partition);
    writer.int32(entry.id.partition);
    if (entry.leaderEpoch !== undefined) {
      writer.tag(entryTag.leaderEpoch);
      writer.int32(entry.leaderEpoch);
    }
    writer.tag(entryTag.batch);
    writer.uint32(entry.batch.length);
    if (isAnswered) writer.attach(entry.batch);
    else writer.raw(entry.batch);
  }
  return { message: writer.finish(), byteLength };
}

function entrySize(entry: ProduceEntry): number {
  const epoch = entry.leaderEpoch === undefined ? 0 : 1 + int32Size(entry.leaderEpoch);
  return 1 + lengthSize(16) + 1 + int32Size(entry.id.partition) + epoch + 1 + lengthSize(entry.batch.length);
}

/** @returns a message, and `byteLength`, its length. */
export function encodeProduceResponse(response: ProduceResponse): { readonly message: OutgoingMessage; readonly byteLength: number } {
  const credit = response.creditBytes === 0 ? 0 : 1 + int64Size(response.creditBytes);
  const sizes: number[] = [];
  let size = credit;
  for (const answer of response.answers) {
    let answerSize = 1 + uint32Size(answer.correlation);
    for (const result of answer.results) answerSize += 1 + lengthSize(resultSize(result));
    sizes.push(answerSize);
    size += 1 + lengthSize(answerSize);
  }
  const writer = new WireWriter(size);
  for (let index = 0; index < sizes.length; index += 1) {
    const answer = response.answers[index]!;
    writer.tag(responseTag.answers);
    writer.uint32(sizes[index]!);
    writer.tag(answerTag.correlation);
    writer.uint32(answer.correlation);
    for (const result of answer.results) {
      writer.tag(answerTag.results);
      writer.uint32(resultSize(result));
      encodeResult(writer, result);
    }
  }
  if (credit > 0) {
    writer.tag(responseTag.creditBytes);
    writer.int64(response.creditBytes);
  }
  return { message: writer.finish(), byteLength: size };
}

function resultSize(result: ProduceResult): number {
  if (result.kind === "failed") {
    return 1 + int32Size(errorTable[result.failure.code].code) + 1 + lengthSize(utf8Bytes(result.failure.message).length);
  }
  const time = result.appendTimeMs === undefined ? 0 : 1 + int64Size(result.appendTimeMs);
  return 1 + int64Size(result.baseOffset) + time + 1 + int64Size(result.logStart);
}

function encodeResult(writer: WireWriter, result: ProduceResult): void {
  if (result.kind === "failed") {
    writer.tag(resultTag.errorCode);
    writer.int32(errorTable[result.failure.code].code);
    writer.tag(resultTag.errorMessage);
    writer.bytes(utf8Bytes(result.failure.message));
    return;
  }
  writer.tag(resultTag.baseOffset);
  writer.int64(result.baseOffset);
  if (result.appendTimeMs !== undefined) {
    writer.tag(resultTag.appendTimeMs);
    writer.int64(result.appendTimeMs);
  }
  writer.tag(resultTag.logStart);
  writer.int64(result.logStart);
}

/** @throws {ClusterError} INVALID_REQUEST when the bytes are no ProduceResponse. */
export function decodeProduceResponse(message: Uint8Array): ProduceResponse {
  const reader = new WireReader(message);
  const answers: ProduceAnswer[] = [];
  let creditBytes = 0;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case responseTag.answers: {
        const outer = reader.enter();
        answers.push(decodeAnswer(reader));
        reader.leave(outer);
        break;
      }
      case responseTag.creditBytes:
        creditBytes = offset(reader.uint64(), "credit_bytes");
        break;
      default:
        reader.skip(tag);
    }
  }
  return { answers, creditBytes };
}

function decodeAnswer(reader: WireReader): ProduceAnswer {
  const results: ProduceResult[] = [];
  let correlation = 0;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case answerTag.correlation:
        correlation = reader.uint32();
        break;
      case answerTag.results: {
        const outer = reader.enter();
        results.push(decodeResult(reader));
        reader.leave(outer);
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  return { correlation, results };
}

function decodeResult(reader: WireReader): ProduceResult {
  let errorCode = 0;
  let message = "";
  let baseOffset = 0;
  let appendTimeMs: number | undefined;
  let logStart = 0;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case resultTag.errorCode:
        errorCode = reader.int32();
        break;
      case resultTag.errorMessage:
        message = reader.text();
        break;
      case resultTag.baseOffset:
        baseOffset = reader.int64();
        break;
      case resultTag.appendTimeMs:
        appendTimeMs = reader.int64();
        break;
      case resultTag.logStart:
        logStart = reader.int64();
        break;
      default:
        reader.skip(tag);
    }
  }
  if (errorCode !== 0) return { kind: "failed", failure: { code: errorName(errorCode), message } };
  if (Number.isNaN(appendTimeMs)) throw new ClusterError("INVALID_REQUEST", "append_time_ms is beyond 2^53");
  return {
    kind: "stored",
    baseOffset: offset(baseOffset, "base_offset") as Offset,
    appendTimeMs,
    logStart: offset(logStart, "log_start_offset") as Offset,
  };
}

function offset(value: number, field: string): number {
  if (value >= 0) return value;
  throw new ClusterError("INVALID_REQUEST", `${field} is not in [0, 2^53)`);
}
