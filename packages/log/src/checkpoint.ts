// The checkpoints of a data directory as text, in Kafka's form: version, count, then a line for each partition. Ours bear more columns
// than Kafka's (a mark is more than an offset), so their version is 1, and end with a checksum: a wrong mark would cut what was
// acknowledged. When they are written is the business of store.ts. Drawing: docs/formats/data-directory.md.

import { type Compression, CorruptionError, type Offset, type PartitionId, partitionKey, toTopicId } from "@varve/model";
import type { Disk } from "@varve/runtime";
import { readTextFile, replaceTextFile } from "./durable-file.ts";
import type { Generation, Mark } from "./journal/frame.ts";

export const recoveryPointFile = "recovery-point-offset-checkpoint";
export const logStartFile = "log-start-offset-checkpoint";

/** What recovery starts from. */
export interface RecoveryPoints {
  /** The life that writes the journal since. */
  readonly generation: Generation;
  /** Frames below this lsn are void, whosever they are; the next frame is not below it. */
  readonly floorLsn: number;
  readonly marks: ReadonlyMap<string, PartitionMark>;
}

export interface PartitionMark extends Mark {
  readonly id: PartitionId;
}

/** Where a log began as of an lsn. */
export interface LogStartPoint {
  readonly id: PartitionId;
  readonly offset: Offset;
  readonly lsn: number;
}

const encoder = new TextEncoder();

function render(version: number, head: readonly string[], lines: readonly string[], compression: Compression): string {
  const body = `${[String(version), String(lines.length), ...head, ...lines].join("\n")}\n`;
  return `${body}crc32c ${compression.crc32c(encoder.encode(body)).toString(16).padStart(8, "0")}\n`;
}

interface Parsed {
  readonly head: readonly number[];
  readonly rows: readonly { readonly id: PartitionId; readonly numbers: readonly number[] }[];
}

/** @throws {CorruptionError} unless the text is just what `render` made. */
function parse(path: string, text: string, columns: { readonly head: number; readonly row: number }, compression: Compression): Parsed {
  const refuse = (what: string): never => {
    throw new CorruptionError(path, 0, what);
  };
  const lines = text.split("\n");
  const checksumLine = lines.at(-2) ?? "";
  const body = text.slice(0, Math.max(0, text.length - checksumLine.length - 1));
  const checksum = compression.crc32c(encoder.encode(body)).toString(16).padStart(8, "0");
  if (lines.at(-1) !== "" || checksumLine !== `crc32c ${checksum}`) refuse("the checkpoint does not match its checksum");
  if (lines[0] !== "1") refuse(`the checkpoint has version ${JSON.stringify(lines[0])}, this program writes and reads version 1`);
  const headLines = columns.head > 0 ? 1 : 0;
  const content = lines.slice(2, -2);
  if (content.length !== headLines + Number(lines[1]))
    refuse(`the checkpoint says ${lines[1]} lines and has ${content.length - headLines}`);
  const numbersOf = (words: readonly string[], count: number): readonly number[] => {
    const numbers = words.map(Number);
    if (numbers.length !== count || !numbers.every((number) => Number.isSafeInteger(number) && number >= 0))
      refuse(`"${words.join(" ")}" is not ${count} numbers`);
    return numbers;
  };
  return {
    head: headLines === 0 ? [] : numbersOf(content[0]!.split(" "), columns.head),
    rows: content.slice(headLines).map((line) => {
      const [topicId, ...words] = line.split(" ");
      const [partition, ...numbers] = numbersOf(words, columns.row + 1);
      return { id: { topicId: toTopicId(topicId ?? ""), partition: partition! }, numbers };
    }),
  };
}

/** Durable when it resolves. */
export async function writeRecoveryPoints(disk: Disk, points: RecoveryPoints, compression: Compression): Promise<void> {
  const { generation, floorLsn } = points;
  const lines = [...points.marks.values()].map(
    ({ id, position, covers }) => `${id.topicId} ${id.partition} ${position.offset} ${position.segmentBase} ${position.bytes} ${covers}`,
  );
  await replaceTextFile(disk, recoveryPointFile, render(1, [`${generation.number} ${generation.salt} ${floorLsn}`], lines, compression));
}

/** @returns undefined when there is none. @throws {CorruptionError} */
export async function readRecoveryPoints(disk: Disk, compression: Compression): Promise<RecoveryPoints | undefined> {
  const text = await readTextFile(disk, recoveryPointFile);
  if (text === undefined) return undefined;
  const { head, rows } = parse(recoveryPointFile, text, { head: 3, row: 4 }, compression);
  const marks = rows.map(({ id, numbers: [offset, segmentBase, bytes, covers] }): [string, PartitionMark] => [
    partitionKey(id),
    { id, position: { offset: offset as Offset, segmentBase: segmentBase as Offset, bytes: bytes! }, covers: covers! },
  ]);
  return { generation: { number: head[0]!, salt: head[1]! }, floorLsn: head[2]!, marks: new Map(marks) };
}

/** Durable when it resolves. */
export async function writeLogStarts(disk: Disk, starts: Iterable<LogStartPoint>, compression: Compression): Promise<void> {
  const lines = [...starts].map(({ id, offset, lsn }) => `${id.topicId} ${id.partition} ${offset} ${lsn}`);
  await replaceTextFile(disk, logStartFile, render(1, [], lines, compression));
}

/** @returns empty when there is no such file. @throws {CorruptionError} */
export async function readLogStarts(disk: Disk, compression: Compression): Promise<ReadonlyMap<string, LogStartPoint>> {
  const text = await readTextFile(disk, logStartFile);
  if (text === undefined) return new Map();
  const { rows } = parse(logStartFile, text, { head: 0, row: 2 }, compression);
  return new Map(rows.map(({ id, numbers: [offset, lsn] }) => [partitionKey(id), { id, offset: offset as Offset, lsn: lsn! }]));
}
