// One node's log in memory: the entries behind the last snapshot, how far they are on the disk, committed and delivered, and the configuration
// that they put in force. It compares, appends and cuts; who may ask for that is the roles' business.
//
// Invariant: snapshot.index ≤ deliveredIndex ≤ commitIndex ≤ lastIndex, deliveredIndex ≤ persistedIndex ≤ lastIndex.

import { invariant } from "@varve/model";
import type { Configuration } from "./configuration.ts";
import { type Entry, entryBytes, type Snapshot } from "./entry.ts";

/** What came of an append by a leader: how far both logs are the same, or where to look next. */
export type MatchResult =
  | { readonly kind: "accepted"; readonly matchIndex: number }
  | { readonly kind: "rejected"; readonly hintIndex: number; readonly hintTerm: number };

interface ConfigurationAt {
  readonly index: number;
  readonly configuration: Configuration;
}

export class RaftLog {
  #snapshot: Snapshot;
  /** One that a leader has sent, until it is on the disk. */
  #unwritten: Snapshot | undefined;
  /** `#entries[at]` has index `#base.index + 1 + at`. */
  #entries: Entry[];
  /** Of the entry in front of the first, which a compaction has removed. */
  #base: { readonly index: number; readonly term: number };
  #configurations: ConfigurationAt[];
  #commitIndex: number;
  #persistedIndex: number;
  #deliveredIndex: number;

  /** @param entries all of them on the disk. @param commitIndex as the disk knows it. */
  constructor(snapshot: Snapshot, entries: readonly Entry[], commitIndex: number) {
    this.#snapshot = snapshot;
    this.#base = { index: snapshot.index, term: snapshot.term };
    this.#entries = [...entries];
    this.#configurations = [{ index: snapshot.index, configuration: snapshot.configuration }];
    for (const [at, entry] of entries.entries()) {
      invariant(entry.index === snapshot.index + 1 + at, `entry ${entry.index} follows ${snapshot.index + at}: the log has a gap`);
      this.#noteConfiguration(entry);
    }
    invariant(
      commitIndex >= snapshot.index && commitIndex <= this.lastIndex,
      `committed is ${commitIndex}, the log holds ${snapshot.index} to ${this.lastIndex}`,
    );
    this.#commitIndex = commitIndex;
    this.#persistedIndex = this.lastIndex;
    this.#deliveredIndex = snapshot.index;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get unwrittenSnapshot(): Snapshot | undefined {
    return this.#unwritten;
  }

  /** Of the first entry that is here; above `lastIndex` when none is. */
  get firstIndex(): number {
    return this.#base.index + 1;
  }

  get lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }

  get lastTerm(): number {
    return this.termAt(this.lastIndex)!;
  }

  get commitIndex(): number {
    return this.#commitIndex;
  }

  /** Up to here the log is on the disk. */
  get persistedIndex(): number {
    return this.#persistedIndex;
  }

  /** Up to here the state machine has been given the log. */
  get deliveredIndex(): number {
    return this.#deliveredIndex;
  }

  /** The newest that has been appended, committed or not. */
  get configuration(): Configuration {
    return this.#configurations.at(-1)!.configuration;
  }

  /** Of the entry that put `configuration` in force. */
  get configurationIndex(): number {
    return this.#configurations.at(-1)!.index;
  }

  /** @returns the one that the entries up to `index` have put in force. */
  configurationAt(index: number): Configuration {
    return this.#configurations.findLast((at) => at.index <= index)!.configuration;
  }

  /** @returns undefined for an index that is not here: behind the end, or gone. */
  termAt(index: number): number | undefined {
    if (index === this.#base.index) return this.#base.term;
    return this.#entries[index - this.firstIndex]?.term;
  }

  /** Entries from `from` up to `to`, at least one while there is one, and no more than `bytesMax` beyond that. */
  slice(from: number, to: number, bytesMax: number): readonly Entry[] {
    const first = from - this.firstIndex;
    invariant(first >= 0, `entry ${from} is gone, the log begins at ${this.firstIndex}`);
    const past = Math.min(to, this.lastIndex) + 1 - this.firstIndex;
    let bytes = 0;
    let at = first;
    for (; at < past; at++) {
      bytes += entryBytes(this.#entries[at]!);
      if (bytes > bytesMax && at > first) break;
    }
    return this.#entries.slice(first, at);
  }

  /** Of what is appended and not committed. O(uncommitted). */
  get uncommittedBytes(): number {
    let bytes = 0;
    for (let index = this.lastIndex; index > this.#commitIndex; index--) bytes += entryBytes(this.#entries[index - this.firstIndex]!);
    return bytes;
  }

  /** A leader's own: behind the end. */
  append(entry: Entry): void {
    invariant(entry.index === this.lastIndex + 1, `entry ${entry.index} was appended at ${this.lastIndex + 1}`);
    invariant(entry.term >= this.lastTerm, `term ${entry.term} was appended behind term ${this.lastTerm}`);
    this.#entries.push(entry);
    this.#noteConfiguration(entry);
  }

  /**
   * A leader's entries behind the one at `prevIndex`. What contradicts them is cut off; what is here already stays, also behind them: a
   * message that comes late knows less than the log. Source: Raft, figure 2, AppendEntries 3 and 4.
   * @throws {InvariantError} when they contradict what is committed: somebody's promise is broken.
   */
  match(prevIndex: number, prevTerm: number, entries: readonly Entry[]): MatchResult {
    // Below the commit index all logs are the same, and what is compacted cannot be compared.
    const isKnown = prevIndex < this.#commitIndex || this.termAt(prevIndex) === prevTerm;
    if (!isKnown) return this.#hint(prevIndex, prevTerm);
    const matchIndex = prevIndex + entries.length;
    const fresh = entries.findIndex(({ index, term }) => index > this.#commitIndex && this.termAt(index) !== term);
    for (const { index, term } of entries) {
      if (index > this.#commitIndex || index < this.firstIndex) continue;
      invariant(this.termAt(index) === term, `entry ${index} is committed in term ${this.termAt(index)}, a leader has term ${term} there`);
    }
    if (fresh >= 0) {
      this.#cutFrom(entries[fresh]!.index);
      for (const entry of entries.slice(fresh)) this.append(entry);
    }
    return { kind: "accepted", matchIndex };
  }

  /** The highest entry up to `index` whose term is at most `term`: where a log that bears `term` at `index` may be the same as this one. */
  lastAtMost(index: number, term: number): { readonly index: number; readonly term: number } {
    let at = Math.min(index, this.lastIndex);
    while (at > this.#base.index && this.termAt(at)! > term) at--;
    return { index: at, term: this.termAt(at) ?? 0 };
  }

  /** @returns whether it has risen; it never falls. @param index at most `lastIndex`. */
  commitTo(index: number): boolean {
    if (index <= this.#commitIndex) return false;
    invariant(index <= this.lastIndex, `entry ${index} was committed, the log ends at ${this.lastIndex}`);
    this.#commitIndex = index;
    return true;
  }

  /**
   * A batch is on the disk. The last entry of it that is still the log's is there now, and all before it, unless a snapshot has come meanwhile:
   * that one will replace everything.
   */
  persisted(snapshot: Snapshot | undefined, entries: readonly Entry[]): void {
    if (snapshot === this.#unwritten) this.#unwritten = undefined;
    if (this.#unwritten !== undefined) return;
    const last = entries.findLast(({ index, term }) => this.termAt(index) === term);
    if (last !== undefined && last.index > this.#persistedIndex) this.#persistedIndex = last.index;
  }

  delivered(index: number): void {
    if (index <= this.#deliveredIndex) return;
    invariant(index <= this.#commitIndex, `entry ${index} was delivered, committed is ${this.#commitIndex}`);
    this.#deliveredIndex = index;
  }

  /** Everything is what this snapshot says. It is on the disk with the next `Ready`. */
  restore(snapshot: Snapshot): void {
    invariant(snapshot.index > this.#commitIndex, `a snapshot at ${snapshot.index} would undo entry ${this.#commitIndex}`);
    this.#snapshot = snapshot;
    this.#unwritten = snapshot;
    this.#base = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
    this.#configurations = [{ index: snapshot.index, configuration: snapshot.configuration }];
    this.#commitIndex = snapshot.index;
    this.#persistedIndex = snapshot.index;
    this.#deliveredIndex = snapshot.index;
  }

  /** Entries up to `snapshot.index` go, but for the last `kept` of them: followers that are a little behind need no snapshot. */
  compact(snapshot: Snapshot, kept: number): void {
    const { index, term } = snapshot;
    invariant(
      index > this.#snapshot.index && index <= this.#deliveredIndex,
      `a snapshot at ${index}, the last one is at ${this.#snapshot.index}, delivered is ${this.#deliveredIndex}`,
    );
    invariant(this.termAt(index) === term, `a snapshot of entry ${index} in term ${term}, its term is ${this.termAt(index)}`);
    const base = Math.max(this.#base.index, index - kept);
    const baseTerm = this.termAt(base)!;
    this.#entries.splice(0, base - this.#base.index);
    this.#base = { index: base, term: baseTerm };
    this.#snapshot = snapshot;
    const inForce = this.#configurations.findLastIndex((at) => at.index <= base);
    this.#configurations.splice(0, inForce);
  }

  #hint(prevIndex: number, prevTerm: number): MatchResult {
    const { index, term } = this.lastAtMost(prevIndex, prevTerm);
    return { kind: "rejected", hintIndex: index, hintTerm: term };
  }

  #cutFrom(index: number): void {
    invariant(index > this.#commitIndex, `entry ${index} is committed and would be cut off`);
    this.#entries.length = Math.min(this.#entries.length, Math.max(0, index - this.firstIndex));
    this.#persistedIndex = Math.min(this.#persistedIndex, index - 1);
    while (this.#configurations.at(-1)!.index >= index) this.#configurations.pop();
  }

  #noteConfiguration({ index, content }: Entry): void {
    if (content.kind === "configuration") this.#configurations.push({ index, configuration: content.configuration });
  }
}
