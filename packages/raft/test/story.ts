// Tells a story: commands over a quorum in, a transcript of who said what and what it came to out. The language is the table `commands`.

import type { Entry, Message } from "@varve/raft";
import { type Member, payload, textOf } from "./member.ts";
import { Quorum } from "./quorum.ts";
import { generator } from "./random-history.ts";

/** The same for every story: an election is drawn, and always drawn the same way. */
const seed = 1;

const commands: Readonly<Record<string, (story: Story, words: readonly string[]) => string | undefined>> = {
  /** `quorum 1 2 3`: these voters, with empty disks. */
  quorum: (story, words) => story.begin(words.map(Number)),
  /** `add 4`: a node with an empty disk, which knows nobody. */
  add: ({ quorum }, [id]) => void quorum.add(Number(id)),
  /** `campaign 1`: without waiting for a time-out. */
  campaign: (story, [id]) => story.member(id).raft.campaign() as undefined,
  /** `led 1`: it campaigns and is elected, of which nothing is said. */
  led: (story, [id]) => story.elect(story.member(id)),
  /** `tick 5` for all, `tick 5 1 3` for some. Nothing else happens meanwhile. */
  tick: (story, [ticks, ...ids]) => story.tick(Number(ticks), ids),
  /** `settle`: all is written, sent and applied until nobody has anything to do. */
  settle: (story) => story.settle(),
  /** `propose 1 a b`: one entry for each text. */
  propose: (story, [id, ...texts]) => story.propose(story.member(id), texts),
  read: (story, [id]) => story.quorum.read(story.member(id)) as undefined,
  /** `cut 1`: nothing reaches it or leaves it. */
  cut: ({ quorum }, [id]) => quorum.isolate(Number(id)) as undefined,
  heal: ({ quorum }) => quorum.heal() as undefined,
  crash: (story, [id]) => story.member(id).crash(false) as undefined,
  restart: (story, [id]) => story.member(id).restart() as undefined,
  /** `snapshot 1`: of all that it has applied; older entries go. */
  snapshot: (story, [id]) => story.member(id).saveSnapshot() as undefined,
  /** `change 1 promote 4` */
  change: (story, [id, kind, node]) =>
    story.member(id).raft.proposeChange({ kind: kind as "add-learner" | "promote" | "remove", node: Number(node) }),
  /** `transfer 1 3`: to 3. */
  transfer: (story, [id, target]) => story.member(id).raft.transfer(Number(target)),
  /** `state`: one line for each node. */
  state: (story) => story.state(),
};

export class Story {
  quorum: Quorum = new Quorum([], generator(seed));
  #lines: string[] = [];

  /** @returns what is said of one command: lines, or "ok". */
  run(line: string): string {
    const [name, ...words] = line.split(" ");
    const command = commands[name!];
    if (command === undefined) throw new Error(`no such command: ${line}; there are ${Object.keys(commands).join(", ")}`);
    this.#lines = [];
    const said = command(this, words);
    return [...this.#lines, ...(said === undefined ? [] : [said])].join("\n") || "ok";
  }

  begin(voters: readonly number[]): undefined {
    this.quorum = new Quorum(voters, generator(seed));
  }

  elect(member: Member): undefined {
    member.raft.campaign();
    this.settle();
    this.#lines = [];
  }

  member(id: string | undefined): Member {
    return this.quorum.member(Number(id));
  }

  tick(ticks: number, ids: readonly string[]): undefined {
    const members = ids.length === 0 ? this.quorum.alive : ids.map((id) => this.member(id));
    for (let tick = 0; tick < ticks; tick++) for (const { raft } of members) raft.tick();
  }

  propose({ raft }: Member, texts: readonly string[]): string | undefined {
    const proposed = raft.propose(texts.map(payload), raft.term);
    return proposed.kind === "refused" ? `refused: ${proposed.why}` : undefined;
  }

  settle(): undefined {
    const { quorum } = this;
    for (;;) {
      const busy = quorum.alive.find((member) => member.writing !== undefined || member.raft.hasReady);
      if (busy !== undefined) this.#work(busy);
      else if (quorum.network.length > 0) this.#deliver();
      else return;
    }
  }

  state(): string {
    const lines = [...this.quorum.members.values()].map(({ id, isAlive, raft }) => {
      const { standing, log } = raft;
      const role = standing.kind === "follower" ? `follows ${standing.leader ?? "nobody"}` : standing.kind;
      const { voters, learners } = log.configuration;
      const members = `voters ${voters.join(" ")}${learners.length > 0 ? ` learners ${learners.join(" ")}` : ""}`;
      return isAlive
        ? `${id}: term ${raft.term}, ${role}, log ${log.firstIndex}-${log.lastIndex}, commit ${log.commitIndex}, ${members}`
        : `${id}: dead`;
    });
    return lines.join("\n");
  }

  #work(member: Member): void {
    const { quorum } = this;
    const before = { snapshot: member.disk.snapshot.index, standing: JSON.stringify(member.raft.standing) };
    if (member.writing === undefined) quorum.beginWrite(member);
    const { committed, reads } = member.writing!;
    quorum.endWrite(member);
    if (member.disk.snapshot.index !== before.snapshot) this.#lines.push(`${member.id} is at snapshot ${member.disk.snapshot.index}`);
    if (committed.length > 0) this.#lines.push(`${member.id} applies ${committed.map(entryText).join(", ")}`);
    for (const { index } of reads) this.#lines.push(`${member.id} may read at ${index}`);
    const { standing } = member.raft;
    if (standing.kind === "leader" && JSON.stringify(standing) !== before.standing)
      this.#lines.push(`${member.id} leads term ${standing.term}`);
  }

  #deliver(): void {
    const { quorum } = this;
    const [message] = quorum.network;
    const reaches = quorum.member(message!.to).isAlive && !quorum.cut.has(`${message!.from}>${message!.to}`);
    this.#lines.push(`${message!.from} > ${message!.to} ${messageText(message!)}${reaches ? "" : " (lost)"}`);
    quorum.deliver(0);
  }
}

function entryText(entry: Entry): string {
  const { index, term, content } = entry;
  const what = content.kind === "payload" ? ` ${textOf(entry)}` : content.kind === "configuration" ? " members" : "";
  return `${index}.${term}${what}`;
}

function messageText(message: Message): string {
  const { kind, term } = message;
  switch (message.kind) {
    case "pre-vote-request":
    case "vote-request":
      return `${kind} term ${term}, log up to ${message.lastIndex}.${message.lastTerm}`;
    case "pre-vote-response":
    case "vote-response":
      return `${kind} term ${term}: ${message.granted ? "yes" : "no"}`;
    case "append":
      return `append term ${term} behind ${message.prevIndex}.${message.prevTerm}: ${message.entries.map(entryText).join(", ") || "nothing"}; commit ${message.commitIndex}`;
    case "append-accepted":
      return `has ${message.matchIndex}`;
    case "append-rejected":
      return `has not ${message.prevIndex}; try ${message.hintIndex}.${message.hintTerm}`;
    case "heartbeat":
      return `heartbeat term ${term}, round ${message.round}; commit ${message.commitIndex}`;
    case "heartbeat-response":
      return `heard round ${message.round}`;
    case "snapshot":
      return `snapshot term ${term} at ${message.snapshot.index}.${message.snapshot.term}`;
    case "read-request":
      return "asks for a read";
    case "read-response":
      return `read at ${message.index}`;
    case "timeout-now":
      return "campaign now";
    case "term-is-over":
      return `your term is over, this is ${term}`;
  }
}
