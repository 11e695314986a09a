// Shows J1 to J5 for random histories with random deaths, and that a seed repeats itself. More of them: test/history/main.ts.

import { expect, test } from "vitest";
import { crashSeed, drawCrashing } from "./history/crash.ts";

const seedsPerTest = 250;

const counts = new Map<string, number>();

test.each([0, 1, 2, 3])("random histories agree with the slow model after every death, part %i", async (part) => {
  let lives = 0;
  for (let seed = 1 + part * seedsPerTest; seed <= (part + 1) * seedsPerTest; seed++) {
    const crashed = await crashSeed(drawCrashing(seed));
    lives += crashed.lives;
    for (const [what, count] of crashed.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  }
  expect(lives).toBeGreaterThan(seedsPerTest);
});

test("the same seed twice is the same history, death by death and byte by byte", async () => {
  for (const seed of [7, 77, 777]) {
    const [one, other] = [await crashSeed(drawCrashing(seed)), await crashSeed(drawCrashing(seed))];
    expect(other.traceHash).toBe(one.traceHash);
    expect(other.ends).toBe(one.ends);
  }
});

test("a disk that fails while a life looks at what it has found ends that life, and breaks no promise", async () => {
  expect((await crashSeed(drawCrashing(504_826))).lives).toBeGreaterThan(1);
});

test("in these histories every kind of trouble has happened, and every kind of round", () => {
  const troubles = [
    "death.process",
    "death.power",
    "fault.power-cut",
    "fault.torn",
    "fault.dropped",
    "fault.reordered",
    "fault.full",
    "fault.stall-all",
    "fault.sync-failed",
    "fault.entry-dropped",
  ];
  for (const trouble of troubles) expect(counts.get(`disk.${trouble}`) ?? 0, trouble).toBeGreaterThan(0);
  for (const counter of ["rounds", "direct_rounds", "waits"])
    expect(counts.get(`varve_journal_${counter}_total`) ?? 0, counter).toBeGreaterThan(0);
});
