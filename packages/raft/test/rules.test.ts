// The rules of the paper, one test each, under its section. "Raft" is the extended paper, "thesis" the dissertation behind it.

import { expect, test } from "vitest";
import { type Message, Raft } from "../src/index.ts";
import { optionsOf, payload } from "./member.ts";
import { Quorum } from "./quorum.ts";
import { generator } from "./random-history.ts";

const never = () => 0;
const none = { voters: [1, 2, 3], learners: [] };

function three(): Quorum {
  return new Quorum([1, 2, 3], generator(1));
}

/** Member 1 alone, and what it says: entries as [index, term]. */
function alone(
  entries: readonly (readonly [number, number])[],
  term: number,
  vote?: number,
): { raft: Raft; said: () => readonly Message[] } {
  const raft = new Raft(optionsOf(1, never), {
    hardState: { term, vote, commitIndex: 0 },
    snapshot: { index: 0, term: 0, configuration: none, parts: [] },
    entries: entries.map(([index, term]) => ({ index, term, content: { kind: "empty" } })),
  });
  const said = () => {
    if (!raft.hasReady) return [];
    const { messages } = raft.ready();
    raft.advance();
    return messages;
  };
  return { raft, said };
}

test("Raft 5.1: a message of an older term changes nothing, and its leader is told", () => {
  const { raft, said } = alone([[1, 1]], 3);
  raft.step({ kind: "append", from: 2, to: 1, term: 2, prevIndex: 1, prevTerm: 1, entries: [], commitIndex: 1 });
  expect(raft.log.commitIndex).toBe(0);
  expect(said()).toEqual([{ kind: "term-is-over", from: 1, to: 2, term: 3 }]);
});

test("Raft 5.1: a message of a later term makes a leader a follower", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  leader.raft.step({ kind: "term-is-over", from: 2, to: 1, term: 9 });
  expect(leader.raft).toMatchObject({ isLeader: false, term: 9 });
});

test("Raft 5.2: a voter gives one vote in a term, to the first who asks", () => {
  const { raft, said } = alone([], 1);
  const request = (from: number) => raft.step({ kind: "vote-request", from, to: 1, term: 2, lastIndex: 0, lastTerm: 0, isTransfer: false });
  request(2);
  request(3);
  request(2);
  expect(said().map((message) => message.kind === "vote-response" && [message.to, message.granted])).toEqual([
    [2, true],
    [3, false],
    [2, true],
  ]);
});

test("Raft 5.2: a split vote is no election, and the next one is", () => {
  const quorum = new Quorum([1, 2], generator(1));
  for (const id of [1, 2]) quorum.member(id).raft.campaign();
  quorum.settle();
  expect(quorum.alive.map(({ raft }) => [raft.term, raft.isLeader])).toEqual([
    [1, false],
    [1, false],
  ]);
  expect(quorum.elect().raft.isLeader).toBe(true);
});

test("Raft 5.2: a candidate that hears of a leader of its term follows it", () => {
  const { raft, said } = alone([], 1);
  raft.campaign();
  said();
  raft.step({ kind: "pre-vote-response", from: 2, to: 1, term: 2, granted: true });
  expect(raft.term).toBe(2);
  raft.step({ kind: "heartbeat", from: 3, to: 1, term: 2, commitIndex: 0, round: 0 });
  expect(raft.standing).toEqual({ kind: "follower", term: 2, leader: 3 });
});

test("Raft 5.3: entries are accepted only behind the entry that the leader names, and the answer says where to look", () => {
  const { raft, said } = alone(
    [
      [1, 1],
      [2, 1],
      [3, 2],
    ],
    3,
  );
  raft.step({ kind: "append", from: 2, to: 1, term: 4, prevIndex: 5, prevTerm: 3, entries: [], commitIndex: 0 });
  raft.step({ kind: "append", from: 2, to: 1, term: 4, prevIndex: 3, prevTerm: 1, entries: [], commitIndex: 0 });
  expect(said()).toMatchObject([
    { kind: "append-rejected", prevIndex: 5, hintIndex: 3, hintTerm: 2 },
    { kind: "append-rejected", prevIndex: 3, hintIndex: 2, hintTerm: 1 },
  ]);
});

test("Raft 5.3: what contradicts the leader is cut off; what only lies behind its message stays", () => {
  const { raft, said } = alone(
    [
      [1, 1],
      [2, 1],
      [3, 1],
    ],
    1,
  );
  const entry = (index: number, term: number) => ({ index, term, content: { kind: "empty" } as const });
  raft.step({ kind: "append", from: 2, to: 1, term: 2, prevIndex: 0, prevTerm: 0, entries: [entry(1, 1)], commitIndex: 0 });
  expect(raft.log.lastIndex).toBe(3);
  raft.step({ kind: "append", from: 2, to: 1, term: 2, prevIndex: 1, prevTerm: 1, entries: [entry(2, 2)], commitIndex: 0 });
  expect([raft.log.lastIndex, raft.log.termAt(2)]).toEqual([2, 2]);
  said();
});

test("Raft 5.3: a follower commits no further than the message has shown its log to be the leader's", () => {
  const { raft } = alone(
    [
      [1, 1],
      [2, 1],
    ],
    1,
  );
  raft.step({ kind: "append", from: 2, to: 1, term: 2, prevIndex: 1, prevTerm: 1, entries: [], commitIndex: 2 });
  expect(raft.log.commitIndex).toBe(1);
});

test("Raft 5.4.1: whoever has less gets no vote, by the term of the last entry first and by its index then", () => {
  const granted = (lastTerm: number, lastIndex: number) => {
    const { raft, said } = alone(
      [
        [1, 1],
        [2, 2],
      ],
      2,
    );
    raft.step({ kind: "vote-request", from: 2, to: 1, term: 5, lastIndex, lastTerm, isTransfer: false });
    return said().some((message) => message.kind === "vote-response" && message.granted);
  };
  expect([granted(1, 9), granted(2, 1), granted(2, 2), granted(3, 1)]).toEqual([false, false, true, true]);
});

test("Raft 5.4.2: an entry of an earlier term is not committed by counting, but with the first of this one", () => {
  const { raft, said } = alone(
    [
      [1, 1],
      [2, 1],
    ],
    1,
  );
  raft.campaign();
  said();
  raft.step({ kind: "pre-vote-response", from: 2, to: 1, term: 2, granted: true });
  said();
  raft.step({ kind: "vote-response", from: 2, to: 1, term: 2, granted: true });
  said();
  expect([raft.isLeader, raft.log.lastIndex]).toEqual([true, 3]);
  raft.step({ kind: "append-accepted", from: 2, to: 1, term: 2, matchIndex: 2 });
  expect(raft.log.commitIndex).toBe(0);
  raft.step({ kind: "append-accepted", from: 2, to: 1, term: 2, matchIndex: 3 });
  expect(raft.log.commitIndex).toBe(3);
});

test("Raft 7: a follower that is too far behind gets the snapshot, and what follows it", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  quorum.isolate(3);
  for (const text of ["a", "b", "c", "d", "e", "f"]) {
    leader.raft.propose([payload(text)], leader.raft.term);
    quorum.tick();
  }
  leader.saveSnapshot();
  leader.raft.propose([payload("g")], leader.raft.term);
  quorum.heal();
  quorum.tick(20);
  expect(quorum.member(3).applied.slice(-2)).toEqual(["f", "g"]);
  expect(quorum.member(3).disk.snapshot.index).toBe(leader.disk.snapshot.index);
});

test("Raft 8: a new leader answers a read only when an entry of its own term is committed", () => {
  const quorum = three();
  const { raft } = quorum.electBarely(1);
  quorum.read(quorum.member(1));
  expect(raft.standing.kind).toBe("follower");
  quorum.settle();
  expect([raft.standing.kind, quorum.counts.get("read")]).toEqual(["leader", 1]);
});

test("thesis 6.4: a read is answered after a majority has said that this node still leads, and not without", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  quorum.isolate(1);
  quorum.read(leader);
  quorum.settle();
  expect(quorum.counts.get("read")).toBeUndefined();
  quorum.heal();
  quorum.tick(3);
  expect(quorum.counts.get("read")).toBe(1);
});

test("thesis 6.2: a leader that hears from no majority for an election's time leaves", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  quorum.isolate(1);
  for (let tick = 0; tick < 20; tick++) leader.raft.tick();
  expect(leader.raft.isLeader).toBe(false);
});

test("thesis 4.2.3: whoever hears from a leader does not vote for another, and keeps its term", () => {
  const quorum = three();
  quorum.elect(1);
  const { raft } = quorum.member(2);
  const { term } = raft;
  raft.step({ kind: "vote-request", from: 3, to: 2, term: term + 5, lastIndex: 99, lastTerm: 99, isTransfer: false });
  expect([raft.term, raft.hasReady]).toEqual([term, false]);
});

test("thesis 9.6: a node that was cut off asks in advance, and deposes nobody when it comes back", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  const { term } = leader.raft;
  quorum.isolate(3);
  for (let tick = 0; tick < 60; tick++) quorum.member(3).raft.tick();
  quorum.heal();
  quorum.tick(30);
  expect(quorum.leaders).toEqual([leader]);
  expect([leader.raft.term, quorum.member(3).raft.term]).toEqual([term, term]);
});

test("thesis 3.10: the leader brings its successor up to its own end, takes no proposals meanwhile, and hands over at once", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  leader.raft.propose([payload("a")], leader.raft.term);
  expect(leader.raft.transfer(3)).toBeUndefined();
  expect(leader.raft.propose([payload("b")], leader.raft.term).kind).toBe("refused");
  quorum.settle();
  expect(quorum.leaders.map(({ id }) => id)).toEqual([3]);
});

test("thesis 3.10: a leader whose successor does not answer goes on after an election's time", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  quorum.isolate(3);
  leader.raft.transfer(3);
  quorum.tick(10);
  expect(leader.raft.propose([payload("a")], leader.raft.term).kind).toBe("appended");
});

test("thesis 4.1: one change at a time, in force when it is appended, and none before an entry of the term is committed", () => {
  const quorum = three();
  const { raft } = quorum.elect(1);
  quorum.add(4);
  quorum.isolate(1);
  expect(raft.proposeChange({ kind: "add-learner", node: 4 })).toBeUndefined();
  expect(raft.log.configuration.learners).toEqual([4]);
  expect(raft.proposeChange({ kind: "remove", node: 2 })).toBe("another change is not committed yet");
  quorum.heal();
  quorum.tick(3);
  expect(raft.proposeChange({ kind: "promote", node: 4 })).toBeUndefined();
  quorum.tick(3);
  expect(quorum.member(4).raft.log.configuration.voters).toEqual([1, 2, 3, 4]);
});

test("thesis 4.2.1: a learner is promoted when it has caught up, and not before", () => {
  const quorum = three();
  const { raft } = quorum.elect(1);
  quorum.add(4);
  raft.proposeChange({ kind: "add-learner", node: 4 });
  quorum.isolate(4);
  quorum.settle();
  expect(raft.proposeChange({ kind: "promote", node: 4 })).toMatch(/learner 4 has come to 0/);
});

test("thesis 4.2.2: a leader that is removed leads until that is committed, and then leaves", () => {
  const quorum = three();
  const { raft } = quorum.elect(1);
  expect(raft.proposeChange({ kind: "remove", node: 1 })).toBeUndefined();
  expect(raft.isLeader).toBe(true);
  quorum.settle();
  expect(raft.isLeader).toBe(false);
  quorum.tick(30);
  expect(quorum.leaders.map(({ id }) => id)).not.toContain(1);
  expect(quorum.leaders).toHaveLength(1);
});
