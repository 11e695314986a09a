// The fixtures as values: what Kafka's own classes made and said. See fixtures/README.md.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export interface GoldenHeader {
  readonly key: string;
  readonly value: string | null;
}

/** Hex, or for a long value its length and hash. */
export type GoldenBytes = string | { readonly length: number; readonly sha256: string } | null;

export interface GoldenRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly offsetDelta: number;
  readonly timestampDelta: string;
  readonly key: GoldenBytes;
  readonly value: GoldenBytes;
  readonly headers?: readonly GoldenHeader[];
  readonly control?: { readonly type: string; readonly coordinatorEpoch?: number };
}

export interface GoldenBatch {
  readonly position: number;
  readonly sizeInBytes: number;
  readonly magic: number;
  readonly baseOffset: string;
  readonly lastOffset: string;
  readonly partitionLeaderEpoch: number;
  readonly crc: number;
  readonly compression: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  readonly timestampType: "CreateTime" | "LogAppendTime" | "NoTimestampType";
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly baseTimestamp: string;
  readonly maxTimestamp: string;
  readonly deleteHorizonMs: string | null;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly recordCount: number;
  readonly records: readonly GoldenRecord[];
}

export interface ValidLine {
  readonly id: string;
  readonly reencodes: boolean;
  readonly trailingBytes: number;
  readonly hex?: string;
  readonly file?: string;
  readonly sameRecordsAs?: string;
  readonly batches: readonly GoldenBatch[];
}

/** Kafka's answer to one step. */
export interface Answer {
  readonly ok: boolean;
  readonly exception?: string;
  readonly error?: string;
  readonly batches?: number;
  readonly bytesUsed?: number;
}

export interface InvalidLine {
  readonly id: string;
  readonly note: string;
  readonly hex: string;
  readonly kafka: Readonly<Record<"iterate" | "ensureValid" | "read" | "produceRequest" | "append", Answer>>;
}

export interface AppendLine {
  readonly id: string;
  readonly config: Readonly<Record<string, string>>;
  readonly nowMs: string;
  readonly leaderEpoch: number;
  readonly logEndOffset: string;
  readonly hex: string;
  readonly kafka: Answer & {
    readonly storedHex?: string;
    readonly stored?: readonly GoldenBatch[];
    readonly storedBytesComparable?: boolean;
  };
}

const folder = new URL("./fixtures/", import.meta.url);

export function table<Row>(name: string): readonly Row[] {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
}

export function lines<Line>(name: string): readonly Line[] {
  const text = readFileSync(new URL(`${name}.jsonl`, folder), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** A fresh array with the bytes of a line; tests may write into it. */
export function bytesOf(line: { readonly hex?: string; readonly file?: string }): Uint8Array {
  if (line.file === undefined) return fromHex(line.hex ?? "");
  return new Uint8Array(readFileSync(new URL(line.file.slice(line.file.lastIndexOf("/") + 1), folder)));
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** Bytes in the form of the fixtures: hex, or length and hash, or null. */
export function described(bytes: Uint8Array | null): GoldenBytes {
  if (bytes === null) return null;
  if (bytes.length <= 4096) return toHex(bytes);
  return { length: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
