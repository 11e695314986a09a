// Shows J1 to J5 for random histories with random deaths, and that a seed repeats itself. More of them: test/history/main.ts.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
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

test("of two syncs of one file, one of which fails, none is believed", async () => {
  expect((await crashSeed(drawCrashing(12_133))).lives).toBeGreaterThan(1);
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
    "fault.refused-too-many-files",
    "fault.refused-no-space",
    "fault.sync-wants-room",
  ];
  for (const trouble of troubles) expect(counts.get(`disk.${trouble}`) ?? 0, trouble).toBeGreaterThan(0);
  for (const counter of ["rounds", "direct_rounds", "waits"])
    expect(counts.get(`varve_journal_${counter}_total`) ?? 0, counter).toBeGreaterThan(0);
});

const program = join(import.meta.dirname, "history/main.ts");

test.each(["--first-seed 7", "ten", "3 1.5", "0", "1 2 3"])("the program refuses %s with a sentence and exit code 2", (args) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args.split(" ")], { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(/^histories: .+; the arguments are \[seeds\] \[first seed\] .+\n$/);
});

test("the program runs as many seeds as it is told, from the one it is told", () => {
  const { status, stdout } = spawnSync(process.execPath, [program, "2", "7", "--first"], { encoding: "utf8" });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^histories: 2 seeds, \d+ lives, 0 violations, /);
});
