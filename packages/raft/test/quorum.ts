// Members of a quorum in one process over a network that is a list, and the invariants of correctness.md 2.1 held against all of them after
// every event. Who decides what happens next is the test: step by step, or a seed.

import type { NodeId } from "@varve/model";
import type { Configuration, Message, RaftOptions } from "@varve/raft";
import { majority } from "../src/quorum.ts";
import { Member, optionsOf, textOf, Violation } from "./member.ts";

export class Quorum {
  readonly members: Map<NodeId, Member> = new Map();
  network: Message[] = [];
  /** On their way, and gone. */
  readonly lost: Message[] = [];
  /** Pairs that do not reach each other, as "from>to". */
  readonly cut: Set<string> = new Set();
  readonly counts: Map<string, number> = new Map();
  /** Committed by somebody: the term and the text of each entry. */
  readonly #committed: { readonly term: number; readonly text: string; readonly configuration: Configuration | undefined }[] = [];
  readonly #leaders = new Map<number, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  readonly #reads = new Map<string, number>();
  readonly #more: Partial<RaftOptions>;
  readonly #random: (bound: number) => number;
  #contexts = 0;

  constructor(voters: readonly NodeId[], random: (bound: number) => number, more: Partial<RaftOptions> = {}) {
    this.#random = random;
    this.#more = more;
    for (const id of voters) this.add(id, { voters, learners: [] });
  }

  /** A new node with an empty disk. @param configuration that it begins with; a node that is to be added knows none. */
  add(id: NodeId, configuration: Configuration = { voters: [], learners: [] }): Member {
    const member = new Member(optionsOf(id, this.#random, this.#more), {
      hardState: { term: 0, vote: undefined, commitIndex: 0 },
      snapshot: { index: 0, term: 0, configuration, parts: [] },
      entries: [],
    });
    this.members.set(id, member);
    return member;
  }

  get alive(): readonly Member[] {
    return [...this.members.values()].filter(({ isAlive }) => isAlive);
  }

  get leaders(): readonly Member[] {
    return this.alive.filter(({ raft }) => raft.standing.kind === "leader");
  }

  get committedCount(): number {
    return this.#committed.length;
  }

  member(id: NodeId): Member {
    return this.members.get(id)!;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Takes what is to be done, and begins to write it. */
  beginWrite(member: Member): boolean {
    if (!member.isAlive || member.writing !== undefined || !member.raft.hasReady) return false;
    member.writing = member.raft.ready();
    return true;
  }

  /** The batch is on the disk: its messages leave, what it commits is applied. */
  endWrite(member: Member): void {
    const ready = member.written();
    for (const message of ready.messages) {
      this.#checkMessage(member, message);
      if (this.cut.has(`${message.from}>${message.to}`)) this.lost.push(message);
      else this.network.push(message);
    }
    member.apply(ready);
    member.raft.advance();
    this.tellOfLosses();
    for (const { context, index } of ready.reads) this.#checkRead(member, context, index);
    this.check();
  }

  deliver(at: number, isLast = true): void {
    const message = this.network[at]!;
    if (isLast) this.network.splice(at, 1);
    const member = this.members.get(message.to);
    if (member?.isAlive !== true || this.cut.has(`${message.from}>${message.to}`)) {
      this.lost.push(message);
      return this.tellOfLosses();
    }
    const problem = member.raft.step(message);
    if (problem !== undefined) throw new Violation("soundness", `a ${message.kind} was taken for a wrong one: ${problem}`);
    this.check();
  }

  lose(at: number): void {
    this.lost.push(...this.network.splice(at, 1));
    this.tellOfLosses();
  }

  /** A snapshot goes over a stream of its own: its sender knows when that breaks. */
  tellOfLosses(): void {
    for (const { kind, from, to } of this.lost.splice(0)) if (kind === "snapshot") this.member(from).raft.snapshotFailed(to);
  }

  read(member: Member): void {
    this.#contexts += 1;
    this.#reads.set(`${member.id}/${this.#contexts}`, this.#committed.length);
    member.raft.read(this.#contexts);
  }

  /** Everything happens at once and nothing is lost, until nobody has anything to do. */
  settle(): void {
    for (let steps = 0; steps < 100_000; steps++) {
      const busy = this.alive.find((member) => member.writing !== undefined || member.raft.hasReady);
      if (busy !== undefined) {
        if (busy.writing === undefined) this.beginWrite(busy);
        this.endWrite(busy);
      } else if (this.network.length > 0) this.deliver(0);
      else return;
    }
    throw new Violation("liveness", "the quorum does not come to rest");
  }

  /** So many ticks for everybody, with everything that follows from each. */
  tick(ticks = 1): void {
    for (let tick = 0; tick < ticks; tick++) {
      for (const { raft } of this.alive) raft.tick();
      this.settle();
    }
  }

  /** @returns the leader, once there is one. */
  elect(id?: NodeId): Member {
    if (id !== undefined) this.member(id).raft.campaign();
    this.settle();
    for (let ticks = 0; ticks < 1_000; ticks++) {
      const [leader, ...others] = this.leaders;
      if (leader !== undefined && others.length === 0) return leader;
      this.tick();
    }
    throw new Violation("liveness", "nobody is elected");
  }

  /** It has won, and nothing of its term is committed yet. */
  electBarely(id: NodeId): Member {
    const member = this.member(id);
    member.raft.campaign();
    while (!member.raft.isLeader) {
      for (const one of this.alive) if (this.beginWrite(one)) this.endWrite(one);
      if (!member.raft.isLeader) this.deliver(0);
    }
    return member;
  }

  isolate(id: NodeId): void {
    for (const other of this.members.keys()) {
      if (other === id) continue;
      this.cut.add(`${id}>${other}`);
      this.cut.add(`${other}>${id}`);
    }
  }

  heal(): void {
    this.cut.clear();
  }

  /** After every event: I1, I6 to I11; that nobody cuts at or below its commit index (I5) is an invariant of the log itself. */
  check(): void {
    for (const member of this.alive) {
      const { raft } = member;
      const { log } = raft;
      if (raft.isLeader) this.#checkLeader(member);
      if (
        raft.isLeader &&
        member.ledTerm === raft.term &&
        log.commitIndex > member.commitSeen &&
        log.termAt(log.commitIndex) !== raft.term
      ) {
        throw new Violation(
          "I6",
          `node ${member.id} leads term ${raft.term} and commits entry ${log.commitIndex} of an earlier one by counting`,
        );
      }
      member.ledTerm = raft.isLeader ? raft.term : undefined;
      if (log.commitIndex < member.commitSeen) throw new Violation("I6", `node ${member.id}: commit fell to ${log.commitIndex}`);
      member.commitSeen = log.commitIndex;
      if (log.deliveredIndex > log.commitIndex) throw new Violation("I9", `node ${member.id} applied what is not committed`);
      if (log.snapshot.index > log.commitIndex || log.firstIndex > log.snapshot.index + 1) {
        throw new Violation("I11", `node ${member.id}: snapshot ${log.snapshot.index}, log from ${log.firstIndex}`);
      }
      this.#noteCommitted(member);
      this.#checkApplied(member);
    }
  }

  /** I4, of all pairs, and the configurations: dear, so now and then. */
  checkLogs(): void {
    const members = [...this.members.values()];
    for (const member of members) this.#checkConfigurations(member);
    for (const one of members) {
      for (const other of members) {
        let same = false;
        for (let index = Math.min(one.raft.log.lastIndex, other.raft.log.lastIndex); index > 0; index--) {
          const [mine, its] = [one.raft.log.termAt(index), other.raft.log.termAt(index)];
          if (mine === undefined || its === undefined) break;
          if (same && mine !== its) throw new Violation("I4", `nodes ${one.id} and ${other.id} differ at ${index} and agree behind it`);
          same ||= mine === its;
        }
      }
    }
  }

  /** I10, I11: in force is what the log says last, and a snapshot bears what was committed by then. */
  #checkConfigurations({ id, raft: { log } }: Member): void {
    const { snapshot, firstIndex, lastIndex, configuration } = log;
    const changes = log.slice(firstIndex, lastIndex, Number.POSITIVE_INFINITY).filter(({ content }) => content.kind === "configuration");
    const last = changes.at(-1)?.content;
    const expected = last?.kind === "configuration" ? last.configuration : snapshot.configuration;
    if (JSON.stringify(expected) !== JSON.stringify(configuration))
      throw new Violation("I10", `node ${id} keeps a configuration that was cut off`);
    if (snapshot.index > 0 && snapshot.configuration.voters.length === 0)
      throw new Violation("I11", `node ${id}: a snapshot without voters`);
    const committed = this.#committed.slice(0, snapshot.index).findLast((entry) => entry.configuration !== undefined)?.configuration;
    if (committed === undefined || JSON.stringify(committed) === JSON.stringify(snapshot.configuration)) return;
    throw new Violation("I11", `node ${id}: the snapshot at ${snapshot.index} bears a configuration that is not committed there`);
  }

  #checkLeader({ id, raft, disk }: Member): void {
    // The only voter leads at once; should it die before its vote is on its disk, it has told nobody, and another may lead that term.
    if (disk.hardState.term !== raft.term) return;
    const known = this.#leaders.get(raft.term);
    if (known === undefined) {
      this.count("elected");
      this.#leaders.set(raft.term, id);
      for (const [at, { term }] of this.#committed.entries()) {
        const here = raft.log.termAt(at + 1);
        const isHere = here === term || at + 1 <= raft.log.snapshot.index;
        if (!isHere) throw new Violation("I7", `node ${id} leads term ${raft.term} without entry ${at + 1} of term ${term}`);
      }
    } else if (known !== id) throw new Violation("I1", `nodes ${known} and ${id} lead term ${raft.term}`);
    const changes = raft.log
      .slice(Math.max(raft.log.commitIndex + 1, raft.log.firstIndex), raft.log.lastIndex, Number.POSITIVE_INFINITY)
      .filter(({ content }) => content.kind === "configuration").length;
    if (changes > 1) throw new Violation("I10", `node ${id} has ${changes} changes that are not committed`);
  }

  #noteCommitted(member: Member): void {
    const { log } = member.raft;
    for (let index = this.#committed.length + 1; index <= log.commitIndex; index++) {
      const [entry] = log.slice(index, index, 0);
      this.#checkDurable(member, index, entry!.term);
      const { content } = entry!;
      const configuration = content.kind === "configuration" ? content.configuration : undefined;
      this.#committed.push({ term: entry!.term, text: textOf(entry!), configuration });
      this.count(content.kind);
    }
    const last = Math.min(log.commitIndex, this.#committed.length);
    for (let index = Math.max(log.firstIndex, last - 5); index <= last; index++) {
      const { term } = this.#committed[index - 1]!;
      if (log.termAt(index) === term) continue;
      throw new Violation("I9", `node ${member.id} has term ${log.termAt(index)} committed at ${index}, others term ${term}`);
    }
  }

  /** Whoever commits it first leads: its configuration counts. */
  #checkDurable({ id, raft }: Member, index: number, term: number): void {
    const { voters } = raft.log.configuration;
    const having = voters.filter((voter) => {
      const disk = this.members.get(voter)?.disk;
      return (
        disk !== undefined && (disk.snapshot.index >= index || disk.entries.some((entry) => entry.index === index && entry.term === term))
      );
    });
    if (having.length >= majority(voters.length)) return;
    throw new Violation(
      "I8",
      `node ${id} commits entry ${index}, which is on the disks of ${having.join(", ") || "nobody"} of ${voters.join(", ")}`,
    );
  }

  #checkApplied({ id, applied }: Member): void {
    const last = applied.length;
    if (last > this.#committed.length)
      throw new Violation("I9", `node ${id} has applied ${last} entries, committed are ${this.#committed.length}`);
    for (let at = Math.max(0, last - 3); at < last; at++) {
      if (applied[at] !== this.#committed[at]!.text) throw new Violation("I9", `node ${id} has applied ${applied[at]} at ${at + 1}`);
    }
  }

  /** I2, I3: what a message says is on the disk by the time that it leaves. */
  #checkMessage({ id, disk }: Member, message: Message): void {
    const { kind, term, to } = message;
    const isAhead = kind === "pre-vote-request" || (kind === "pre-vote-response" && message.granted);
    if (!isAhead && term !== disk.hardState.term) {
      // An older term's message may still leave, but no promise of that term.
      if (kind === "append-accepted")
        throw new Violation("I8", `node ${id} says in term ${disk.hardState.term} what it had in term ${term}`);
      if (kind === "vote-response" && message.granted) this.#noteVote(id, term, to, to);
      if (term > disk.hardState.term)
        throw new Violation("I3", `node ${id} says ${kind} in term ${term}, on its disk is ${disk.hardState.term}`);
      return;
    }
    if (kind === "vote-response" && message.granted) this.#noteVote(id, term, to, disk.hardState.vote);
    if (kind === "vote-request") this.#noteVote(id, term, id, disk.hardState.vote);
    if (kind === "append-accepted") this.#checkAccepted(id, message.matchIndex);
  }

  /** What is said to be there is on the disk, with nothing missing, and is what the log has. */
  #checkAccepted(id: NodeId, matchIndex: number): void {
    const { disk, raft } = this.member(id);
    for (const [at, { index }] of disk.entries.entries()) {
      if (index !== disk.snapshot.index + 1 + at)
        throw new Violation("I11", `node ${id}: on its disk entry ${index} is in the place of ${disk.snapshot.index + 1 + at}`);
    }
    if (matchIndex <= disk.snapshot.index) return;
    const entry = disk.entries[matchIndex - disk.snapshot.index - 1];
    if (entry === undefined) throw new Violation("I8", `node ${id} says that it has ${matchIndex}, its disk ends before`);
    const term = raft.log.termAt(matchIndex);
    if (term !== undefined && entry.term !== term && raft.term === disk.hardState.term) {
      throw new Violation("I8", `node ${id} says that it has ${matchIndex} of term ${term}, its disk has term ${entry.term}`);
    }
  }

  #noteVote(id: NodeId, term: number, candidate: NodeId, onDisk: NodeId | undefined): void {
    const key = `${id}/${term}`;
    const before = this.#votes.get(key);
    if (before !== undefined && before !== candidate)
      throw new Violation("I2", `node ${id} votes for ${before} and ${candidate} in term ${term}`);
    if (onDisk !== candidate) throw new Violation("I2", `node ${id} votes for ${candidate}, on its disk is ${onDisk}`);
    this.#votes.set(key, candidate);
  }

  #checkRead(member: Member, context: number, index: number): void {
    const atLeast = this.#reads.get(`${member.id}/${context}`)!;
    this.count("read");
    if (index < atLeast) throw new Violation("I12", `node ${member.id}: a read at ${index}, ${atLeast} were committed before it was asked`);
  }
}
