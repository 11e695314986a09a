// What a clock must do, whatever drives it.

import { describe, expect, test } from "vitest";
import { type Clock, sleep, turn } from "../clock.ts";
import { eventually, quietly, type Rig } from "./rig.ts";

const year2020Ms = 1_577_836_800_000;

/** @param run gives its script the clock under test, twice. */
export function clockContract(name: string, run: Rig<Clock>): void {
  describe(`clock contract: ${name}`, () => {
    test("wall time is whole milliseconds since the Unix epoch", () =>
      run(async (clock) => {
        expect(Number.isSafeInteger(clock.wallMs())).toBe(true);
        expect(clock.wallMs()).toBeGreaterThan(year2020Ms);
      }));

    test("monotonic time never falls", () =>
      run(async (clock) => {
        let lastMs = clock.monotonicMs();
        for (let reading = 0; reading < 1_000; reading++) {
          if (reading % 100 === 0) await turn(clock);
          const nowMs = clock.monotonicMs();
          expect(nowMs).toBeGreaterThanOrEqual(lastMs);
          lastMs = nowMs;
        }
      }));

    test("a timer runs its callback once, not before its delay has passed, and never inside the call that set it", () =>
      run(async (clock) => {
        const startMs = clock.monotonicMs();
        const firedMs: number[] = [];
        clock.setTimer(20, () => firedMs.push(clock.monotonicMs()));
        clock.setTimer(0, () => firedMs.push(clock.monotonicMs()));
        expect(firedMs).toEqual([]);
        await eventually(clock, "both timers", () => firedMs.length === 2);
        await quietly(clock);
        expect(firedMs.length).toBe(2);
        // A millisecond of grace: platforms round a timer's start down to their tick.
        expect((firedMs[1] as number) - startMs).toBeGreaterThanOrEqual(19);
      }));

    test("timers fire in the order of their deadlines, not in that of their making", () =>
      run(async (clock) => {
        const order: string[] = [];
        clock.setTimer(60, () => order.push("late"));
        clock.setTimer(10, () => order.push("early"));
        await eventually(clock, "both timers", () => order.length === 2);
        expect(order).toEqual(["early", "late"]);
      }));

    test("a cancelled timer never fires, also when cancelled twice, or by a timer of the same moment, or after it fired", () =>
      run(async (clock) => {
        let fired = 0;
        const cancelled = clock.setTimer(5, () => fired++);
        cancelled.cancel();
        cancelled.cancel();
        const pair = [0, 1].map((own) =>
          clock.setTimer(10, () => {
            fired++;
            pair[1 - own]?.cancel();
          }),
        );
        await eventually(clock, "one of the pair", () => fired > 0);
        await quietly(clock);
        expect(fired).toBe(1);
        for (const timer of pair) timer.cancel();
      }));

    test("deferred callbacks run once each, in their order, and never inside the call", () =>
      run(async (clock) => {
        const order: number[] = [];
        for (let at = 0; at < 5; at++) clock.defer(() => order.push(at));
        expect(order).toEqual([]);
        await turn(clock);
        expect(order).toEqual([0, 1, 2, 3, 4]);
      }));

    test("work that yields by turns lets timers fire", () =>
      run(async (clock) => {
        let fired = false;
        clock.setTimer(5, () => {
          fired = true;
        });
        for (let turns = 0; !fired; turns++) {
          if (turns > 10_000_000) throw new Error("no timer fires between turns");
          await turn(clock);
        }
      }));

    test("a sleep ends at once with the signal's reason when it is aborted, before it or in it", () =>
      run(async (clock) => {
        await expect(sleep(clock, 60_000, AbortSignal.abort("gone before"))).rejects.toBe("gone before");
        const controller = new AbortController();
        const slept = sleep(clock, 60_000, controller.signal);
        clock.setTimer(5, () => controller.abort("gone meanwhile"));
        await expect(slept).rejects.toBe("gone meanwhile");
        await sleep(clock, 1);
      }));
  });
}
