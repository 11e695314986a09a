// Bugs that other systems had, each as the situation in which it showed. The names are those of the list in the correctness reference, 5.3;
// what belongs to a disk or a codec is tested where that is.

import { expect, test } from "vitest";
import { type Message, Raft } from "../src/index.ts";
import { optionsOf, payload } from "./member.ts";
import { Quorum } from "./quorum.ts";
import { generator } from "./random-history.ts";

const never = () => 0;

function three(): Quorum {
  return new Quorum([1, 2, 3], generator(1));
}

const voteRequest = (from: number, to: number, term: number): Message => ({
  ...{ kind: "vote-request", from, to, term },
  ...{ lastIndex: 99, lastTerm: 99, isTransfer: true },
});

test("vote-after-write-error: a node whose storage failed neither votes nor campaigns", () => {
  const { raft } = three().member(1);
  raft.fail();
  raft.step(voteRequest(2, 1, 5));
  raft.campaign();
  for (let tick = 0; tick < 50; tick++) raft.tick();
  expect([raft.hasReady, raft.standing.kind, raft.term]).toEqual([false, "failed", 0]);
});

test("double-vote-same-term: the vote outlives a step-down and a handed-over leadership", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  const { term } = leader.raft;
  leader.raft.transfer(2);
  quorum.isolate(1);
  for (let tick = 0; tick < 20; tick++) leader.raft.tick();
  expect(leader.raft.isLeader).toBe(false);
  leader.raft.step(voteRequest(3, 1, term));
  const { messages, hardState } = leader.raft.ready();
  expect(hardState.vote).toBe(1);
  expect(messages.filter((message) => message.kind === "vote-response")).toMatchObject([{ granted: false }]);
});

test("term-in-ram: term and vote survive a restart", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  const { term } = leader.raft;
  const voter = quorum.member(2);
  voter.crash(false);
  voter.restart();
  expect(voter.raft.term).toBe(term);
  voter.raft.step(voteRequest(3, 2, term));
  const { messages } = voter.raft.ready();
  expect(messages).toMatchObject([{ kind: "vote-response", granted: false }]);
});

test("single-voter-durable: the only voter commits nothing before its disk has it", () => {
  const quorum = new Quorum([1], never);
  const { raft } = quorum.elect(1);
  raft.propose([payload("a")], raft.term);
  const { commitIndex } = raft.log;
  const ready = raft.ready();
  expect(ready.committed).toEqual([]);
  expect(raft.log.commitIndex).toBe(commitIndex);
  raft.advance();
  expect(raft.log.commitIndex).toBe(commitIndex + 1);
});

test("leader-before-noop: a leader is told of when its first entry is applied", () => {
  const quorum = three();
  const { raft } = quorum.member(1);
  raft.campaign();
  for (let steps = 0; steps < 100; steps++) {
    for (const member of quorum.alive) if (quorum.beginWrite(member)) quorum.endWrite(member);
    if (raft.isLeader && raft.log.deliveredIndex === 0) expect(raft.standing.kind).toBe("follower");
    if (quorum.network.length > 0) quorum.deliver(0);
  }
  expect(raft.standing).toEqual({ kind: "leader", term: 1 });
});

test("stale-proposal: who believes in another term's leadership proposes nothing", () => {
  const { raft } = three().elect(1);
  expect(raft.propose([payload("a")], raft.term - 1)).toEqual({ kind: "refused", why: "this node does not lead in term 0" });
});

test("commit-regression: a rejected append does not move the commit index", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  leader.raft.propose([payload("a")], leader.raft.term);
  quorum.tick(3);
  const { raft } = quorum.member(2);
  const { commitIndex } = raft.log;
  expect(commitIndex).toBe(2);
  raft.step({ kind: "append", from: 1, to: 2, term: raft.term, prevIndex: 9, prevTerm: 1, entries: [], commitIndex: 0 });
  expect(raft.log.commitIndex).toBe(commitIndex);
});

test("success-after-mismatch, ack-catchup-message: what does not fit is rejected, and nothing of it is kept", () => {
  const quorum = three();
  quorum.elect(1);
  const { raft } = quorum.member(2);
  const { lastIndex } = raft.log;
  const entry = { index: 8, term: 1, content: { kind: "empty" } as const };
  raft.step({ kind: "append", from: 1, to: 2, term: raft.term, prevIndex: 7, prevTerm: 1, entries: [entry], commitIndex: 8 });
  expect(raft.ready().messages).toMatchObject([{ kind: "append-rejected", prevIndex: 7 }]);
  expect(raft.log.lastIndex).toBe(lastIndex);
});

test("parallel-catchup-truncate: a catch-up that comes late cuts off nothing", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  leader.raft.propose([payload("a")], leader.raft.term);
  leader.raft.propose([payload("b")], leader.raft.term);
  quorum.tick(3);
  const { raft } = quorum.member(2);
  const [first] = raft.log.slice(1, 1, 0);
  raft.step({ kind: "append", from: 1, to: 2, term: raft.term, prevIndex: 0, prevTerm: 0, entries: [first!], commitIndex: 1 });
  expect([raft.log.lastIndex, raft.log.commitIndex]).toEqual([3, 3]);
});

test("disjoint-majorities-add: a voter counts from the moment that its change is appended", () => {
  const quorum = new Quorum([1, 2], generator(1));
  const { raft } = quorum.elect(1);
  quorum.add(3);
  raft.proposeChange({ kind: "add-learner", node: 3 });
  quorum.tick(5);
  quorum.isolate(1);
  expect(raft.proposeChange({ kind: "promote", node: 3 })).toBeUndefined();
  const { commitIndex } = raft.log;
  quorum.settle();
  // Two of two were enough before; now it is two of three, and nobody answers.
  expect(raft.log.commitIndex).toBe(commitIndex);
  quorum.heal();
  quorum.tick(5);
  expect(quorum.member(3).raft.log.configuration.voters).toEqual([1, 2, 3]);
});

test("snapshot-uncommitted-membership: a snapshot bears the configuration of its own index", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  quorum.isolate(1);
  leader.raft.proposeChange({ kind: "remove", node: 3 });
  quorum.settle();
  leader.saveSnapshot();
  expect(leader.disk.snapshot.configuration.voters).toEqual([1, 2, 3]);
});

test("truncated-membership-stale: with a change that is cut off goes the configuration", () => {
  const quorum = three();
  const old = quorum.elect(1);
  quorum.isolate(1);
  old.raft.proposeChange({ kind: "remove", node: 3 });
  quorum.settle();
  expect(old.raft.log.configuration.voters).toEqual([1, 2]);
  for (let tick = 0; tick < 60; tick++) for (const { raft } of quorum.alive) raft.tick();
  quorum.elect(2);
  quorum.heal();
  quorum.tick(30);
  expect(old.raft.log.configuration.voters).toEqual([1, 2, 3]);
});

test("replay-addpeer-size-1, removed-peer-revived: after a restart the members are those of the log", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  quorum.add(4);
  leader.raft.proposeChange({ kind: "add-learner", node: 4 });
  quorum.tick(5);
  leader.raft.proposeChange({ kind: "remove", node: 3 });
  quorum.tick(5);
  for (const id of [1, 2, 4]) {
    quorum.member(id).crash(false);
    quorum.member(id).restart();
    expect(quorum.member(id).raft.log.configuration).toEqual({ voters: [1, 2], learners: [4] });
  }
});

test("removed-peer-counted: what a removed node says counts for nothing", () => {
  const quorum = three();
  const { raft } = quorum.elect(1);
  raft.proposeChange({ kind: "remove", node: 3 });
  quorum.tick(5);
  quorum.isolate(2);
  raft.propose([payload("a")], raft.term);
  quorum.settle();
  const { commitIndex, lastIndex } = raft.log;
  raft.step({ kind: "append-accepted", from: 3, to: 1, term: raft.term, matchIndex: lastIndex });
  expect(raft.log.commitIndex).toBe(commitIndex);
});

test("reconfig-before-term-entry: a new leader changes nothing before its first entry is committed", () => {
  const quorum = three();
  const { raft } = quorum.electBarely(1);
  expect(raft.proposeChange({ kind: "remove", node: 3 })).toBe("nothing of this term is committed yet");
});

test("readindex-retry: an answer to an earlier read does not answer a later one", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  quorum.read(leader);
  for (const member of quorum.alive) if (quorum.beginWrite(member)) quorum.endWrite(member);
  // The heartbeats of the first read are on their way; what is asked now must have a round of its own.
  quorum.isolate(1);
  quorum.read(leader);
  const round = (message: Message) => (message.kind === "heartbeat" ? message.round : -1);
  const first = Math.max(...quorum.network.map(round));
  for (const from of [2, 3]) leader.raft.step({ kind: "heartbeat-response", from, to: 1, term: leader.raft.term, round: first });
  expect(leader.raft.ready().reads).toHaveLength(1);
});

test("readindex-pause: a leader that was deposed while it slept answers no read", () => {
  const quorum = three();
  const old = quorum.elect(1);
  quorum.isolate(1);
  for (let tick = 0; tick < 60; tick++) for (const id of [2, 3]) quorum.member(id).raft.tick();
  const next = quorum.elect(2);
  next.raft.propose([payload("a")], next.raft.term);
  quorum.settle();
  expect(old.raft.isLeader).toBe(true);
  quorum.read(old);
  quorum.heal();
  quorum.tick(5);
  expect([old.raft.isLeader, quorum.counts.get("read")]).toEqual([false, undefined]);
});

test("stalled-disk-leader: a leader whose disk takes for ever leaves, and another leads", () => {
  const quorum = three();
  const old = quorum.elect(1);
  old.raft.propose([payload("a")], old.raft.term);
  quorum.beginWrite(old);
  for (let tick = 0; tick < 60; tick++) {
    for (const { raft } of quorum.alive) raft.tick();
    for (const id of [2, 3]) if (quorum.beginWrite(quorum.member(id))) quorum.endWrite(quorum.member(id));
    while (quorum.network.length > 0) quorum.deliver(0);
  }
  expect(old.raft.isLeader).toBe(false);
  expect(quorum.leaders.map(({ id }) => id)).not.toContain(1);
  expect(quorum.leaders).toHaveLength(1);
});

test("apply-off-by-one: behind a snapshot the next entry is the one after it", () => {
  const quorum = three();
  const leader = quorum.elect(1);
  quorum.isolate(3);
  for (const text of ["a", "b", "c", "d", "e", "f"]) leader.raft.propose([payload(text)], leader.raft.term);
  quorum.tick(3);
  leader.saveSnapshot();
  quorum.heal();
  quorum.tick(20);
  leader.raft.propose([payload("g")], leader.raft.term);
  quorum.tick(3);
  expect(quorum.member(3).applied).toEqual(leader.applied);
});

test("wal-snapshot-gap: a log that does not begin where its snapshot ends is refused", () => {
  const open = () =>
    new Raft(optionsOf(1, never), {
      hardState: { term: 1, vote: undefined, commitIndex: 5 },
      snapshot: { index: 5, term: 1, configuration: { voters: [1], learners: [] }, parts: [] },
      entries: [{ index: 7, term: 1, content: { kind: "empty" } }],
    });
  expect(open).toThrow(/the log has a gap/);
});

test("overrun-step-down: proposals are refused while too much is not committed", () => {
  const quorum = new Quorum([1, 2, 3], never, { uncommittedBytesMax: 500 });
  const { raft } = quorum.elect(1);
  quorum.isolate(1);
  const outcomes = Array.from({ length: 20 }, () => raft.propose([new Uint8Array(100)], raft.term).kind);
  expect(outcomes.indexOf("refused")).toBeGreaterThan(2);
  expect(outcomes.at(-1)).toBe("refused");
});

test("learner-must-vote: a learner that knows no living leader gives its vote: it may be a voter in a configuration that it has not seen", () => {
  const quorum = new Quorum([1, 2], generator(1));
  const leader = quorum.elect(1);
  quorum.add(3);
  leader.raft.proposeChange({ kind: "add-learner", node: 3 });
  quorum.tick(5);
  quorum.isolate(3);
  leader.raft.proposeChange({ kind: "promote", node: 3 });
  quorum.settle();
  expect(quorum.member(3).raft.log.configuration.learners).toEqual([3]);
  // The leader dies; the other voter cannot win without the one that does not know yet that it is one.
  leader.crash(false);
  quorum.heal();
  quorum.tick(60);
  expect(quorum.leaders.map(({ id }) => id)).toEqual([2]);
});

test("a node that stands in a later term than its leader is let in again", () => {
  const quorum = three();
  quorum.elect(1);
  const { raft } = quorum.member(3);
  raft.step(voteRequest(2, 3, 40));
  quorum.tick(60);
  expect(quorum.leaders).toHaveLength(1);
  expect(quorum.leaders[0]!.raft.term).toBeGreaterThanOrEqual(40);
  expect(raft.term).toBe(quorum.leaders[0]!.raft.term);
});
