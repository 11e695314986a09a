// `varve log dump`: the batches of segment files, a line each, with their records when they are asked for. Damage is shown where it stands.

import { ClusterError } from "@varve/model";
import {
  type BatchHeader,
  checkStoredBatch,
  codecOf,
  hasDeleteHorizon,
  isControl,
  isLogAppendTime,
  isTransactional,
  lastOffsetOf,
  RecordReader,
  readBatchHeader,
  readControlBatch,
} from "@varve/record";
import { nodeCompression } from "@varve/runtime/node";
import type { Invocation } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import type { dumpFlags, formatFlags } from "../flag-tables.ts";
import { jsonField } from "../line-formats.ts";
import { atByte, type FoundBatch, findSegments, readSegment, type SegmentFile } from "../segment-files.ts";

type Flags = typeof formatFlags & typeof dumpFlags;
/** What is known of a batch or a record, by name: the same in text and in JSON. */
type Fields = Readonly<Record<string, unknown>>;

export async function run({ args, flags, output, say, signal }: Invocation<Flags>): Promise<number> {
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  let problems = 0;
  for (const segment of await findSegments(args[0]!)) {
    const stream = readSegment(segment);
    for (let step = await stream.next(); left > 0; step = await stream.next()) {
      signal.throwIfAborted();
      if (step.done === true) {
        if (step.value === undefined) break;
        if (step.value.kind === "damaged") problems += 1;
        say(`varve: ${segment.path}: ${step.value.message}`);
        break;
      }
      if (lastOffsetOf(step.value.bytes, 0) < (flags.from ?? 0)) continue;
      left -= 1;
      const { batch, records } = describe(segment, step.value, flags.records);
      if (batch.problem !== null) problems += 1;
      if (flags.format === "json") output.json(flags.records ? { ...batch, records } : batch);
      else for (const line of [lineOf(batch), ...records.map((record) => `| ${lineOf(record)}`)]) output.print(line);
      if (output.isFull) await output.ready();
    }
    await stream.return(undefined);
  }
  if (problems === 0) return exitCodes.ok.code;
  say(`varve: ${problems} ${problems === 1 ? "batch is" : "batches are"} damaged`);
  return exitCodes.failed.code;
}

function describe(
  segment: SegmentFile,
  { position, bytes }: FoundBatch,
  withRecords: boolean,
): { batch: Fields; records: readonly Fields[] } {
  const failure = checkStoredBatch(bytes, 0, nodeCompression);
  const place = { file: segment.name, position, sizeBytes: bytes.length };
  if (failure !== undefined) return { batch: { ...place, problem: atByte(failure.message, position) }, records: [] };
  const header = readBatchHeader(bytes);
  const records: Fields[] = [];
  let problem: string | null = null;
  try {
    const batch = { ...place, ...headerFields(header) };
    if (withRecords) readInto(records, bytes, header);
    return { batch: { ...batch, problem }, records };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    problem = error.message;
    return { batch: { ...place, baseOffset: header.baseOffset, lastOffset: header.lastOffset, problem }, records };
  }
}

function headerFields(header: BatchHeader): Fields {
  const { attributes } = header;
  return {
    baseOffset: header.baseOffset,
    lastOffset: header.lastOffset,
    recordCount: header.recordCount,
    leaderEpoch: header.leaderEpoch,
    codec: codecOf(attributes),
    timestampType: isLogAppendTime(attributes) ? "LogAppendTime" : "CreateTime",
    [hasDeleteHorizon(attributes) ? "deleteHorizon" : "baseTimestamp"]: header.baseTimestamp,
    maxTimestamp: header.maxTimestamp,
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    isTransactional: isTransactional(attributes),
    isControl: isControl(attributes),
    magic: header.magic,
    crc: header.crc,
  };
}

/** @throws {ClusterError} at the first record that cannot be read; those before it are there. */
function readInto(records: Fields[], bytes: Uint8Array, header: BatchHeader): void {
  if (isControl(header.attributes)) {
    for (const { type, offset, timestamp } of readControlBatch(bytes, 0, nodeCompression))
      records.push({ offset, timestamp, control: type });
    return;
  }
  const reader = new RecordReader(nodeCompression);
  reader.open(bytes, 0, { verify: false });
  while (reader.next()) {
    const headers = reader.headers().map(({ key, value }) => [key, jsonField(value)]);
    records.push({
      offset: reader.offset,
      timestamp: reader.timestamp,
      key: jsonField(reader.key),
      value: jsonField(reader.value),
      headers,
    });
  }
}

function lineOf(fields: Fields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== null || "offset" in fields)
    .map(([name, value]) => `${name}: ${typeof value === "string" && name !== "key" && name !== "value" ? value : JSON.stringify(value)}`)
    .join(" ");
}
