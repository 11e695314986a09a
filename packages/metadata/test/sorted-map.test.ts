// The sorted map against a plain Map, and the differences it finds against a comparison of all entries.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Change, SortedMap } from "../src/index.ts";

/** Few enough keys that sets and deletes meet, enough of them for several runs. */
const steps = fc.array(fc.tuple(fc.constantFrom("set", "set", "set", "delete"), fc.nat(600), fc.nat(3)), { maxLength: 900, size: "max" });

function apply(map: SortedMap<number, number>, plain: Map<number, number>, history: readonly [string, number, number][]) {
  let state = map;
  for (const [what, key, value] of history) {
    if (what === "set") {
      state = state.set(key, value);
      plain.set(key, value);
    } else {
      state = state.delete(key);
      plain.delete(key);
    }
  }
  return state;
}

const sorted = (plain: ReadonlyMap<number, number>) => [...plain].sort(([one], [other]) => one - other);

test("after any history it holds what a Map holds, in key order", () => {
  fc.assert(
    fc.property(steps, fc.nat(600), (history, probe) => {
      const plain = new Map<number, number>();
      const map = apply(SortedMap.empty(), plain, history);
      expect([...map]).toEqual(sorted(plain));
      expect([...map.keys()]).toEqual(sorted(plain).map(([key]) => key));
      expect([...map.values()]).toEqual(sorted(plain).map(([, value]) => value));
      expect(map.size).toBe(plain.size);
      expect(map.get(probe)).toBe(plain.get(probe));
      expect(map.has(probe)).toBe(plain.has(probe));
      expect([...map.entriesAbove(probe)]).toEqual(sorted(plain).filter(([key]) => key > probe));
    }),
    { numRuns: 60 },
  );
});

test("a change leaves the map that it was made from as it was", () => {
  fc.assert(
    fc.property(steps, steps, (before, after) => {
      const plain = new Map<number, number>();
      const map = apply(SortedMap.empty(), plain, before);
      const entries = [...map];
      apply(map, plain, after);
      expect([...map]).toEqual(entries);
    }),
    { numRuns: 30 },
  );
});

test("the changes between two maps are what a comparison of all entries finds, related by history or not", () => {
  fc.assert(
    fc.property(steps, steps, fc.boolean(), (first, second, areRelated) => {
      const plainBefore = new Map<number, number>();
      const before = apply(SortedMap.empty(), plainBefore, first);
      const plainAfter = new Map(areRelated ? plainBefore : []);
      const after = apply(areRelated ? before : SortedMap.empty(), plainAfter, second);

      const expected: Change<number, number>[] = [];
      for (const key of [...new Set([...plainBefore.keys(), ...plainAfter.keys()])].sort((one, other) => one - other)) {
        const [from, to] = [plainBefore.get(key), plainAfter.get(key)];
        if (from === undefined) expected.push({ kind: "added", key, after: to! });
        else if (to === undefined) expected.push({ kind: "removed", key, before: from });
        else if (from !== to) expected.push({ kind: "changed", key, before: from, after: to });
      }
      expect([...after.changesSince(before)]).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

test("setting the value that a key has, and deleting a key that is not there, gives the same map", () => {
  const map = SortedMap.of<string, number>([
    ["a", 1],
    ["b", 2],
  ]);
  expect(map.set("a", 1)).toBe(map);
  expect(map.delete("c")).toBe(map);
  expect(map.delete("a").delete("b")).toBe(SortedMap.empty());
});

test("strings are ordered by code unit: capitals before small letters, digits before both", () => {
  const map = SortedMap.of(["b", "a", "B", "9", "é", "_"].map((name) => [name, name]));
  expect([...map.keys()]).toEqual(["9", "B", "_", "a", "b", "é"]);
});

test("one change among 10,000 keys is found without visiting the others", () => {
  const read: number[] = [];
  const watched = Array.from({ length: 10_000 }, (_, key) => [key, { key }] as const);
  const before = SortedMap.of(watched);
  const after = before.set(5000, { key: -1 });
  for (const run of (after as unknown as { runs: { keys: number[] }[] }).runs) {
    const keys = run.keys;
    (run as { keys: number[] }).keys = new Proxy(keys, {
      get(target, name) {
        if (typeof name === "string" && /^[0-9]+$/.test(name)) read.push(Number(name));
        return Reflect.get(target, name);
      },
    });
  }
  expect([...after.changesSince(before)]).toEqual([{ kind: "changed", key: 5000, before: { key: 5000 }, after: { key: -1 } }]);
  expect(read.length).toBeLessThan(1000);
});
