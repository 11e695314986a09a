// Shows what a seed is: the same run each time, long and busy enough, and judged; and what a batch says of itself.

import { expect, test } from "vitest";
import { busyMs, operationsMin } from "./configuration.ts";
import { faultKinds } from "./faults/kinds.ts";
import { missingPaths } from "./paths.ts";
import { Report } from "./report.ts";
import { runSeed, type SeedOutcome } from "./run-seed.ts";

test("a seed gives the same hash, counts and history each time, also after another one in the same process", async () => {
  const first = await runSeed(11);
  const other = await runSeed(12);
  const again = await runSeed(11);
  expect(again.outcome).toEqual(first.outcome);
  expect(again.history).toEqual(first.history);
  expect(other.outcome.hash).not.toBe(first.outcome.hash);
});

test("a seed has at least a thousand operations, lasts five virtual minutes, and ends without a violation", async () => {
  const { outcome, history } = await runSeed(13);
  expect(outcome.violations).toEqual([]);
  expect(outcome.operations).toBeGreaterThanOrEqual(operationsMin);
  expect(outcome.virtualMs).toBeGreaterThanOrEqual(busyMs);
  expect(history.some((event) => event.f === "poll" && event.isFinal && event.value.some(({ reads }) => reads.length > 0))).toBe(true);
});

const outcome: SeedOutcome = { seed: 1, hash: "a", violations: [], events: 10, virtualMs: 1_000, operations: 5, counts: {}, tail: [] };

test("a batch of seeds without a violation is good, and its last line says so", () => {
  const report = new Report(0, () => {});
  report.add(outcome);
  report.addRepeat(outcome);
  expect(report.isGood).toBe(true);
  expect(report.text(1_000).trimEnd().split("\n").at(-1)).toMatch(
    /^sim: 1 seeds, 0 violations, 7200 seeds\/h, 10 events\/s, .*, 1 seeds twice/,
  );
});

test("a violation, and a second run with another hash, are said at once with the command that repeats them, and the batch is not good", () => {
  for (const spoil of [
    (report: Report) => report.add({ ...outcome, violations: ["lost-write: key 1"] }),
    (report: Report) => {
      report.add(outcome);
      report.addRepeat({ ...outcome, hash: "b" });
    },
  ]) {
    let said = "";
    const report = new Report(0, (text) => {
      said += text;
    });
    spoil(report);
    expect(said).toContain("npm run sim -- --first-seed 1 --trace");
    expect(report.isGood).toBe(false);
  }
});

test("from a thousand seeds on a batch in which a fault or a recovery path never happened is not good; a smaller one says which", () => {
  expect(missingPaths(new Map())).toEqual(expect.arrayContaining(faultKinds.map((kind) => `fault.${kind}`)));
  const report = new Report(0, () => {});
  for (let seed = 1; seed < 1_000; seed++) report.add({ ...outcome, seed });
  expect(report.isGood).toBe(true);
  expect(report.text(1_000)).toContain("note: never happened: fault.process-death");
  report.add({ ...outcome, seed: 1_000 });
  expect(report.isGood).toBe(false);
  expect(report.text(1_000)).toContain("FAILED: never happened: fault.process-death");
});
