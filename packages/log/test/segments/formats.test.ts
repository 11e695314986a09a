// Shows that docs/formats/segment.md says what the code writes.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toOffset } from "@varve/model";
import { expect, test } from "vitest";
import { decodeEpochs, encodeEpochs } from "../../src/segments/epochs.ts";
import { parseSegmentName, segmentPath } from "../../src/segments/names.ts";
import { encodeProducerSnapshot } from "../../src/segments/producer-snapshot.ts";
import { ProducerTable } from "../../src/segments/producers.ts";
import { createSegmentedLog } from "../../src/segments/segmented-log.ts";
import { GrowingIndex, offsetFormat, timeFormat } from "../../src/segments/sparse-index.ts";
import { batchAt, compression, contextOf, folder, machine, topicConfig } from "./harness.ts";

const page = readFileSync(fileURLToPath(new URL("../../../../docs/formats/segment.md", import.meta.url)), "utf8");

interface Row {
  readonly at: number;
  readonly bytes: number;
  readonly field: string;
}

/** The rows of a drawing whose place and size are plain numbers. */
function drawing(heading: string, after: string): readonly Row[] {
  const section = page.slice(page.indexOf(after, page.indexOf(heading)));
  const rows: Row[] = [];
  for (const line of section.slice(section.indexOf("| Byte |")).split("\n").slice(2)) {
    const match = /^\| ([0-9]+) \| ([0-9]+)(?: each)? \| (.*) \|$/.exec(line);
    if (match !== null) rows.push({ at: Number(match[1]), bytes: Number(match[2]), field: match[3]! });
    if (!line.startsWith("|")) break;
  }
  return rows;
}

function bytesIn(field: string): number {
  return [...field.matchAll(/\(([0-9]+)\)/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

test("the drawing of Kafka's part of a snapshot is what stands in one", () => {
  const rows = drawing("## Producer snapshots", "The file begins as Kafka's");
  expect(rows.map(({ at, bytes }) => [at, bytes])).toEqual([
    [0, 2],
    [2, 4],
    [6, 4],
    [10, 46],
  ]);
  expect(bytesIn(rows[3]!.field)).toBe(46);
  const table = new ProducerTable(compression);
  table.note(batchAt(5, { records: 3, timestampMs: 88, producer: { id: 1000, epoch: 4, baseSequence: 30 } }), 0, 0);
  const snapshot = view(encodeProducerSnapshot(table.all(), undefined, compression));
  expect(snapshot.byteLength).toBe(56);
  expect([snapshot.getInt16(0), snapshot.getInt32(6)]).toEqual([1, 1]);
  expect(snapshot.getUint32(2)).toBe(compression.crc32c(new Uint8Array(snapshot.buffer, 6)));
  const fields = [snapshot.getBigInt64(10), snapshot.getInt16(18), snapshot.getInt32(20), snapshot.getBigInt64(24), snapshot.getInt32(32)];
  expect(fields).toEqual([1000n, 4, 32, 7n, 2]);
  expect([snapshot.getBigInt64(36), snapshot.getInt32(44), snapshot.getBigInt64(48)]).toEqual([88n, -1, -1n]);
});

test("the drawings of our part of a snapshot, and of the restart point in it, are what stands in one", () => {
  const ours = drawing("## Producer snapshots", "There Kafka's file ends");
  expect(ours.map(({ at, bytes }) => [at, bytes])).toEqual([
    [0, 2],
    [2, 1],
  ]);
  const rows = drawing("## Producer snapshots", "The **restart point**");
  const sizes = rows.map(({ bytes }) => bytes);
  expect(rows.map(({ at }) => at)).toEqual(sizes.map((_, index) => sizes.slice(0, index).reduce((sum, bytes) => sum + bytes, 0)));
  const restart = {
    segmentBase: 1,
    bytes: 2,
    firstTimestampMs: 3,
    maxTimestampMs: 4,
    maxTimestampOffset: 5,
    indexedTimestampMs: 6,
    bytesSinceIndexEntry: 7,
    offsetEntries: 8,
    timeEntries: 9,
    epochs: [{ epoch: 10, startOffset: toOffset(11) }],
  };
  const snapshot = encodeProducerSnapshot([], restart, compression);
  const part = view(snapshot.subarray(10));
  expect([part.getInt16(0), part.getInt8(2)]).toEqual([1, 1]);
  const numbers = rows.slice(0, -1).map(({ at, bytes }) => (bytes === 8 ? Number(part.getBigInt64(3 + at)) : part.getInt32(3 + at)));
  expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 1]);
  expect([part.getInt32(3 + 64), part.getBigInt64(3 + 68)]).toEqual([10, 11n]);
  expect(part.byteLength).toBe(3 + 64 + 12);
});

test("the entries of both indexes are as long as the page says", () => {
  for (const [name, format] of [
    [".index", offsetFormat],
    [".timeindex", timeFormat],
  ] as const) {
    const row = new RegExp(`^\\| \`\\${name}\` \\| (.*?) \\| ([0-9]+) \\|`, "m").exec(page)!;
    expect([bytesIn(row[1]!), Number(row[2])]).toEqual([format.entryBytes, format.entryBytes]);
  }
  const index = new GrowingIndex(timeFormat, "i", 0, false);
  index.addTime(1_700_000_000_001, 12);
  expect([view(index.pending).getBigInt64(0), view(index.pending).getInt32(8)]).toEqual([1_700_000_000_001n, 12]);
});

test("the names of the page are the names on the disk", async () => {
  const world = machine();
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports), folder, topicConfig(), toOffset(0));
    for (let base = 0; base < 4; base++) {
      if (base === 2) await log.roll();
      log.appendStamped(batchAt(base));
    }
    await log.close();
  });
  const shape = (name: string) => name.replace(/[0-9]{20}/, "N");
  const drawn = new Set(
    /```\n([^`]*)```/
      .exec(page)![1]!
      .trim()
      .split("\n")
      .map((line) => shape(line.split(" ")[0]!)),
  );
  for (const name of world.disk.folder(folder).names()) expect([...drawn]).toContain(shape(name));
});

test("only names of twenty digits and a known ending are a segment's", () => {
  expect(segmentPath("p", 42, "log")).toBe("p/00000000000000000042.log");
  expect(parseSegmentName("00000000000000000042.timeindex")).toEqual({ offset: 42, suffix: "timeindex" });
  for (const name of ["42.log", "00000000000000000042.log.tmp", "00000000000000000042.cleaned", "99999999999999999999.log", "x", ""]) {
    expect(parseSegmentName(name)).toBeUndefined();
  }
});

test("an epoch checkpoint that is not whole, or whose lines do not rise, is none", () => {
  const entries = [
    { epoch: 0, startOffset: toOffset(0) },
    { epoch: 3, startOffset: toOffset(9_007_199_254_740_991) },
  ];
  expect(decodeEpochs(encodeEpochs(entries))).toEqual(entries);
  expect(decodeEpochs(encodeEpochs([]))).toEqual([]);
  for (const text of [
    "",
    "0\n",
    "1\n0\n",
    "0\n1\n",
    "0\n1\n0 0",
    "0\n2\n0 0\n",
    "0\n2\n0 0\n0 5\n",
    "0\n2\n0 5\n1 5\n",
    "0\n1\n-1 0\n",
    "0\n1\n0 -1\n",
    "0\n1\n0 0 0\n",
    "0\n1\n0 9007199254740992\n",
    "0\n1\n1e3 0\n",
  ]) {
    expect(decodeEpochs(new TextEncoder().encode(text)), JSON.stringify(text)).toBeUndefined();
  }
});
