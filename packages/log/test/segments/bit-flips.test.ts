// Shows that every flipped bit is found: in a segment at its place, with no loss but its own batch; in a side file without any loss.

import { type Offset, toOffset } from "@varve/model";
import type { MachinePorts } from "@varve/sim";
import { expect, test } from "vitest";
import { createSegmentedLog, openSegmentedLog, type SegmentedLog } from "../../src/segments/segmented-log.ts";
import { basesOf, batchAt, batchesOf, contextOf, folder, joined, machine, topicConfig } from "./harness.ts";

const config = topicConfig({ "segment.bytes": 4096, "index.interval.bytes": 0 });
const context = { tailBytesMax: 0 };
const startMs = 1_700_000_000_000;

/** Two segments of four batches each, in three epochs, closed. */
async function build(ports: MachinePorts): Promise<readonly Uint8Array[]> {
  await ports.disk.makeFolder(folder);
  const log = await createSegmentedLog(contextOf(ports, context), folder, config, toOffset(0));
  const batches: Uint8Array[] = [];
  for (const epoch of [0, 0, 1, 1, 1, 3, 3, 3]) {
    if (batches.length === 4) await log.roll();
    const batch = batchAt(log.logEnd, { epoch, valueBytes: 3, timestampMs: startMs + batches.length });
    log.appendStamped(batch);
    batches.push(batch.slice());
  }
  await log.close();
  return batches;
}

function open(ports: MachinePorts): Promise<SegmentedLog> {
  return openSegmentedLog(contextOf(ports, context), folder, config, { kind: "all" }, toOffset(0));
}

interface Reading {
  readonly bases: readonly number[];
  readonly bytes: Uint8Array;
  readonly damage: readonly { readonly from: number; readonly resumeAt: number; readonly file: string; readonly position: number }[];
}

/** Reads the whole log, stepping over what is damaged. */
async function readOver(log: SegmentedLog): Promise<Reading> {
  const batches: Uint8Array[] = [];
  const bases: number[] = [];
  const damage: { from: number; resumeAt: number; file: string; position: number }[] = [];
  for (let offset: Offset = toOffset(0); offset < log.logEnd; ) {
    const result = await log.read(offset, 150, log.logEnd);
    if (result.kind === "out-of-range") throw new Error("out of range");
    if (result.kind === "damaged") {
      const { file, position } = result.error;
      damage.push({ from: offset, resumeAt: result.resumeAt, file, position });
      expect(result.resumeAt).toBeGreaterThan(offset);
      offset = result.resumeAt;
    } else {
      bases.push(...basesOf(result));
      batches.push(...batchesOf(result));
      expect(result.nextOffset).toBeGreaterThan(offset);
      offset = result.nextOffset;
    }
  }
  return { bases, bytes: joined(batches), damage };
}

test("every flipped bit of a segment takes its own batch, is reported with file and position, and is never served", async () => {
  const { run, disk } = machine();
  await run(async (ports) => {
    const batches = await build(ports);
    let flips = 0;
    for (const [index, batch] of batches.entries()) {
      const path = `${folder}/${index < 4 ? "00000000000000000000" : "00000000000000000004"}.log`;
      const position = joined(batches.slice(index < 4 ? 0 : 4, index)).length;
      for (let at = 0; at < batch.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          disk.flipBit(path, position + at, bit);
          const log = await open(ports);
          const { bases, bytes, damage } = await readOver(log);
          const what = `batch ${index}, byte ${at}, bit ${bit}`;
          expect(damage, what).toEqual([{ from: index, resumeAt: index + 1, file: path, position }]);
          expect(bases, what).toEqual([0, 1, 2, 3, 4, 5, 6, 7].filter((base) => base !== index));
          expect(bytes, what).toEqual(joined(batches.filter((_, other) => other !== index)));
          // Found once, remembered: the next read does not go to the disk for it.
          expect(log.damage.length, what).toBe(1);
          await log.close();
          disk.flipBit(path, position + at, bit);
          flips += 1;
        }
      }
    }
    expect(flips).toBe(joined(batches).length * 8);
  });
});

test("every flipped bit of a side file is harmless: all batches are served, and found by their times", async () => {
  const { run, disk } = machine();
  await run(async (ports) => {
    const batches = await build(ports);
    const names = disk
      .folder(folder)
      .names()
      .filter((name) => !name.endsWith(".log"));
    const pristine = new Map(names.map((name) => [name, disk.contents(`${folder}/${name}`)]));
    for (const [name, content] of pristine) {
      for (let at = 0; at < content.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          disk.flipBit(`${folder}/${name}`, at, bit);
          const log = await open(ports);
          const { bytes, damage } = await readOver(log);
          const what = `${name}, byte ${at}, bit ${bit}`;
          expect(damage, what).toEqual([]);
          expect(bytes, what).toEqual(joined(batches));
          for (let index = 0; index < batches.length; index++) {
            const found = await log.findByTime(startMs + index, log.logEnd);
            expect(basesOf(found), what).toEqual([index]);
          }
          // Whatever the checkpoint said, reading has put it right.
          expect(log.endOfEpoch(1), what).toEqual({ epoch: 1, endOffset: 5 });
          await log.close();
          for (const [other, bytesBefore] of pristine) await restore(ports, other, bytesBefore);
        }
      }
    }
  });
});

async function restore(ports: MachinePorts, name: string, bytes: Uint8Array): Promise<void> {
  const file = await ports.disk.open(`${folder}/${name}`, "write");
  await file.truncate(bytes.length);
  await file.write(bytes, 0);
  await file.close();
}
