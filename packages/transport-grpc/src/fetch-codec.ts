// The messages of the fetch stream, encoded and decoded by hand around the batches: protobuf's bytes (proto/varve/v1/data.proto), without
// a copy of the batches.

import type { FetchEntry, FetchRequest, FetchResult } from "@varve/api";
import { ClusterError, errorName, errorTable, type Failure, type Offset, type TopicId } from "@varve/model";
import type { OutgoingMessage } from "@varve/runtime";
import { entriesMax, fetchBytesMax, fetchWaitMsMax } from "./limits.ts";
import { invalid, repeatedPartition } from "./request-faults.ts";
import type { TopicIds } from "./topic-ids.ts";
import { WireReader } from "./wire-reader.ts";
import { copiedSize, int32Size, int64Size, lengthSize, uint32Size, utf8Bytes, WireWriter } from "./wire-writer.ts";

/** A message of the client: credit alone when it has no entries, a request to carry out, or one to answer with a failure for each entry. */
export type DecodedFetch =
  | { readonly kind: "credit"; readonly creditBytes: number }
  | { readonly kind: "request"; readonly correlation: number; readonly creditBytes: number; readonly request: FetchRequest }
  | {
      readonly kind: "refused";
      readonly correlation: number;
      readonly creditBytes: number;
      readonly entryCount: number;
      readonly failure: Failure;
    };

export interface FetchResponse {
  readonly correlation: number;
  /** One for each entry of the request, in its order. */
  readonly results: readonly FetchResult[];
}

const nowhere = "" as TopicId;
const noBytes = new Uint8Array(0);

/** Fields of each message: number * 8 + wire type. */
const requestTag = { correlation: 8, maxWaitMs: 16, minBytes: 24, maxBytes: 32, entries: 42, creditBytes: 48 } as const;
const entryTag = { topicId: 10, partition: 16, from: 24, maxBytes: 32, leaderEpoch: 40 } as const;
const responseTag = { correlation: 8, results: 18 } as const;
const resultTag = { errorCode: 8, errorMessage: 18, highWatermark: 24, logStart: 32, resumeAt: 40, batches: 50 } as const;

/** @throws {ClusterError} INVALID_REQUEST when the bytes are no FetchRequest, or have more than `entriesMax` entries. */
export function decodeFetchRequest(message: Uint8Array, topicIds: TopicIds): DecodedFetch {
  const reader = new WireReader(message);
  const entries: FetchEntry[] = [];
  let correlation = 0;
  let maxWaitMs = 0;
  let minBytes = 0;
  let maxBytes = 0;
  let creditBytes = 0;
  let failure: Failure | undefined;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case requestTag.correlation:
        correlation = reader.uint32();
        break;
      case requestTag.maxWaitMs:
        maxWaitMs = reader.uint32();
        break;
      case requestTag.minBytes:
        minBytes = reader.uint32();
        break;
      case requestTag.maxBytes:
        maxBytes = reader.uint32();
        break;
      case requestTag.entries: {
        if (entries.length === entriesMax) throw new ClusterError("INVALID_REQUEST", `more than ${entriesMax} entries in a fetch request`);
        const outer = reader.enter();
        const entry = decodeEntry(reader, topicIds);
        reader.leave(outer);
        if (entry.id.topicId === nowhere) failure ??= invalid(`entry ${entries.length}: a topic id has 16 bytes`);
        if (!(entry.from >= 0)) failure ??= invalid(`entry ${entries.length}: from_offset is not in [0, 2^53)`);
        entries.push(entry);
        break;
      }
      case requestTag.creditBytes: {
        // A grant beyond any number that we count in is still a grant.
        const granted = reader.uint64();
        creditBytes = Number.isNaN(granted) ? Number.MAX_SAFE_INTEGER : granted;
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  if (entries.length === 0) return { kind: "credit", creditBytes };
  failure ??= repeatedPartition(entries);
  if (failure !== undefined) return { kind: "refused", correlation, creditBytes, entryCount: entries.length, failure };
  const request = { maxWaitMs: Math.min(maxWaitMs, fetchWaitMsMax), minBytes, maxBytes: Math.min(maxBytes, fetchBytesMax), entries };
  return { kind: "request", correlation, creditBytes, request };
}

function decodeEntry(reader: WireReader, topicIds: TopicIds): FetchEntry {
  let topicId: TopicId | undefined;
  let partition = 0;
  let from = 0;
  let maxBytes = 0;
  let leaderEpoch: number | undefined;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case entryTag.topicId:
        topicId = topicIds.text(reader.bytes());
        break;
      case entryTag.partition:
        partition = reader.int32();
        break;
      case entryTag.from:
        from = reader.int64();
        break;
      case entryTag.maxBytes:
        maxBytes = reader.uint32();
        break;
      case entryTag.leaderEpoch:
        leaderEpoch = reader.int32();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { id: { topicId: topicId ?? nowhere, partition }, from: from as Offset, maxBytes, leaderEpoch };
}

/** @param request without entries it only grants credit, and is not answered. */
export function encodeFetchRequest(correlation: number, request: FetchRequest, creditBytes: number, topicIds: TopicIds): OutgoingMessage {
  let size = 1 + uint32Size(correlation) + 1 + uint32Size(request.maxWaitMs) + 1 + uint32Size(request.minBytes);
  size += 1 + uint32Size(request.maxBytes);
  for (const entry of request.entries) size += 1 + lengthSize(entrySize(entry));
  if (creditBytes > 0) size += 1 + int64Size(creditBytes);
  const writer = new WireWriter(size);
  writer.tag(requestTag.correlation);
  writer.uint32(correlation);
  writer.tag(requestTag.maxWaitMs);
  writer.uint32(request.maxWaitMs);
  writer.tag(requestTag.minBytes);
  writer.uint32(request.minBytes);
  writer.tag(requestTag.maxBytes);
  writer.uint32(request.maxBytes);
  for (const entry of request.entries) {
    writer.tag(requestTag.entries);
    writer.uint32(entrySize(entry));
    writer.tag(entryTag.topicId);
    writer.bytes(topicIds.bytes(entry.id.topicId));
    writer.tag(entryTag.partition);
    writer.int32(entry.id.partition);
    writer.tag(entryTag.from);
    writer.int64(entry.from);
    writer.tag(entryTag.maxBytes);
    writer.uint32(entry.maxBytes);
    if (entry.leaderEpoch !== undefined) {
      writer.tag(entryTag.leaderEpoch);
      writer.int32(entry.leaderEpoch);
    }
  }
  if (creditBytes > 0) {
    writer.tag(requestTag.creditBytes);
    writer.int64(creditBytes);
  }
  return writer.finish();
}

function entrySize(entry: FetchEntry): number {
  const epoch = entry.leaderEpoch === undefined ? 0 : 1 + int32Size(entry.leaderEpoch);
  return 1 + lengthSize(16) + 1 + int32Size(entry.id.partition) + 1 + int64Size(entry.from) + 1 + uint32Size(entry.maxBytes) + epoch;
}

/** @returns a message that holds the batches themselves, and `byteLength`, its length. */
export function encodeFetchResponse(response: FetchResponse): { readonly message: OutgoingMessage; readonly byteLength: number } {
  let byteLength = 1 + uint32Size(response.correlation);
  let attached = 0;
  for (const result of response.results) {
    byteLength += 1 + lengthSize(resultSize(result));
    if (result.kind === "batches") for (const { length } of result.chunks) attached += length - copiedSize(length);
  }
  const size = byteLength - attached;
  const writer = new WireWriter(size);
  writer.tag(responseTag.correlation);
  writer.uint32(response.correlation);
  for (const result of response.results) {
    writer.tag(responseTag.results);
    writer.uint32(resultSize(result));
    encodeResult(writer, result);
  }
  return { message: writer.finish(), byteLength };
}

function resultSize(result: FetchResult): number {
  const marks = markSize(result.highWatermark) + markSize(result.logStart);
  if (result.kind === "batches") return marks + 1 + lengthSize(result.byteLength);
  const text = lengthSize(utf8Bytes(result.failure.message).length);
  return 1 + int32Size(errorTable[result.failure.code].code) + 1 + text + marks + markSize(result.resumeAt);
}

function markSize(mark: Offset | undefined): number {
  return mark === undefined ? 0 : 1 + int64Size(mark);
}

function encodeResult(writer: WireWriter, result: FetchResult): void {
  if (result.kind === "failed") {
    writer.tag(resultTag.errorCode);
    writer.int32(errorTable[result.failure.code].code);
    writer.tag(resultTag.errorMessage);
    writer.bytes(utf8Bytes(result.failure.message));
  }
  encodeMark(writer, resultTag.highWatermark, result.highWatermark);
  encodeMark(writer, resultTag.logStart, result.logStart);
  if (result.kind === "failed") {
    encodeMark(writer, resultTag.resumeAt, result.resumeAt);
    return;
  }
  writer.tag(resultTag.batches);
  writer.uint32(result.byteLength);
  for (const chunk of result.chunks) writer.attach(chunk);
}

function encodeMark(writer: WireWriter, tag: number, mark: Offset | undefined): void {
  if (mark === undefined) return;
  writer.tag(tag);
  writer.int64(mark);
}

/** @param message becomes the response's: the batches are views into it. @throws {ClusterError} INVALID_REQUEST when it is no FetchResponse. */
export function decodeFetchResponse(message: Uint8Array): FetchResponse {
  const reader = new WireReader(message);
  const results: FetchResult[] = [];
  let correlation = 0;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case responseTag.correlation:
        correlation = reader.uint32();
        break;
      case responseTag.results: {
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

function decodeResult(reader: WireReader): FetchResult {
  let errorCode = 0;
  let message = "";
  let highWatermark: Offset | undefined;
  let logStart: Offset | undefined;
  let resumeAt: Offset | undefined;
  let batches: Uint8Array = noBytes;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case resultTag.errorCode:
        errorCode = reader.int32();
        break;
      case resultTag.errorMessage:
        message = reader.text();
        break;
      case resultTag.highWatermark:
        highWatermark = mark(reader, "high_watermark");
        break;
      case resultTag.logStart:
        logStart = mark(reader, "log_start_offset");
        break;
      case resultTag.resumeAt:
        resumeAt = mark(reader, "resume_at_offset");
        break;
      case resultTag.batches:
        batches = reader.bytes();
        break;
      default:
        reader.skip(tag);
    }
  }
  const zero = 0 as Offset;
  if (errorCode === 0) {
    const chunks = batches.length === 0 ? [] : [batches];
    return { kind: "batches", highWatermark: highWatermark ?? zero, logStart: logStart ?? zero, chunks, byteLength: batches.length };
  }
  return {
    kind: "failed",
    failure: { code: errorName(errorCode), message },
    ...(highWatermark === undefined ? {} : { highWatermark }),
    ...(logStart === undefined ? {} : { logStart }),
    ...(resumeAt === undefined ? {} : { resumeAt }),
  };
}

function mark(reader: WireReader, field: string): Offset {
  const value = reader.int64();
  if (value >= 0) return value as Offset;
  throw new ClusterError("INVALID_REQUEST", `${field} is not in [0, 2^53)`);
}
