// A listener that keeps what a metadata log delivers, for tests to look at.

import type { Leadership, LogEntry, LogSnapshot, MetadataLogListener } from "../src/metadata-log.ts";

export class Listening implements MetadataLogListener {
  installed: LogSnapshot | undefined;
  entries: LogEntry[] = [];
  leaderships: Leadership[] = [];

  async snapshot(snapshot: LogSnapshot): Promise<void> {
    this.installed = snapshot;
    this.entries = [];
  }

  committed(entries: readonly LogEntry[]): void {
    this.entries.push(...entries);
  }

  leadership(leadership: Leadership): void {
    this.leaderships.push(leadership);
  }

  get term(): number {
    const last = this.leaderships.at(-1);
    if (last?.kind !== "leader") throw new Error("this log does not lead");
    return last.term;
  }

  /** Everything that was delivered, as text: the snapshot's parts, then each entry. */
  get texts(): readonly string[] {
    const decoder = new TextDecoder();
    return [...(this.installed?.parts ?? []), ...this.entries.map(({ payload }) => payload)].map((bytes) => decoder.decode(bytes));
  }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
