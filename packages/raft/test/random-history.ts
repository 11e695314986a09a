// One seed's history: which event comes next is drawn, and when it is over everything is healed and must work.

import { Random } from "@varve/sim";
import { expect } from "vitest";
import { type Member, payload } from "./member.ts";
import { Quorum } from "./quorum.ts";

export type HistoryCounts = ReadonlyMap<string, number>;

/** The simulator's random numbers, as a member takes them. */
export function generator(seed: number): (bound: number) => number {
  const random = new Random(seed);
  return (bound) => random.below(bound);
}

const membersMax = 7;

/** How often what happens, in one history: drawn once for each, so that histories differ in kind and not only in order. */
interface Weather {
  readonly events: number;
  readonly weights: Readonly<Record<EventKind, number>>;
  readonly total: number;
  /** Of a hundred messages. */
  readonly lost: number;
  readonly repeated: number;
  readonly overtaken: number;
}

const eventKinds = ["deliver", "work", "tick", "ask", "die", "rise", "cut", "stick"] as const;
type EventKind = (typeof eventKinds)[number];

function drawWeather(random: (bound: number) => number): Weather {
  const isCalm = random(5) === 0;
  const weights = {
    deliver: 300 + random(300),
    work: 300 + random(300),
    tick: 100 + random(300),
    ask: 50 + random(150),
    die: isCalm ? 0 : random(6),
    rise: 10 + random(20),
    cut: isCalm ? 0 : random(6),
    stick: isCalm ? 0 : random(4),
  };
  return {
    events: 3_000 + random(5_000),
    weights,
    total: Object.values(weights).reduce((sum, weight) => sum + weight, 0),
    lost: isCalm ? 0 : [0, 3, 10, 30][random(4)]!,
    repeated: isCalm ? 0 : random(5),
    overtaken: isCalm ? 0 : [0, 10, 50][random(3)]!,
  };
}

export function drawnHistory(seed: number): HistoryCounts {
  const random = generator(seed);
  const size = 1 + random(5);
  const quorum = new Quorum(
    Array.from({ length: size }, (_, at) => at + 1),
    random,
    // One entry a message, or several; one message under way, or several.
    { messageBytesMax: [1, 200][random(2)]!, inFlightMessagesMax: 1 + random(4), keptEntries: random(5) },
  );
  const weather = drawWeather(random);
  for (let event = 0; event < weather.events; event++) {
    next(quorum, random, weather, event);
    if (event % 50 === 0) quorum.checkLogs();
  }
  healed(quorum, random);
  return quorum.counts;
}

function drawKind({ weights, total }: Weather, random: (bound: number) => number): EventKind {
  let left = random(total);
  for (const kind of eventKinds) {
    if (left < weights[kind]) return kind;
    left -= weights[kind];
  }
  return "tick";
}

function next(quorum: Quorum, random: (bound: number) => number, weather: Weather, event: number): void {
  const members = [...quorum.members.values()];
  const member = members[random(members.length)]!;
  switch (drawKind(weather, random)) {
    case "deliver":
      if (quorum.network.length > 0) deliver(quorum, random, weather);
      return;
    case "work":
      if (member.stuckUntil > event) return;
      return work(quorum, member);
    case "stick":
      // Its disk takes its time, over elections and snapshots of others.
      member.stuckUntil = event + random(1_500);
      return quorum.count("stuck");
    case "tick":
      if (member.isAlive) member.raft.tick();
      return quorum.check();
    case "ask":
      // Mostly of one that may lead, and not only of one that does.
      return ask(quorum, members.find(({ isAlive, raft }) => isAlive && raft.isLeader && random(3) > 0) ?? member, random, event);
    case "die":
      return die(quorum, member, random);
    case "rise":
      if (!member.isAlive) member.restart();
      return;
    case "cut":
      return cutOrHeal(quorum, member, random);
  }
}

function deliver(quorum: Quorum, random: (bound: number) => number, { lost, repeated, overtaken }: Weather): void {
  const at = random(100) < overtaken ? random(quorum.network.length) : 0;
  if (random(100) < lost) {
    quorum.lose(at);
    return quorum.count("lost");
  }
  quorum.deliver(at, random(100) >= repeated);
}

function work(quorum: Quorum, member: Member): void {
  if (!member.isAlive) return;
  if (member.writing === undefined) {
    quorum.beginWrite(member);
    return;
  }
  if (member.writing.snapshot !== undefined) quorum.count("restored");
  quorum.endWrite(member);
}

function ask(quorum: Quorum, member: Member, random: (bound: number) => number, event: number): void {
  if (!member.isAlive) return;
  const { raft } = member;
  const what = random(10);
  if (what < 5) raft.propose([payload(`p${event}`)], raft.term);
  else if (what === 5) quorum.read(member);
  else if (what === 6 && raft.log.deliveredIndex > raft.log.snapshot.index) {
    member.saveSnapshot();
    quorum.count("snapshot");
  } else if (what === 7) {
    const targets = [...quorum.members.keys()];
    if (raft.transfer(targets[random(targets.length)]!) === undefined) quorum.count("transfer");
  } else if (what === 8) changeMembers(quorum, member, random);
  else if (what === 9) {
    const members = [...quorum.members.keys()];
    if (random(2) === 0) raft.campaign();
    else raft.unreachable(members[random(members.length)]!);
  }
  quorum.check();
}

function changeMembers(quorum: Quorum, member: Member, random: (bound: number) => number): void {
  const { raft } = member;
  if (!raft.isLeader) return;
  const { voters, learners } = raft.log.configuration;
  const known = [...voters, ...learners];
  const draw = random(3);
  if (draw === 0 && quorum.members.size < membersMax) {
    const node = quorum.members.size + 1;
    if (raft.proposeChange({ kind: "add-learner", node }) === undefined) quorum.add(node);
  } else if (draw === 1 && learners.length > 0) raft.proposeChange({ kind: "promote", node: learners[random(learners.length)]! });
  else if (voters.length > 1) raft.proposeChange({ kind: "remove", node: known[random(known.length)]! });
}

function die(quorum: Quorum, member: Member, random: (bound: number) => number): void {
  if (!member.isAlive) return;
  const isWritten = random(2) === 0;
  quorum.count(isWritten && member.writing !== undefined ? "written crash" : "crash");
  member.crash(isWritten);
}

function cutOrHeal(quorum: Quorum, member: Member, random: (bound: number) => number): void {
  quorum.count("cut");
  if (random(2) === 0) return quorum.heal();
  for (const other of quorum.members.keys()) {
    if (other === member.id) continue;
    // Of one direction only, now and then.
    if (random(3) > 0) quorum.cut.add(`${member.id}>${other}`);
    if (random(3) > 0) quorum.cut.add(`${other}>${member.id}`);
  }
}

function healed(quorum: Quorum, random: (bound: number) => number): void {
  quorum.heal();
  for (const member of quorum.members.values()) {
    if (!member.isAlive) member.restart();
    else if (member.writing !== undefined) quorum.endWrite(member);
  }
  const leader = quorum.elect();
  const count = quorum.committedCount;
  for (let tries = 0; tries < 50; tries++) {
    const proposed = leader.raft.propose([payload(`healed ${random(1_000)}`)], leader.raft.term);
    quorum.tick(3);
    if (proposed.kind === "appended" && quorum.committedCount > count) break;
  }
  quorum.tick(30);
  const [last] = quorum.leaders;
  expect(quorum.committedCount).toBeGreaterThan(count);
  const { voters, learners } = last!.raft.log.configuration;
  for (const id of [...voters, ...learners]) expect(quorum.member(id).applied.length, `node ${id}`).toBe(quorum.committedCount);
  quorum.checkLogs();
}
