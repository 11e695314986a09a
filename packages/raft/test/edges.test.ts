// Situations at the edge that a review of the rules has found: each of them once blocked a quorum, or promised what a disk did not have.

import { type Message, Raft } from "@varve/raft";
import { expect, test } from "vitest";
import { optionsOf, payload } from "./member.ts";
import { Quorum } from "./quorum.ts";
import { generator } from "./random-history.ts";

const never = () => 0;

test("a leader that removed itself and lost its place before that was committed campaigns: nobody else may have the entry", () => {
  const quorum = new Quorum([1, 2], generator(1));
  const { raft } = quorum.elect(1);
  quorum.isolate(1);
  raft.proposeChange({ kind: "remove", node: 1 });
  quorum.tick(30);
  expect(raft.isLeader).toBe(false);
  quorum.heal();
  quorum.tick(100);
  expect(quorum.leaders.map(({ id }) => id)).toEqual([2]);
  expect(quorum.member(2).raft.log.configuration.voters).toEqual([2]);
});

test("a batch that ends after a snapshot was received says nothing of the entries that the snapshot replaces", () => {
  const raft = new Raft(optionsOf(1, never), {
    hardState: { term: 1, vote: undefined, commitIndex: 0 },
    snapshot: { index: 0, term: 0, configuration: { voters: [1, 2, 3], learners: [] }, parts: [] },
    entries: [],
  });
  const entry = (index: number, term: number) => ({ index, term, content: { kind: "empty" } as const });
  const append = (term: number, prevIndex: number, prevTerm: number, entries: readonly ReturnType<typeof entry>[]) =>
    raft.step({ kind: "append", from: term === 2 ? 2 : 3, to: 1, term, prevIndex, prevTerm, entries, commitIndex: 0 });
  append(
    1,
    0,
    0,
    [1, 2, 3, 4, 5, 6].map((index) => entry(index, 1)),
  );
  raft.ready();
  // While that is being written: another leader's entry, then the first one's again, behind its snapshot.
  append(2, 0, 0, [entry(1, 2)]);
  const configuration = { voters: [1, 2, 3], learners: [] };
  raft.step({ kind: "snapshot", from: 3, to: 1, term: 3, snapshot: { index: 4, term: 1, configuration, parts: [] } });
  append(3, 4, 1, [entry(5, 1), entry(6, 1), entry(7, 3)]);
  raft.advance();
  const { snapshot, entries } = raft.ready();
  expect([snapshot?.index, entries.map(({ index }) => index)]).toEqual([4, [5, 6, 7]]);
});

test("a follower that has its snapshot goes on, also when the leader has compacted beyond it meanwhile", () => {
  const quorum = new Quorum([1, 2, 3], generator(1), { keptEntries: 0, snapshotTicksMax: 1_000 });
  const leader = quorum.elect(1);
  const propose = (count: number) => {
    for (let number = 0; number < count; number++) leader.raft.propose([payload(`${number}`)], leader.raft.term);
    quorum.settle();
  };
  quorum.isolate(3);
  propose(6);
  leader.saveSnapshot();
  quorum.heal();
  for (let tick = 0; tick < 3; tick++) leader.raft.tick();
  for (let steps = 0; !quorum.network.some(({ kind }) => kind === "snapshot"); steps++) {
    expect(steps).toBeLessThan(1_000);
    for (const member of quorum.alive) if (quorum.beginWrite(member)) quorum.endWrite(member);
    if (!quorum.network.some(({ kind }) => kind === "snapshot") && quorum.network.length > 0) quorum.deliver(0);
  }
  const travelling = quorum.network.splice(0);
  quorum.isolate(3);
  propose(6);
  leader.saveSnapshot();
  quorum.heal();
  quorum.network.push(...travelling);
  quorum.tick(20);
  expect(quorum.member(3).applied).toEqual(leader.applied);
});

test("what no member can have said is dropped, whatever it says", () => {
  const { raft } = new Quorum([1, 2, 3], never).member(1);
  const entry = (index: number, term: number) => ({ index, term, content: { kind: "empty" } as const });
  const append = { kind: "append", from: 2, to: 1, term: 3, prevIndex: 0, prevTerm: 0, entries: [], commitIndex: 0 } as const;
  const snapshot = { index: 5, term: 9, configuration: { voters: [1, 2, 3], learners: [] }, parts: [] };
  const wrong: readonly Message[] = [
    { ...append, to: 2 },
    { ...append, entries: [entry(2, 1)] },
    { ...append, entries: [entry(1, 2), entry(2, 1)] },
    { ...append, entries: [entry(1, 4)] },
    { ...append, prevTerm: 4 },
    { ...append, commitIndex: Number.NaN },
    { ...append, term: 2 ** 53 },
    { kind: "heartbeat", from: 2, to: 1, term: 3, commitIndex: 0.5, round: 0 },
    { kind: "heartbeat-response", from: 2, to: 1, term: 3, round: Number.NaN },
    { kind: "snapshot", from: 2, to: 1, term: 3, snapshot },
    { kind: "snapshot", from: 2, to: 1, term: 9, snapshot: { ...snapshot, configuration: { voters: [], learners: [] } } },
  ];
  for (const message of wrong) expect(raft.step(message), JSON.stringify(message)).toMatch(/./);
  expect([raft.term, raft.hasReady]).toEqual([0, false]);
});

test("reads that waited for a voter which is removed are answered", () => {
  const quorum = new Quorum([1, 2], generator(1));
  const leader = quorum.elect(1);
  quorum.isolate(2);
  quorum.read(leader);
  quorum.settle();
  expect(quorum.counts.get("read")).toBeUndefined();
  leader.raft.proposeChange({ kind: "remove", node: 2 });
  quorum.settle();
  expect(quorum.counts.get("read")).toBe(1);
});
