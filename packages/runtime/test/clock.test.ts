// The platform's clock and entropy: what the ports promise, without a bound on how late a timer may be.

import { nodeClock, nodeEntropy } from "@varve/runtime/node";
import { expect, test } from "vitest";

test("a timer never fires early, whatever the fraction of its delay", async () => {
  const early: number[] = [];
  await Promise.all(
    Array.from({ length: 200 }, (_, at) => {
      const delayMs = at / 10;
      const startMs = nodeClock.monotonicMs();
      return new Promise<void>((resolve) =>
        nodeClock.setTimer(delayMs, () => {
          const passedMs = nodeClock.monotonicMs() - startMs;
          if (passedMs < delayMs) early.push(passedMs - delayMs);
          resolve();
        }),
      );
    }),
  );
  expect(early).toEqual([]);
});

test("a cancelled timer never fires, also when it is due", async () => {
  let fired = false;
  const timer = nodeClock.setTimer(1, () => (fired = true));
  const startMs = nodeClock.monotonicMs();
  while (nodeClock.monotonicMs() - startMs < 5);
  timer.cancel();
  timer.cancel();
  await new Promise<void>((resolve) => nodeClock.setTimer(5, resolve));
  expect(fired).toBe(false);
});

test("a delay longer than the platform's timers can take does not fire at once", async () => {
  let fired = false;
  const timer = nodeClock.setTimer(3_000_000_000, () => (fired = true));
  await new Promise<void>((resolve) => nodeClock.setTimer(10, resolve));
  timer.cancel();
  expect(fired).toBe(false);
});

test("what is deferred runs after this turn", async () => {
  const order: string[] = [];
  const done = new Promise<void>((resolve) =>
    nodeClock.defer(() => {
      order.push("deferred");
      resolve();
    }),
  );
  order.push("now");
  await Promise.resolve();
  order.push("microtask");
  await done;
  expect(order).toEqual(["now", "microtask", "deferred"]);
});

test("wall time is a whole number of milliseconds", () => {
  expect(Number.isInteger(nodeClock.wallMs())).toBe(true);
});

test("entropy is uniform over 32 bits and fresh in every call", () => {
  const entropy = nodeEntropy();
  const values = Array.from({ length: 10_000 }, () => entropy.u32());
  expect(new Set(values).size).toBeGreaterThan(9_990);
  expect(values.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32)).toBe(true);
  // Each of the 32 bits is set in about half of the values: six standard deviations are 300.
  for (let bit = 0; bit < 32; bit++) {
    const set = values.filter((value) => (value / 2 ** bit) & 1).length;
    expect(Math.abs(set - 5_000)).toBeLessThan(300);
  }
  const [first, second] = [entropy.bytes(16), entropy.bytes(16)];
  expect(first).toHaveLength(16);
  expect(first).not.toEqual(second);
});
