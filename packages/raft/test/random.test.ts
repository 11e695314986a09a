// Random events over a quorum: messages lost, late, repeated, overtaken; writes that take long; deaths before and after a write; links cut;
// members that come and go; snapshots. Every invariant after every event, and when all is healed the quorum works.

import { expect, test } from "vitest";
import { drawnHistory, type HistoryCounts } from "./random-history.ts";

const seeds = 300;

test(`${seeds} random histories keep every invariant, and every kind of event happens in them`, () => {
  const total = new Map<string, number>();
  for (let seed = 1; seed <= seeds; seed++) {
    let counts: HistoryCounts;
    try {
      counts = drawnHistory(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    for (const [what, count] of counts) total.set(what, (total.get(what) ?? 0) + count);
  }
  const events = [
    "elected",
    "payload",
    "configuration",
    "empty",
    "read",
    "crash",
    "written crash",
    "cut",
    "snapshot",
    "restored",
    "transfer",
    "lost",
    "stuck",
  ];
  for (const event of events) expect(total.get(event) ?? 0, event).toBeGreaterThan(20);
});
