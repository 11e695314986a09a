// When the state is written out whole, so that the log behind it may go: once as many records have come as the state itself would take, so
// that the store holds at most about twice the state, and writing it out costs at most as much as the records did.

import { type MetadataImage, type MetadataRecord, snapshotLength, snapshotRecords } from "@varve/metadata";
import { InvariantError } from "@varve/model";
import type { Clock } from "@varve/runtime";
import { encodeInSteps } from "./encode-in-steps.ts";
import type { MetadataLog } from "./metadata-log.ts";
import type { StateMachine } from "./state-machine.ts";

/** A value of this size is read, checked and decoded in a few milliseconds. */
const partBytesMin = 65_536;

export class Snapshots {
  private readonly log: MetadataLog;
  private readonly state: StateMachine;
  private readonly clock: Clock;
  private readonly recordsMin: number;
  private running: Promise<void> | undefined;
  private isClosed = false;

  /** @param recordsMin a small state is written out after so many records. */
  constructor(log: MetadataLog, state: StateMachine, clock: Clock, recordsMin: number) {
    this.log = log;
    this.state = state;
    this.clock = clock;
    this.recordsMin = recordsMin;
  }

  /** Begins a snapshot when it is time for one and none is under way. */
  consider(): void {
    if (this.isClosed || this.running !== undefined) return;
    if (this.state.recordsSinceSnapshot < Math.max(this.recordsMin, snapshotLength(this.state.committed))) return;
    this.running = this.take().finally(() => {
      this.running = undefined;
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.running;
  }

  private async take(): Promise<void> {
    const { committed, committedIndex, committedTerm } = this.state;
    this.state.noteSnapshot();
    const parts = await encodeInSteps(this.recordsOf(committed), partBytesMin, this.clock);
    if (this.isClosed) return;
    try {
      await this.log.saveSnapshot({ index: committedIndex, term: committedTerm, parts });
    } catch (error) {
      // A failed storage has stopped the log, which says so itself.
      if (error instanceof InvariantError) throw error;
    }
  }

  /** Ends early when nobody will save them. */
  private *recordsOf(image: MetadataImage): Generator<MetadataRecord> {
    for (const record of snapshotRecords(image)) {
      if (this.isClosed) return;
      yield record;
    }
  }
}
