// A metadata log whose quorum is the test: it keeps what is proposed until the test says what became of it.

import type { LogEntry, LogSnapshot, MetadataLog, MetadataLogListener, ProposalOutcome } from "../src/metadata-log.ts";

interface Proposal {
  readonly payloads: readonly Uint8Array[];
  readonly term: number;
  readonly settle: PromiseWithResolvers<ProposalOutcome>;
}

export class ScriptedLog implements MetadataLog {
  readonly entries: LogEntry[] = [];
  readonly snapshots: LogSnapshot[] = [];
  term = 1;
  isClosed = false;
  /** Commits each proposal as it comes. */
  isPrompt = true;
  listener: MetadataLogListener | undefined;
  private pending: Proposal | undefined;

  async start(listener: MetadataLogListener): Promise<void> {
    this.listener = listener;
    listener.leadership({ kind: "leader", term: this.term });
  }

  propose(payloads: readonly Uint8Array[], expectedTerm: number): Promise<ProposalOutcome> {
    if (this.pending !== undefined) throw new Error("a second proposal at once");
    if (expectedTerm !== this.term) return Promise.resolve("lost");
    this.pending = { payloads, term: expectedTerm, settle: Promise.withResolvers() };
    const { promise } = this.pending.settle;
    if (this.isPrompt) this.commit();
    return promise;
  }

  async saveSnapshot(snapshot: LogSnapshot): Promise<void> {
    this.snapshots.push(snapshot);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  /** Entries that wait for the quorum. */
  get waiting(): number {
    return this.pending?.payloads.length ?? 0;
  }

  /** The quorum has what was proposed. */
  commit(): void {
    const { payloads, term, settle } = this.take();
    this.deliver(payloads.map((payload) => ({ index: 0, term, payload })));
    settle.resolve("committed");
  }

  /** Another node leads; what was proposed is committed by it all the same, or not. */
  lose(newTerm: number, isCommittedLater: boolean): void {
    const proposal = this.pending;
    this.term = newTerm;
    this.listener?.leadership({ kind: "follower", term: newTerm, leader: 2 });
    if (proposal === undefined) return;
    this.take().settle.resolve("lost");
    if (isCommittedLater) this.deliver(proposal.payloads.map((payload) => ({ index: 0, term: proposal.term, payload })));
  }

  lead(term: number): void {
    this.term = term;
    // A new leader's first entry marks the beginning of its term.
    this.deliver([{ index: 0, term, payload: new Uint8Array() }]);
    this.listener?.leadership({ kind: "leader", term });
  }

  fail(error: Error): void {
    const { settle } = this.take();
    this.listener?.leadership({ kind: "stopped", error });
    settle.reject(error);
  }

  /** Entries that someone appended; they are numbered here. */
  deliver(entries: readonly LogEntry[]): void {
    const numbered = entries.map((entry, at) => ({ ...entry, index: this.entries.length + 1 + at }));
    this.entries.push(...numbered);
    this.listener?.committed(numbered);
  }

  private take(): Proposal {
    const proposal = this.pending;
    if (proposal === undefined) throw new Error("nothing was proposed");
    this.pending = undefined;
    return proposal;
  }
}
