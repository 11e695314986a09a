// Places in a log as people write them.

import { expect, test } from "vitest";
import { parsePlace } from "../src/places.ts";

const nowMs = Date.UTC(2026, 4, 1, 12);

test.each([
  ["start", "earliest"],
  ["end", "latest"],
  ["@42", { offset: 42 }],
  ["-2h", { timestamp: nowMs - 7_200_000 }],
  ["-1500", { timestamp: nowMs - 1_500 }],
  ["2026-05-01T11:00:00Z", { timestamp: nowMs - 3_600_000 }],
  ["2026-05-01T13:00:00+02:00", { timestamp: nowMs - 3_600_000 }],
  ["2026-05-01 11:00", { timestamp: nowMs - 3_600_000 }],
  ["2026-05-01T11:00:00.250", { timestamp: nowMs - 3_599_750 }],
  ["2026-05-01", { timestamp: nowMs - 12 * 3_600_000 }],
] as const)("%s is %j, whatever the zone of the machine", (text, place) => {
  expect(parsePlace("--from", text, nowMs)).toEqual(place);
});

test.each(["", "@", "@-1", "yesterday", "-2x", "2026-13-01", "12:00"])("%j is refused with what there is", (text) => {
  expect(() => parsePlace("--from", text, nowMs)).toThrow(/^--from is start, end, @offset/);
});
