// Shows that checkpoints come back as they were written, and that no other text passes for one.

import { CorruptionError, type Offset, partitionKey } from "@varve/model";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  logStartFile,
  readLogStarts,
  readRecoveryPoints,
  recoveryPointFile,
  writeLogStarts,
  writeRecoveryPoints,
} from "../src/checkpoint.ts";
import { machine, partition } from "./harness.ts";
import { scriptCompression } from "./history/batches.ts";

const position = { offset: 1234 as Offset, segmentBase: 1000 as Offset, bytes: 4321 };
const points = {
  generation: { number: 12, salt: 4_000_000_000 },
  floorLsn: 900,
  marks: new Map([0, 7].map((number) => [partitionKey(partition(number)), { id: partition(number), position, covers: 890 + number }])),
};

test("recovery points come back as they were written, in Kafka's form", async () => {
  await machine().run(async ({ disk }) => {
    await writeRecoveryPoints(disk, points, scriptCompression);
    expect(await readRecoveryPoints(disk, scriptCompression)).toEqual(points);
    const file = await disk.open(recoveryPointFile, "read");
    const bytes = new Uint8Array(file.size);
    await file.read(bytes, 0);
    expect(new TextDecoder().decode(bytes).split("\n").slice(0, 5)).toEqual([
      "1",
      "2",
      "12 4000000000 900",
      "AAAAAAAAAAAAAAAAAAAAAA 0 1234 1000 4321 890",
      "AAAAAAAAAAAAAAAAAAAAAA 7 1234 1000 4321 897",
    ]);
  });
});

test("log starts come back as they were written; a file that is missing holds none", async () => {
  await machine().run(async ({ disk }) => {
    expect(await readLogStarts(disk, scriptCompression)).toEqual(new Map());
    const start = { id: partition(3), offset: 55 as Offset, lsn: 66 };
    await writeLogStarts(disk, [start], scriptCompression);
    expect(await readLogStarts(disk, scriptCompression)).toEqual(new Map([[partitionKey(start.id), start]]));
  });
});

test("any other text is corruption, and says which file", async () => {
  await machine().run(async ({ disk }) => {
    const texts = fc.sample(
      fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "1\n0\n", "1\n1000000000\n1 1 1\n", "0\n0\n\n")),
      15,
    );
    for (const [number, text] of texts.entries()) {
      for (const [path, read] of [
        [recoveryPointFile, readRecoveryPoints],
        [logStartFile, readLogStarts],
      ] as const) {
        if (number > 0) await disk.unlink(path);
        const file = await disk.open(path, "create");
        file.writeSync(new TextEncoder().encode(text), 0);
        await file.close();
        await expect(read(disk, scriptCompression), JSON.stringify(text)).rejects.toSatisfy(
          (error) => error instanceof CorruptionError && error.file === path,
        );
      }
    }
  });
});

test("a checkpoint that is being replaced is the old one or the new one, wherever the power goes", async () => {
  for (let effect = 1; effect <= 7; effect++) {
    for (const moment of ["before", "torn", "after"] as const) {
      const under = machine(effect);
      await under.run(({ disk }) => writeRecoveryPoints(disk, points, scriptCompression));
      under.disk.dieAt(under.disk.effects + effect, moment, "power");
      await under.run(({ disk }) => writeRecoveryPoints(disk, { ...points, floorLsn: 950 }, scriptCompression));
      const found = await under.run(async ({ disk }) => (await readRecoveryPoints(disk, scriptCompression))?.floorLsn);
      expect([900, 950]).toContain(found.kind === "finished" ? found.value : undefined);
    }
  }
});
