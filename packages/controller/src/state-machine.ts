// The two states of the controller: the committed one, which everyone sees, and the accepted one, which the next decision sees. It turns
// what the log delivers into the former and keeps the latter honest; it neither proposes nor answers.

import { decodeRecords, emptyImage, type MetadataImage, type MetadataRecord, replay, replayAll } from "@varve/metadata";
import { InvariantError, invariant } from "@varve/model";
import type { Clock } from "@varve/runtime";
import { stepBudgetMs, turn } from "@varve/runtime";
import type { LogEntry, LogSnapshot } from "./metadata-log.ts";

/** What one entry of ours will have made of the state when it is committed. */
interface AcceptedStep {
  readonly after: MetadataImage;
  readonly recordCount: number;
}

export class StateMachine {
  private committedImage: MetadataImage = emptyImage;
  private acceptedImage: MetadataImage = emptyImage;
  /** Entries that were proposed in `acceptedTerm` and are not committed yet, in order. */
  private steps: AcceptedStep[] = [];
  private acceptedTerm: number | undefined;
  private index = 0;
  private term = 0;
  private records = 0;

  get committed(): MetadataImage {
    return this.committedImage;
  }

  get accepted(): MetadataImage {
    return this.acceptedImage;
  }

  /** Of the last entry that is in `committed`. */
  get committedIndex(): number {
    return this.index;
  }

  /** Of the same entry. */
  get committedTerm(): number {
    return this.term;
  }

  /** Records that were committed since the last snapshot was taken or installed. */
  get recordsSinceSnapshot(): number {
    return this.records;
  }

  /** A snapshot of the present state is being taken. */
  noteSnapshot(): void {
    this.records = 0;
  }

  /** Takes the records of one decision, which make one entry of `term`. Not empty. */
  accept(records: readonly MetadataRecord[], term: number): void {
    invariant(this.steps.length === 0 || this.acceptedTerm === term, `entries of terms ${this.acceptedTerm} and ${term} are on their way`);
    this.acceptedTerm = term;
    this.acceptedImage = replayAll(this.acceptedImage, records);
    this.steps.push({ after: this.acceptedImage, recordCount: records.length });
  }

  /** Throws the accepted state away: whether its entries will be committed is not known. */
  forget(): void {
    this.steps = [];
    this.acceptedTerm = undefined;
    this.acceptedImage = this.committedImage;
  }

  commit(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      invariant(entry.index === this.index + 1, `entry ${entry.index} of the metadata log follows ${this.index}`);
      this.index = entry.index;
      this.term = entry.term;
      if (entry.payload.length > 0) this.apply(entry);
    }
    if (this.steps.length === 0) this.forget();
  }

  /** Replaces the state. Decodes in steps. */
  async install(snapshot: LogSnapshot, clock: Clock): Promise<void> {
    let image = emptyImage;
    let stepEndMs = clock.monotonicMs() + stepBudgetMs;
    for (const part of snapshot.parts) {
      for (const record of decodeRecords(part)) image = replay(image, record);
      if (clock.monotonicMs() < stepEndMs) continue;
      await turn(clock);
      stepEndMs = clock.monotonicMs() + stepBudgetMs;
    }
    this.committedImage = image;
    this.index = snapshot.index;
    this.term = snapshot.term;
    this.records = 0;
    this.forget();
  }

  private apply(entry: LogEntry): void {
    if (this.acceptedTerm === entry.term) {
      // A leader is alone in its term, so this is the oldest of our own: what it makes of the state was worked out when it was accepted.
      const step = this.steps.shift();
      if (step === undefined) throw new InvariantError(`entry ${entry.index} of our own term ${entry.term} was not proposed here`);
      this.committedImage = step.after;
      this.records += step.recordCount;
      return;
    }
    invariant(this.steps.length === 0, `entry ${entry.index} of term ${entry.term} comes before our own of term ${this.acceptedTerm}`);
    for (const record of decodeRecords(entry.payload)) {
      this.committedImage = replay(this.committedImage, record);
      this.records += 1;
    }
  }
}
