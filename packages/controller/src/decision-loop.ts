// The loop through which every change of the metadata goes: requests that wait together are decided one after the other on the accepted
// state, appended side by side, and answered when they are committed and applied here. What a request means is decide/'s; how entries
// become durable and who leads is the log's.

import type { MetadataImage } from "@varve/metadata";
import { ClusterError, InvariantError } from "@varve/model";
import type { Clock } from "@varve/runtime";
import type { AppliedImage } from "./applied-image.ts";
import type { Decision } from "./decide/decision.ts";
import { encodeInSteps } from "./encode-in-steps.ts";
import { batchRecordsMax, waitingRequestsMax } from "./limits.ts";
import type { Leadership, LogEntry, LogSnapshot, MetadataLog, MetadataLogListener } from "./metadata-log.ts";
import type { StateMachine } from "./state-machine.ts";
import { type Submission, submission } from "./submission.ts";

/** What the loop tells its owner. */
export interface DecisionLoopEvents {
  /** The committed state is another one. */
  committed(): void;
  leadership(leadership: Leadership): void;
  /** From the append of a batch to its commit. */
  batchCommitted(durationMs: number): void;
}

/** Decided together, and appended side by side. */
interface Batch {
  readonly submissions: readonly Submission[];
  /** Of each decision that writes something. */
  readonly entries: readonly Decision<unknown>["records"][];
}

export class DecisionLoop implements MetadataLogListener {
  private readonly log: MetadataLog;
  private readonly state: StateMachine;
  private readonly applied: AppliedImage;
  private readonly clock: Clock;
  private readonly events: DecisionLoopEvents;
  private readonly waiting: Submission[] = [];
  private inFlight: Batch | undefined;
  private running: Promise<void> | undefined;
  private current: Leadership = { kind: "follower", term: 0, leader: undefined };
  private isClosed = false;

  constructor(log: MetadataLog, state: StateMachine, applied: AppliedImage, clock: Clock, events: DecisionLoopEvents) {
    this.log = log;
    this.state = state;
    this.applied = applied;
    this.clock = clock;
    this.events = events;
  }

  get leader(): Leadership {
    return this.current;
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  /** Decides `decide` in the order of the calls. @throws {ClusterError} of the decision, NOT_CONTROLLER, THROTTLING_QUOTA_EXCEEDED; the signal's reason. */
  async submit<Response>(decide: (image: MetadataImage) => Decision<Response>, signal: AbortSignal): Promise<Response> {
    signal.throwIfAborted();
    if (this.isClosed || this.current.kind !== "leader") throw notController(this.isClosed ? "it shuts down" : describe(this.current));
    if (this.waiting.length >= waitingRequestsMax) {
      throw new ClusterError("THROTTLING_QUOTA_EXCEEDED", `${waitingRequestsMax} requests wait for the controller, which is the limit`);
    }
    const { submission: request, answer } = submission(decide, signal);
    this.waiting.push(request);
    this.run();
    return answer;
  }

  /** Requests that wait are answered NOT_CONTROLLER. Resolves when none is being appended any more. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.failWaiting("it shuts down");
    await this.running;
  }

  async snapshot(snapshot: LogSnapshot): Promise<void> {
    this.giveUp();
    await this.state.install(snapshot, this.clock);
    this.publish();
  }

  committed(entries: readonly LogEntry[]): void {
    this.state.commit(entries);
    this.publish();
  }

  leadership(leadership: Leadership): void {
    this.current = leadership;
    this.giveUp();
    if (leadership.kind !== "leader") this.failWaiting(describe(leadership));
    this.events.leadership(leadership);
  }

  private publish(): void {
    this.applied.commit(this.state.committed, this.state.committedIndex);
    this.events.committed();
  }

  private run(): void {
    this.running ??= this.appendWaiting().finally(() => {
      this.running = undefined;
      if (this.current.kind === "leader" && this.waiting.length > 0) this.run();
    });
  }

  private async appendWaiting(): Promise<void> {
    // Requests of one turn wait together.
    await Promise.resolve();
    while (this.current.kind === "leader" && this.waiting.length > 0)
      await this.append(this.decideWaiting(this.current.term), this.current.term);
  }

  private decideWaiting(term: number): Batch {
    const submissions: Submission[] = [];
    const entries: Decision<unknown>["records"][] = [];
    let recordCount = 0;
    while (recordCount < batchRecordsMax) {
      const next = this.waiting.shift();
      if (next === undefined) break;
      if (next.isAbandoned) continue;
      submissions.push(next);
      const records = next.decide(this.state.accepted);
      if (records.length === 0) continue;
      this.state.accept(records, term);
      entries.push(records);
      recordCount += records.length;
    }
    return { submissions, entries };
  }

  private async append(batch: Batch, term: number): Promise<void> {
    if (batch.entries.length > 0) {
      this.inFlight = batch;
      const payloads: Uint8Array[] = [];
      for (const records of batch.entries) payloads.push(...(await encodeInSteps(records, Number.POSITIVE_INFINITY, this.clock)));
      const beganMs = this.clock.monotonicMs();
      const outcome = await this.propose(payloads, term);
      if (this.inFlight !== batch) return;
      if (outcome === "lost") return this.giveUp();
      this.inFlight = undefined;
      this.events.batchCommitted(this.clock.monotonicMs() - beganMs);
    }
    void this.answer(batch, this.state.committedIndex);
  }

  private async propose(payloads: readonly Uint8Array[], term: number): Promise<"committed" | "lost"> {
    try {
      return await this.log.propose(payloads, term);
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      // The storage failed: the log has said so, and whether the batch will be found after a restart is not known.
      return "lost";
    }
  }

  private async answer({ submissions }: Batch, index: number): Promise<void> {
    await this.applied.waitApplied(index);
    for (const request of submissions) request.answer();
  }

  /** Throws the accepted state away, and with it what is on its way: its outcome is unknown. */
  private giveUp(): void {
    const batch = this.inFlight;
    this.inFlight = undefined;
    this.state.forget();
    for (const request of batch?.submissions ?? [])
      request.fail(notController("it lost the lead; whether the request took effect is unknown"));
  }

  private failWaiting(why: string): void {
    for (const request of this.waiting.splice(0)) request.fail(notController(why));
  }
}

function notController(why: string): ClusterError {
  return new ClusterError("NOT_CONTROLLER", `this controller does not answer: ${why}`);
}

function describe(leadership: Leadership): string {
  switch (leadership.kind) {
    case "leader":
      return "it has just begun to lead";
    case "follower":
      return leadership.leader === undefined ? "nobody leads" : `node ${leadership.leader} leads`;
    case "stopped":
      return `its storage failed (${leadership.error.message})`;
  }
}
