// Messages and entries as bytes, for the network and for a disk: fixed fields, big-endian, every length bounded by what is there. Whoever
// reads them trusts nothing: who is at the other end may be of another version, or wrong. Layout: the functions below, top down.

import { ClusterError, type NodeId } from "@varve/model";
import type { Configuration } from "./configuration.ts";
import type { Entry, EntryContent, Snapshot } from "./entry.ts";
import type { Message, MessageBody } from "./message.ts";
import { ByteReader, ByteWriter } from "./wire-bytes.ts";

const formatVersion = 1;
/** More members than any quorum has; what a count may claim before anything is made of it. */
const membersMax = 1_000;

/** The position of a kind is its number on the wire: new ones come at the end. */
const messageKinds = [
  "pre-vote-request",
  "pre-vote-response",
  "vote-request",
  "vote-response",
  "append",
  "append-accepted",
  "append-rejected",
  "heartbeat",
  "heartbeat-response",
  "snapshot",
  "read-request",
  "read-response",
  "timeout-now",
  "term-is-over",
] as const satisfies readonly MessageBody["kind"][];

const contentKinds = ["empty", "payload", "configuration"] as const satisfies readonly EntryContent["kind"][];

/** version u8, kind u8, from u32, to u32, term u64, then what the kind has. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(formatVersion);
  writer.u8(messageKinds.indexOf(message.kind));
  writer.u32(message.from);
  writer.u32(message.to);
  writer.u64(message.term);
  putBody(writer, message);
  return writer.finish();
}

/** @throws {ClusterError} INVALID_REQUEST when the bytes are no message, or have more behind it; UNSUPPORTED_VERSION. */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== formatVersion)
    throw new ClusterError("UNSUPPORTED_VERSION", `a quorum message of version ${version}, this node knows ${formatVersion}`);
  const kind = messageKinds[reader.u8()];
  if (kind === undefined) throw new ClusterError("INVALID_REQUEST", "a quorum message of an unknown kind");
  const envelope = { from: reader.u32(), to: reader.u32(), term: reader.u64() };
  const message = { ...envelope, ...takeBody(reader, kind) };
  reader.end();
  return message;
}

/** kind u8, then a payload's bytes to the end, or a configuration. Index and term are the key's and the keeper's. */
export function encodeContent(content: EntryContent): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(contentKinds.indexOf(content.kind));
  if (content.kind === "payload") writer.raw(content.bytes);
  if (content.kind === "configuration") putConfiguration(writer, content.configuration);
  return writer.finish();
}

/** @throws {ClusterError} INVALID_REQUEST. */
export function decodeContent(bytes: Uint8Array): EntryContent {
  const reader = new ByteReader(bytes);
  const kind = contentKinds[reader.u8()];
  if (kind === undefined) throw new ClusterError("INVALID_REQUEST", "an entry of an unknown kind");
  if (kind === "payload") return { kind, bytes: reader.rest() };
  const content: EntryContent = kind === "empty" ? { kind } : { kind, configuration: takeConfiguration(reader) };
  reader.end();
  return content;
}

function putBody(writer: ByteWriter, body: MessageBody): void {
  switch (body.kind) {
    case "pre-vote-request":
      writer.u64(body.lastIndex);
      return writer.u64(body.lastTerm);
    case "vote-request":
      writer.u64(body.lastIndex);
      writer.u64(body.lastTerm);
      return writer.flag(body.isTransfer);
    case "pre-vote-response":
    case "vote-response":
      return writer.flag(body.granted);
    case "append":
      writer.u64(body.prevIndex);
      writer.u64(body.prevTerm);
      writer.u64(body.commitIndex);
      writer.u32(body.entries.length);
      for (const entry of body.entries) putEntry(writer, entry);
      return;
    case "append-accepted":
      return writer.u64(body.matchIndex);
    case "append-rejected":
      writer.u64(body.prevIndex);
      writer.u64(body.hintIndex);
      return writer.u64(body.hintTerm);
    case "heartbeat":
      writer.u64(body.commitIndex);
      return writer.u64(body.round);
    case "heartbeat-response":
      return writer.u64(body.round);
    case "snapshot":
      return putSnapshot(writer, body.snapshot);
    case "read-request":
      return writer.u64(body.context);
    case "read-response":
      writer.u64(body.context);
      return writer.u64(body.index);
    case "timeout-now":
    case "term-is-over":
      return;
  }
}

function takeBody(reader: ByteReader, kind: MessageBody["kind"]): MessageBody {
  switch (kind) {
    case "pre-vote-request":
      return { kind, lastIndex: reader.u64(), lastTerm: reader.u64() };
    case "vote-request":
      return { kind, lastIndex: reader.u64(), lastTerm: reader.u64(), isTransfer: reader.flag() };
    case "pre-vote-response":
    case "vote-response":
      return { kind, granted: reader.flag() };
    case "append": {
      const [prevIndex, prevTerm, commitIndex] = [reader.u64(), reader.u64(), reader.u64()];
      return { kind, prevIndex, prevTerm, commitIndex, entries: takeEntries(reader, prevIndex) };
    }
    case "append-accepted":
      return { kind, matchIndex: reader.u64() };
    case "append-rejected":
      return { kind, prevIndex: reader.u64(), hintIndex: reader.u64(), hintTerm: reader.u64() };
    case "heartbeat":
      return { kind, commitIndex: reader.u64(), round: reader.u64() };
    case "heartbeat-response":
      return { kind, round: reader.u64() };
    case "snapshot":
      return { kind, snapshot: takeSnapshot(reader) };
    case "read-request":
      return { kind, context: reader.u64() };
    case "read-response":
      return { kind, context: reader.u64(), index: reader.u64() };
    case "timeout-now":
    case "term-is-over":
      return { kind };
  }
}

/** term u64, length u32, content: the index follows from the place. */
function putEntry(writer: ByteWriter, { term, content }: Entry): void {
  writer.u64(term);
  writer.bytes(encodeContent(content));
}

/** @throws {ClusterError} INVALID_REQUEST. Whether their terms make sense is asked where the message is taken: message-checks.ts. */
function takeEntries(reader: ByteReader, prevIndex: number): readonly Entry[] {
  const count = reader.u32();
  if (!Number.isSafeInteger(prevIndex + count)) throw new ClusterError("INVALID_REQUEST", `${count} entries behind entry ${prevIndex}`);
  const entries: Entry[] = [];
  for (let at = 0; at < count; at++)
    entries.push({ index: prevIndex + 1 + at, term: reader.u64(), content: decodeContent(reader.bytes()) });
  return entries;
}

/** index u64, term u64, configuration, count u32, then length u32 and bytes of each part. */
function putSnapshot(writer: ByteWriter, { index, term, configuration, parts }: Snapshot): void {
  writer.u64(index);
  writer.u64(term);
  putConfiguration(writer, configuration);
  writer.u32(parts.length);
  for (const part of parts) writer.bytes(part);
}

function takeSnapshot(reader: ByteReader): Snapshot {
  const [index, term] = [reader.u64(), reader.u64()];
  const configuration = takeConfiguration(reader);
  const count = reader.u32();
  const parts: Uint8Array[] = [];
  for (let at = 0; at < count; at++) parts.push(reader.bytes());
  return { index, term, configuration, parts };
}

/** Voters and learners, each: count u32, then u32 for each. */
function putConfiguration(writer: ByteWriter, { voters, learners }: Configuration): void {
  for (const nodes of [voters, learners]) {
    writer.u32(nodes.length);
    for (const node of nodes) writer.u32(node);
  }
}

/** @throws {ClusterError} INVALID_REQUEST, also when a node is in it twice. */
function takeConfiguration(reader: ByteReader): Configuration {
  const take = (): readonly NodeId[] => {
    const count = reader.u32();
    if (count > membersMax) throw new ClusterError("INVALID_REQUEST", `${count} members of a quorum`);
    return Array.from({ length: count }, () => reader.u32());
  };
  const configuration = { voters: take(), learners: take() };
  const all = [...configuration.voters, ...configuration.learners];
  if (new Set(all).size < all.length) throw new ClusterError("INVALID_REQUEST", `members ${all.join(", ")}: one is there twice`);
  return configuration;
}
