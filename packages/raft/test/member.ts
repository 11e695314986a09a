// One member of a quorum in a test: a Raft, a disk that keeps what was synced, a state machine that is a list, and the shell between them.

import type { NodeId } from "@varve/model";
import { type Entry, type Persisted, Raft, type RaftOptions, type Ready, type Snapshot } from "@varve/raft";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Violation extends Error {
  constructor(invariant: string, what: string) {
    super(`${invariant}: ${what}`);
  }
}

/** A state machine: what it was given, in order. */
type Applied = readonly string[];

export function partsOf(applied: Applied): readonly Uint8Array[] {
  return [encoder.encode(JSON.stringify(applied))];
}

function appliedOf({ parts }: Snapshot): string[] {
  return parts.length === 0 ? [] : (JSON.parse(decoder.decode(parts[0]!)) as string[]);
}

export function payload(text: string): Uint8Array {
  return encoder.encode(text);
}

export function textOf({ index, term, content }: Entry): string {
  if (content.kind === "payload") return decoder.decode(content.bytes);
  return `${index}.${term} ${content.kind === "empty" ? "" : JSON.stringify(content.configuration)}`;
}

export class Member {
  readonly id: NodeId;
  disk: Persisted;
  raft: Raft;
  applied: string[];
  isAlive = true;
  /** What is being written. */
  writing: Ready | undefined;
  readonly #options: RaftOptions;
  /** Nothing that it writes ends before this event. */
  stuckUntil = 0;
  commitSeen = 0;
  /** It led this term when it was last looked at. */
  ledTerm: number | undefined;

  constructor(options: RaftOptions, disk: Persisted) {
    this.id = options.id;
    this.#options = options;
    this.disk = disk;
    this.raft = new Raft(options, disk);
    this.applied = appliedOf(disk.snapshot);
  }

  /** The process ends; what was being written is there or not. */
  crash(isWritten: boolean): void {
    if (this.writing !== undefined && isWritten) this.#write(this.writing);
    this.writing = undefined;
    this.isAlive = false;
  }

  restart(): void {
    this.raft = new Raft(this.#options, this.disk);
    this.applied = appliedOf(this.disk.snapshot);
    this.commitSeen = 0;
    this.ledTerm = undefined;
    this.isAlive = true;
  }

  /** @returns the batch that is on the disk now. */
  written(): Ready {
    const ready = this.writing!;
    this.#write(ready);
    this.writing = undefined;
    return ready;
  }

  apply(ready: Ready): void {
    if (ready.snapshot !== undefined) this.applied = appliedOf(ready.snapshot);
    for (const entry of ready.committed) this.applied.push(textOf(entry));
  }

  saveSnapshot(): void {
    const snapshot = this.raft.snapshotAt(this.raft.log.deliveredIndex, partsOf(this.applied));
    if (snapshot === undefined) return;
    this.disk = { ...this.disk, snapshot, entries: this.disk.entries.filter(({ index }) => index > snapshot.index) };
    this.raft.compact(snapshot);
  }

  #write({ mustWrite, hardState, snapshot, entries }: Ready): void {
    if (!mustWrite) return;
    const kept = snapshot === undefined ? this.disk.entries : [];
    const first = entries[0]?.index ?? Number.POSITIVE_INFINITY;
    this.disk = {
      hardState,
      snapshot: snapshot ?? this.disk.snapshot,
      entries: [...kept.filter(({ index }) => index < first), ...entries],
    };
  }
}

/** Ticks are small numbers here: nothing of the rules depends on them. */
export const optionsOf = (id: NodeId, random: (bound: number) => number, more: Partial<RaftOptions> = {}): RaftOptions => ({
  id,
  electionTicks: 10,
  heartbeatTicks: 2,
  snapshotTicksMax: 20,
  messageBytesMax: 200,
  inFlightMessagesMax: 4,
  inFlightBytesMax: 1_000,
  uncommittedBytesMax: 100_000,
  keptEntries: 2,
  random,
  ...more,
});
