// Shows the promise of the idempotent producer: whatever happens to streams, answers and the leader, the log holds the records in the order
// in which they were sent, none twice, and what the user was told is true. The rules: docs/decisions/0008-idempotent-producer.md.

import fc from "fast-check";
import { expect, test } from "vitest";
import { disorder, type LeaderMood, numbersIn, QueueDriver, violation } from "./queue-driver.ts";

const moods = fc.constantFrom<LeaderMood>(
  "store",
  "store",
  "store",
  "store",
  "throttle",
  "too-large",
  "store-late",
  "fail-stored",
  "fail-unstored",
);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ act: fc.constant("send" as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 8, arbitrary: fc.record({ act: fc.constant("pump" as const) }) },
  { weight: 10, arbitrary: fc.record({ act: fc.constant("read" as const), which: fc.nat(4), mood: moods }) },
  { weight: 8, arbitrary: fc.record({ act: fc.constant("answer" as const), which: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("cut" as const), isEmptied: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("lose" as const), batches: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("pass" as const), milliseconds: fc.constantFrom(1, 15, 120, 400, 1_100) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** @param mayLose the log may lose batches that it has acknowledged. */
function play(driver: QueueDriver, steps: readonly Step[], mayLose: boolean): void {
  for (const one of steps) {
    switch (one.act) {
      case "send":
        for (let count = 0; count < one.count; count += 1) driver.send();
        break;
      case "pump":
        driver.pump();
        break;
      case "read":
        driver.leaderReads(one.which, one.mood);
        break;
      case "answer":
        driver.answerArrives(one.which);
        break;
      case "cut":
        driver.cut(one.isEmptied);
        break;
      case "lose":
        if (mayLose) driver.loseTail(one.batches);
        break;
      case "pass":
        driver.pass(one.milliseconds);
        break;
    }
  }
  driver.heal();
}

const steps = fc.array(step, { minLength: 20, maxLength: 150, size: "max" });
const runs = Number(process.env.VARVE_PROPERTY_RUNS ?? 1_000);

test("any faults leave the records in order, once, and what was said of each is true", () => {
  fc.assert(
    fc.property(steps, (played) => {
      const driver = new QueueDriver();
      play(driver, played, false);
      expect(violation(driver)).toBeUndefined();
      expect(driver.failure).toBeUndefined();
    }),
    { numRuns: runs },
  );
});

test.each(["all", "leader"] as const)(
  "a log that loses what it has acknowledged gets no record twice or out of order, with acks %s",
  (acks) => {
    fc.assert(
      fc.property(steps, (played) => {
        const driver = new QueueDriver({ acks });
        play(driver, played, true);
        expect(disorder(driver)).toBeUndefined();
        expect(driver.failure).toBeUndefined();
      }),
      { numRuns: runs },
    );
  },
);

test("a producer that is not idempotent keeps the order, but for what it had to send twice", () => {
  fc.assert(
    fc.property(steps, (played) => {
      const driver = new QueueDriver({ isIdempotent: false });
      // Nothing comes late: without numbers nobody can tell an old attempt from a new one.
      play(
        driver,
        played.map((one) => (one.act === "cut" ? { ...one, isEmptied: true } : one)),
        false,
      );
      const numbers = numbersIn(driver);
      expect([...new Set(numbers)]).toEqual([...new Set(numbers)].sort((one, other) => one - other));
    }),
    { numRuns: runs },
  );
});

/** One acknowledged record, then `count` in batches of their own, in flight. */
function inFlight(driver: QueueDriver, count: number): void {
  driver.send();
  driver.pump();
  driver.leaderReads(0, "store");
  driver.answerArrives(0);
  for (let at = 0; at < count; at += 1) {
    driver.send();
    driver.pump();
  }
}

test("a batch that moves up behind a refused one leaves no place for its old attempt", () => {
  const driver = new QueueDriver();
  inFlight(driver, 3);
  driver.leaderReads(0, "too-large");
  driver.answerArrives(0);
  driver.cut(false);
  driver.pass(200);
  driver.pump();
  driver.leaderReads(1, "store");
  driver.answerArrives(0);
  // The old attempts of v2 and v3 come late, between the new ones.
  driver.leaderReads(0, "store");
  driver.leaderReads(0, "store");
  driver.heal();
  expect(numbersIn(driver)).toEqual([0, 2, 3]);
  expect(driver.outcomes.get("v1")?.error).toMatchObject({ code: "MESSAGE_TOO_LARGE", outcome: "refused" });
});

test("until a partition has acknowledged something only one batch is in flight", () => {
  const driver = new QueueDriver();
  for (let at = 0; at < 5; at += 1) {
    driver.send();
    driver.pump();
  }
  // A leader that knows nothing of the producer takes any number for its first: v1 before v0 would have been stored.
  driver.leaderReads(0, "throttle");
  driver.leaderReads(0, "store");
  driver.answerArrives(0);
  driver.heal();
  expect(numbersIn(driver)).toEqual([0, 1, 2, 3, 4]);
});

test("five batches are in flight once the partition has acknowledged one", () => {
  const driver = new QueueDriver();
  inFlight(driver, 8);
  for (let at = 0; at < 5; at += 1) driver.leaderReads(0, "store");
  expect(numbersIn(driver)).toEqual([0, 1, 2, 3, 4, 5]);
  driver.leaderReads(0, "store");
  expect(numbersIn(driver).length).toBe(6);
  driver.heal();
  expect(numbersIn(driver)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test("a batch of which nobody knows whether it was stored fails as unknown, and those behind it go on", () => {
  const driver = new QueueDriver();
  inFlight(driver, 2);
  driver.leaderReads(0, "fail-stored");
  driver.leaderReads(0, "store");
  driver.answerArrives(0);
  driver.answerArrives(0);
  driver.send();
  driver.heal();
  expect(driver.outcomes.get("v1")?.error).toMatchObject({ code: "UNKNOWN_SERVER_ERROR", outcome: "unknown" });
  expect(numbersIn(driver)).toEqual([0, 1, 2, 3]);
});

test("a record whose batch was never answered fails as unknown when its time is up, one that was never sent as refused", () => {
  const driver = new QueueDriver();
  driver.send();
  driver.pump();
  driver.send();
  driver.pass(1_100);
  expect(driver.outcomes.get("v0")?.error).toMatchObject({ code: "REQUEST_TIMED_OUT", outcome: "unknown" });
  expect(driver.outcomes.get("v1")?.error).toMatchObject({ code: "REQUEST_TIMED_OUT", outcome: "refused" });
});

test("a log that lost what it had acknowledged is told of with acks all, and gone on with by acks leader", () => {
  for (const acks of ["all", "leader"] as const) {
    const driver = new QueueDriver({ acks });
    for (let at = 0; at < 3; at += 1) {
      driver.send();
      driver.heal();
    }
    driver.loseTail(1);
    driver.send();
    driver.send();
    driver.heal();
    driver.send();
    driver.heal();
    expect(numbersIn(driver)).toEqual(acks === "all" ? [0, 1, 5] : [0, 1, 3, 4, 5]);
    if (acks === "all")
      expect(driver.outcomes.get("v3")?.error).toMatchObject({ code: "OUT_OF_ORDER_SEQUENCE_NUMBER", outcome: "refused" });
  }
});
