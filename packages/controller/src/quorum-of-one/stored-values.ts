// Keys and values of the store. Each value names its own key and the number of the batch that wrote it, under a checksum: a value that is
// damaged, old or in another's place is found when it is read.
//
//   key                            payload
//   entry/<index, 16 digits>       byte 0 term; 8 the entry's payload
//   snapshot/<index>/<part, 6>     the part
//   state                          byte 0 version, 1; 4 vote, plus one; 8 term; 16 commit index; 24 last index;
//                                  32 snapshot index; 40 snapshot term; 48 snapshot parts; 52 zero; 56 end. No snapshot: index 0.
//
//   value: byte 0 CRC-32C of all that follows; 4 length k of the key (16 bits); 6 key; 6+k batch; 14+k payload
//
// Integers are big-endian; checksum, version, vote and number of parts have 32 bits, the others 64 unless it says otherwise.

import type { Compression, NodeId } from "@varve/model";
import { getU64, putU64 } from "./integers.ts";

/** What the store says of itself, rewritten by every batch. */
export interface StoredState {
  readonly term: number;
  readonly vote: NodeId | undefined;
  readonly commitIndex: number;
  /** Of the last entry, or of the snapshot where no entry follows it; 0 when there is neither. */
  readonly lastIndex: number;
  readonly snapshot: { readonly index: number; readonly term: number; readonly partCount: number } | undefined;
}

/** A value as it was written. */
export interface StoredValue {
  readonly batch: number;
  readonly payload: Uint8Array;
}

export const stateKey = "state";
const stateVersion = 1;
const stateByteLength = 56;

/** 16 digits order every index below 2^53. */
export function entryKey(index: number): string {
  return `entry/${String(index).padStart(16, "0")}`;
}

export function snapshotKey(index: number, part: number): string {
  return `snapshot/${String(index).padStart(16, "0")}/${String(part).padStart(6, "0")}`;
}

/** What a key stands for; undefined for a key that nothing here writes. */
export function parseKey(
  key: string,
):
  | { readonly kind: "entry"; readonly index: number }
  | { readonly kind: "snapshot"; readonly index: number; readonly part: number }
  | undefined {
  const entry = /^entry\/([0-9]{16})$/.exec(key);
  if (entry !== null) return { kind: "entry", index: Number(entry[1]) };
  const part = /^snapshot\/([0-9]{16})\/([0-9]{6})$/.exec(key);
  return part === null ? undefined : { kind: "snapshot", index: Number(part[1]), part: Number(part[2]) };
}

export function encodeValue(key: string, batch: number, payload: Uint8Array, compression: Pick<Compression, "crc32c">): Uint8Array {
  const name = new TextEncoder().encode(key);
  const value = new Uint8Array(14 + name.length + payload.length);
  const view = new DataView(value.buffer);
  view.setUint16(4, name.length);
  value.set(name, 6);
  putU64(view, 6 + name.length, batch);
  value.set(payload, 14 + name.length);
  view.setUint32(0, compression.crc32c(value.subarray(4)));
  return value;
}

/** @returns undefined when `value` is not what was written under `key`. The payload is a view into it. */
export function decodeValue(key: string, value: Uint8Array, compression: Pick<Compression, "crc32c">): StoredValue | undefined {
  const name = new TextEncoder().encode(key);
  if (value.length < 14 + name.length) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getUint32(0) !== compression.crc32c(value.subarray(4))) return undefined;
  if (view.getUint16(4) !== name.length || name.some((byte, at) => value[6 + at] !== byte)) return undefined;
  const batch = getU64(view, 6 + name.length);
  return batch === undefined ? undefined : { batch, payload: value.subarray(14 + name.length) };
}

export function encodeEntry(term: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  putU64(new DataView(bytes.buffer), 0, term);
  bytes.set(payload, 8);
  return bytes;
}

export function decodeEntry(bytes: Uint8Array): { readonly term: number; readonly payload: Uint8Array } | undefined {
  if (bytes.length < 8) return undefined;
  const term = getU64(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
  return term === undefined ? undefined : { term, payload: bytes.subarray(8) };
}

export function encodeState(state: StoredState): Uint8Array {
  const bytes = new Uint8Array(stateByteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, stateVersion);
  view.setUint32(4, state.vote === undefined ? 0 : state.vote + 1);
  putU64(view, 8, state.term);
  putU64(view, 16, state.commitIndex);
  putU64(view, 24, state.lastIndex);
  putU64(view, 32, state.snapshot?.index ?? 0);
  putU64(view, 40, state.snapshot?.term ?? 0);
  view.setUint32(48, state.snapshot?.partCount ?? 0);
  return bytes;
}

/** @returns the version when it is not ours; undefined when the bytes are no state at all. */
export function decodeState(bytes: Uint8Array): StoredState | { readonly unknownVersion: number } | undefined {
  if (bytes.length < 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = view.getUint32(0);
  if (found !== stateVersion) return { unknownVersion: found };
  if (bytes.length !== stateByteLength) return undefined;
  const [term, commitIndex, lastIndex] = [getU64(view, 8), getU64(view, 16), getU64(view, 24)];
  const [snapshotIndex, snapshotTerm] = [getU64(view, 32), getU64(view, 40)];
  if (term === undefined || commitIndex === undefined || lastIndex === undefined) return undefined;
  if (snapshotIndex === undefined || snapshotTerm === undefined) return undefined;
  const vote = view.getUint32(4);
  return {
    term,
    vote: vote === 0 ? undefined : vote - 1,
    commitIndex,
    lastIndex,
    snapshot: snapshotIndex === 0 ? undefined : { index: snapshotIndex, term: snapshotTerm, partCount: view.getUint32(48) },
  };
}
