// Shows that the checker finds each anomaly that it knows when one is planted.

import { expect, test } from "vitest";
import { type AnomalyType, anomalyTable } from "./checker/anomaly.ts";
import { check, strict } from "./checker/check.ts";
import { fromNdjson, History, toNdjson } from "./history.ts";
import { Story, sent, story } from "./story.ts";

const planted: readonly (readonly [what: string, finds: readonly AnomalyType[], told: Story])[] = [
  [
    "one offset that gives two values",
    ["inconsistent-offsets"],
    story()
      .send(1, 1, "0:10")
      .step(2, sent(2, 1, "-:20", { outcome: "info" }), "info")
      .assign(3, [1])
      .poll(3, 1, "0:10")
      .assign(4, [1])
      .poll(4, 1, "0:20"),
  ],
  [
    "an acknowledgement of an offset at which another value is read",
    ["inconsistent-offsets", "lost-write"],
    story()
      .send(1, 1, "0:10")
      .step(2, sent(2, 1, "-:20", { outcome: "info" }), "info")
      .assign(3, [1])
      .poll(3, 1, "0:20"),
  ],
  ["a value at two offsets", ["duplicate", "int-nonmonotonic-poll"], story().send(1, 1, "0:10").readAll(1, "0:10 1:10")],
  [
    "an acknowledged value below one that was read",
    ["lost-write", "offset-gap", "int-poll-skip"],
    story().send(1, 1, "0:10 1:11 2:12").assign(3, [1]).poll(3, 1, "0:10 2:12"),
  ],
  [
    "a read of what failed",
    ["G1a"],
    story()
      .step(1, sent(1, 1, "-:10", { outcome: "fail" }), "fail")
      .readAll(1, "0:10"),
  ],
  [
    "a poll that goes back",
    ["offset-gap", "int-nonmonotonic-poll"],
    story().send(1, 1, "0:10 1:11").assign(3, [1]).poll(3, 1, "0:10 1:11 0:10"),
  ],
  [
    "a poll that leaves values out after the one before it",
    ["offset-gap", "poll-skip"],
    story().send(1, 1, "0:10 1:11 2:12").assign(2, [1]).poll(2, 1, "0:10 1:11 2:12").assign(3, [1]).poll(3, 1, "0:10").poll(3, 1, "2:12"),
  ],
  [
    "a poll that repeats what the one before it gave",
    ["offset-gap", "nonmonotonic-poll"],
    story().send(1, 1, "0:10").assign(3, [1]).poll(3, 1, "0:10").poll(3, 1, "0:10"),
  ],
  ["one send in the wrong order", ["int-nonmonotonic-send"], story().send(1, 1, "1:10 0:11").readAll(1, "0:11 1:10")],
  [
    "two sends of one producer in the wrong order",
    ["nonmonotonic-send"],
    story().send(1, 1, "1:10").send(1, 1, "0:11").readAll(1, "0:11 1:10"),
  ],
  [
    "an acknowledged value that is not there at the end",
    ["unseen", "watermark-below-acked"],
    story().send(1, 1, "0:10").readAll(1, "").topic(2),
  ],
  [
    "an acknowledged value that a power cut took from a durable topic",
    ["unseen", "watermark-below-acked"],
    story().send(1, 1, "0:10").fault("power-cut").readAll(1, ""),
  ],
  [
    "acks=all of a replicated topic, lost with the process alone",
    ["unseen", "watermark-below-acked"],
    new Story().topic(1, { durability: "replicated" }).send(1, 1, "0:10").fault("process-death").readAll(1, ""),
  ],
  ["acks=leader, lost with nobody's death", ["unseen"], story().send(1, 1, "0:10", { acks: "leader" }).readAll(1, "")],
  ["a value that nobody sent", ["unexpected-read"], story().readAll(1, "0:66")],
  [
    "a value in a partition that it was not sent to",
    ["unexpected-read"],
    story()
      .topic(2)
      .step(1, sent(1, 1, "-:10", { outcome: "info" }), "info")
      .readAll(2, "0:10"),
  ],
  [
    "a value without an answer that was read and then lost",
    ["lost-consumed"],
    story()
      .step(1, sent(1, 1, "-:10", { outcome: "info" }), "info")
      .assign(2, [1])
      .poll(2, 1, "0:10")
      .fault("power-cut")
      .readAll(1, ""),
  ],
  [
    "a hole where a death should have taken the end",
    ["hole-below-acked"],
    new Story()
      .topic(1, { durability: "replicated" })
      .send(1, 1, "0:10")
      .send(1, 1, "1:11")
      .fault("power-cut")
      .assign(91, [1], { kind: "offset", offset: 1 })
      .poll(91, 1, "1:11", true),
  ],
  [
    "a record below a log start that had been raised",
    ["resurrected", "wrong-start"],
    story().send(1, 1, "0:10").step(3, { f: "delete-records", key: 1, before: 1, logStart: 1 }).assign(4, [1]).poll(4, 1, "0:10"),
  ],
  [
    "a record of a deleted topic in the one of the same name",
    ["resurrected"],
    story()
      .send(1, 1, "0:10")
      .step(0, { f: "delete-topic", value: [1] })
      .topic(2, { predecessor: 1 })
      .readAll(2, "0:10"),
  ],
  [
    "a deleted topic that is still read",
    ["resurrected"],
    story()
      .send(1, 1, "0:10")
      .step(0, { f: "delete-topic", value: [1] })
      .assign(4, [1])
      .poll(4, 1, "0:10"),
  ],
  [
    "offsets that jump although no value is known in between",
    ["offset-gap"],
    story().send(1, 1, "0:10 5:11").assign(3, [1]).poll(3, 1, "0:10 5:11"),
  ],
  [
    "a consumer that begins behind the offset that it asked for",
    ["wrong-start"],
    story().send(1, 1, "0:10 1:11").assign(2, [1]).poll(2, 1, "0:10 1:11").assign(3, [1], { kind: "offset", offset: 0 }).poll(3, 1, "1:11"),
  ],
  [
    "a consumer from the start that begins behind it",
    ["wrong-start"],
    story().send(1, 1, "0:10 1:11").assign(2, [1]).poll(2, 1, "0:10 1:11").assign(3, [1]).poll(3, 1, "1:11").bounds(1, 0, 2),
  ],
  [
    "a consumer from the end that is given what was acknowledged before",
    ["wrong-start"],
    story().send(1, 1, "0:10").assign(3, [1], { kind: "latest" }).poll(3, 1, "0:10"),
  ],
  [
    "a consumer from a time that passes over a record of that time",
    ["wrong-start"],
    story()
      .send(1, 1, "0:10", { timestampMs: 100 })
      .send(1, 1, "1:11", { timestampMs: 200 })
      .assign(2, [1])
      .poll(2, 1, "0:10 1:11")
      .assign(3, [1], { kind: "timestamp", timestampMs: 100 })
      .poll(3, 1, "1:11"),
  ],
  [
    "a consumer from a time that is given an older record",
    ["wrong-start"],
    story()
      .send(1, 1, "0:10", { timestampMs: 100 })
      .send(1, 1, "1:11", { timestampMs: 200 })
      .assign(3, [1], { kind: "timestamp", timestampMs: 150 })
      .poll(3, 1, "0:10 1:11"),
  ],
  ["an end that was not read", ["final-gap"], story().send(1, 1, "0:10").readAll(1, "0:10", 0, 2)],
  ["a high watermark that falls", ["watermark-fell"], story().bounds(1, 0, 3).bounds(1, 0, 2)],
  [
    "a high watermark that a dead process takes with it, in a replicated topic",
    ["watermark-fell"],
    new Story().topic(1, { durability: "replicated" }).bounds(1, 0, 3).fault("process-death").bounds(1, 0, 2),
  ],
  ["a high watermark below what was acknowledged", ["watermark-below-acked"], story().send(1, 1, "0:10 1:11").bounds(1, 0, 1)],
  ["a log start that falls", ["log-start-fell"], story().step(3, { f: "delete-records", key: 1, before: 2, logStart: 2 }).bounds(1, 1, 3)],
  [
    "retention that leaves nothing",
    ["log-start-rose"],
    new Story().topic(1, { isRetained: true }).send(1, 1, "0:10 1:11").bounds(1, 0, 2).bounds(1, 2, 2),
  ],
  ["a log start that rises by itself", ["log-start-rose"], story().bounds(1, 1, 3)],
];

for (const [what, finds, told] of planted) {
  test(`${finds.join(", ")}: ${what}`, () => {
    expect(told.anomalies()).toEqual([...finds].sort());
  });
}

test("each anomaly of the table but the one that is always allowed is planted above", () => {
  const found = new Set(planted.flatMap(([, finds]) => finds));
  expect(Object.keys(anomalyTable).filter((type) => !found.has(type as AnomalyType))).toEqual(["int-send-skip"]);
});

test("an anomaly that the options allow does not count", () => {
  const { events } = story().bounds(1, 0, 3).bounds(1, 0, 2).history;
  expect(check(events, { ...strict, allowed: ["watermark-fell"] }).isValid).toBe(true);
});

test("holes in the offsets are no gap where the options allow them, and a value between that is known is still missed", () => {
  const holes = story().send(1, 1, "0:10 5:11").assign(3, [1]).poll(3, 1, "0:10 5:11").history.events;
  expect(check(holes, { ...strict, hasHoles: true }).isValid).toBe(true);
  const skip = story().send(1, 1, "0:10 2:11 5:12").assign(3, [1]).poll(3, 1, "0:10 5:12").history.events;
  expect(check(skip, { ...strict, hasHoles: true }).anomalies.map(({ type }) => type)).toContain("int-poll-skip");
});

test("what is no history is refused", () => {
  const twice = story().send(1, 1, "0:10").send(2, 1, "1:10").history.events;
  expect(() => check(twice)).toThrow("value 10 was sent twice");
  const alone = new History(() => 0);
  alone.add(1, "ok", { f: "assign", value: [], from: { kind: "earliest" } });
  expect(() => check(alone.events)).toThrow("event 0: completes no assign of process 1");
});

test("a history that was written and read again is the same", () => {
  const { events } = story().send(1, 1, "0:10 -:11").fault("power-cut").readAll(1, "0:10").history;
  expect(fromNdjson(toNdjson(events))).toEqual(events);
});
