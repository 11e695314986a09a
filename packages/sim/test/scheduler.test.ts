// Shows the order of events, that each comes to rest before the next, and that chance is split by name.

import { hashBytes, quiet, Random, Scheduler } from "@varve/sim";
import { describe, expect, test } from "vitest";
import { turn } from "./platform.ts";

async function runAll(scheduler: Scheduler): Promise<void> {
  while (await scheduler.step());
}

describe("events", () => {
  test("run by time, at one time in an order that the seed draws, and those that ask for it in their own order before them", async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const scheduler = new Scheduler(new Random(seed), turn);
      const order: string[] = [];
      for (const name of ["a", "b", "c"]) scheduler.after(5, () => order.push(name));
      for (const name of ["1", "2", "3"]) scheduler.afterInOrder(5, () => order.push(name));
      scheduler.after(9, () => order.push("last"));
      scheduler.after(1, () => order.push("first"));
      await runAll(scheduler);
      expect(order.slice(0, 4)).toEqual(["first", "1", "2", "3"]);
      expect(order.at(-1)).toBe("last");
      orders.add(order.slice(4, 7).join(""));
    }
    expect(orders.size).toBe(6);
  });

  test("keep their order however many there are and however they come", async () => {
    const scheduler = new Scheduler(new Random(1), turn);
    const random = new Random(2);
    const times: number[] = [];
    for (let at = 0; at < 2_000; at++) {
      const planned = scheduler.after(random.below(500), () => {
        times.push(scheduler.nowMs);
        return quiet;
      });
      if (random.chance(0.2)) planned.cancel();
    }
    await runAll(scheduler);
    expect(times.length).toBeGreaterThan(1_400);
    expect(times).toEqual([...times].sort((one, other) => one - other));
  });

  test("let everything that they set off come to rest before the next one, however many promises long", async () => {
    const scheduler = new Scheduler(new Random(1), turn);
    const order: string[] = [];
    scheduler.after(1, async () => {
      for (let at = 0; at < 100; at++) await undefined;
      order.push("first at rest");
    });
    scheduler.after(1.001, () => order.push("second"));
    await runAll(scheduler);
    expect(order).toEqual(["first at rest", "second"]);
  });

  test("that are cancelled do not run and do not hold up the end", async () => {
    const scheduler = new Scheduler(new Random(1), turn);
    const planned = scheduler.after(1, () => expect.unreachable());
    planned.cancel();
    planned.cancel();
    expect(scheduler.nextMs).toBeUndefined();
    expect(await scheduler.step()).toBe(false);
  });
});

describe("chance", () => {
  test("of a stream depends on seed and name, not on what was drawn elsewhere", () => {
    const one = new Random(42);
    const other = new Random(42);
    for (let draw = 0; draw < 10; draw++) other.u32();
    const draws = (random: Random) => Array.from({ length: 5 }, () => random.u32());
    expect(draws(one.stream("disk"))).toEqual(draws(other.stream("disk")));
    expect(draws(one.stream("disk"))).not.toEqual(draws(one.stream("network")));
    expect(draws(one.stream("a").stream("b"))).not.toEqual(draws(one.stream("b").stream("a")));
    expect(draws(new Random(42))).not.toEqual(draws(new Random(42 + 2 ** 40)));
  });

  test("falls where it should", () => {
    const random = new Random(7);
    const counts = new Array<number>(6).fill(0);
    for (let draw = 0; draw < 6_000; draw++) {
      const drawn = random.integer(10, 15) - 10;
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(200);
    const mean = Array.from({ length: 5_000 }, () => random.exponential(30)).reduce((sum, value) => sum + value, 0) / 5_000;
    expect(Math.abs(mean - 30)).toBeLessThan(3);
    expect([...random.shuffle([1, 2, 3, 4, 5])].sort()).toEqual([1, 2, 3, 4, 5]);
    expect([random.chance(0), random.chance(1)]).toEqual([false, true]);
  });
});

test("a trace's hash changes with each part of an event, and a tail keeps the last of them in words", () => {
  const hashOf = (...event: Parameters<Scheduler["trace"]["event"]>) => {
    const { trace } = new Scheduler(new Random(1), turn);
    trace.event(...event);
    return trace.hash;
  };
  const hashes = [
    hashOf(1, "kind", "n", "detail", 2),
    hashOf(1.001, "kind", "n", "detail", 2),
    hashOf(1, "other", "n", "detail", 2),
    hashOf(1, "kind", "m", "detail", 2),
    hashOf(1, "kind", "n", "other", 2),
    hashOf(1, "kind", "n", "detail", 3),
    hashOf(1, "kind", "n", "detail", 2 + 2 ** 40),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
  const { trace } = new Scheduler(new Random(1), turn);
  for (let at = 0; at < 3_000; at++) trace.event(at, "kind", "", `number ${at}`);
  expect(trace.tail(2)).toEqual(["2998.000 ms  -  kind  number 2998", "2999.000 ms  -  kind  number 2999"]);
  expect(trace.tail().length).toBe(1_024);
  expect(trace.counts.get("kind")).toBe(3_000);
});

test("a hash of bytes changes with each byte and with the length", () => {
  const bytes = new Uint8Array(23);
  const hashes = new Set([hashBytes(bytes), hashBytes(bytes.subarray(1))]);
  for (let at = 0; at < bytes.length; at++) {
    const other = bytes.slice();
    other[at] = 1;
    hashes.add(hashBytes(other));
  }
  expect(hashes.size).toBe(25);
});
