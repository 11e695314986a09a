// Quorum arithmetic against a slow version that anybody believes: it tries every majority.

import { expect, test } from "vitest";
import { agreedIndex, majority, outcomeOf } from "../src/quorum.ts";
import { generator } from "./random-history.ts";

/** Every set of voters that is more than half of them. */
function majoritiesOf(voters: readonly number[]): readonly (readonly number[])[] {
  const sets: number[][] = [];
  for (let bits = 0; bits < 1 << voters.length; bits++) {
    const set = voters.filter((_, at) => ((bits >> at) & 1) === 1);
    if (set.length * 2 > voters.length) sets.push(set);
  }
  return sets;
}

test("a majority is more than half", () => {
  expect([1, 2, 3, 4, 5, 6, 7].map(majority)).toEqual([1, 2, 2, 3, 3, 4, 4]);
});

test("any two majorities of the same voters, and of voters before and after one change, meet", () => {
  for (let size = 1; size <= 6; size++) {
    const before = Array.from({ length: size }, (_, at) => at);
    for (const after of [before, [...before, size], ...(size > 1 ? [before.slice(1)] : [])]) {
      for (const one of majoritiesOf(before))
        for (const other of majoritiesOf(after)) expect(one.some((voter) => other.includes(voter))).toBe(true);
    }
  }
});

test("what is agreed on is the largest number that all of some majority have reached", () => {
  const random = generator(1);
  for (let round = 0; round < 2_000; round++) {
    const voters = Array.from({ length: random(8) }, (_, at) => at);
    const reached = voters.map(() => random(6));
    const slow = Math.max(0, ...majoritiesOf(voters).map((set) => Math.min(...set.map((voter) => reached[voter]!))));
    expect(agreedIndex(voters, (voter) => reached[voter]!)).toBe(slow);
  }
});

test("an election is won by a majority that has said yes, and lost when none can any more", () => {
  const random = generator(2);
  for (let round = 0; round < 2_000; round++) {
    const voters = Array.from({ length: 1 + random(7) }, (_, at) => at);
    const votes = new Map<number, boolean>();
    // Also of nodes that are no voters.
    for (let node = 0; node < 9; node++) if (random(3) > 0) votes.set(node, random(2) === 0);
    const isWon = majoritiesOf(voters).some((set) => set.every((voter) => votes.get(voter) === true));
    const canBeWon = majoritiesOf(voters).some((set) => set.every((voter) => votes.get(voter) !== false));
    expect(outcomeOf(voters, votes)).toBe(isWon ? "won" : canBeWon ? "open" : "lost");
  }
});
