// Which leader epoch wrote from which offset on, and its checkpoint file, which is Kafka's. Rising epochs at rising offsets, nothing else.

import type { Offset } from "@varve/model";
import type { EpochEnd } from "../log.ts";

/** More epochs than this forget their oldest: a log that has changed its leader so often no longer needs them. */
export const epochsMax = 65_536;
/** A checkpoint file that is larger was not written by us. */
export const epochCheckpointBytesMax = 4_194_304;

const version = 0;

export interface EpochStart {
  readonly epoch: number;
  readonly startOffset: Offset;
}

export class EpochCache {
  #entries: EpochStart[] = [];
  #latest = -1;

  constructor(entries: readonly EpochStart[] = []) {
    this.replace(entries);
  }

  get entries(): readonly EpochStart[] {
    return this.#entries;
  }

  get latest(): EpochStart | undefined {
    return this.#entries.at(-1);
  }

  /** A batch of `epoch` stands at `offset`, behind all that was noted. @returns whether the epoch is new: above the last. */
  note(epoch: number, offset: number): boolean {
    if (epoch <= this.#latest) return false;
    // The epoch of an emptied log began where the new one does, and wrote nothing that is left.
    while (this.#entries.length > 0 && this.#entries.at(-1)!.startOffset >= offset) this.#entries.pop();
    this.#entries.push({ epoch, startOffset: offset as Offset });
    if (this.#entries.length > epochsMax) this.#entries.shift();
    this.#latest = epoch;
    return true;
  }

  /** The epoch that wrote at `offset`; undefined when that is not known. */
  at(offset: number): number | undefined {
    return this.#entries[this.#find((entry) => entry.startOffset <= offset)]?.epoch;
  }

  /** See `PartitionLog.endOfEpoch`. */
  endOf(epoch: number, logEnd: Offset): EpochEnd | undefined {
    const index = this.#find((entry) => entry.epoch <= epoch);
    const found = this.#entries[index];
    if (found === undefined) return undefined;
    return { epoch: found.epoch, endOffset: this.#entries[index + 1]?.startOffset ?? logEnd };
  }

  /** The log ends at `end` from now on. @returns whether anything changed. */
  cutEnd(end: number): boolean {
    const kept = this.#find((entry) => entry.startOffset < end) + 1;
    if (kept === this.#entries.length) return false;
    this.#entries.length = kept;
    this.#latest = this.#entries.at(-1)?.epoch ?? -1;
    return true;
  }

  /** The log begins at `start` from now on: the epoch that wrote there begins there. @returns whether anything changed. */
  raiseStart(start: Offset): boolean {
    const index = this.#find((entry) => entry.startOffset <= start);
    const found = this.#entries[index];
    if (found === undefined || (index === 0 && found.startOffset === start)) return false;
    this.#entries.splice(0, index + 1, { epoch: found.epoch, startOffset: start });
    return true;
  }

  clear(): boolean {
    return this.cutEnd(-1);
  }

  replace(entries: readonly EpochStart[]): void {
    this.clear();
    for (const { epoch, startOffset } of entries) this.note(epoch, startOffset);
  }

  /** The last entry for which `isAtOrBefore` holds, as it does for all before that; -1 when for none. */
  #find(isAtOrBefore: (entry: EpochStart) => boolean): number {
    let low = 0;
    let past = this.#entries.length;
    while (low < past) {
      const middle = (low + past) >> 1;
      if (isAtOrBefore(this.#entries[middle]!)) low = middle + 1;
      else past = middle;
    }
    return low - 1;
  }
}

/** Kafka's text: version, count, then `epoch startOffset` a line. */
export function encodeEpochs(entries: readonly EpochStart[]): Uint8Array {
  const lines = entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}\n`);
  return new TextEncoder().encode(`${version}\n${entries.length}\n${lines.join("")}`);
}

/** @returns undefined for anything but what `encodeEpochs` makes of rising entries. */
export function decodeEpochs(bytes: Uint8Array): readonly EpochStart[] | undefined {
  const lines = new TextDecoder().decode(bytes).split("\n");
  if (lines[0] !== String(version) || lines.at(-1) !== "" || lines[1] !== String(lines.length - 3)) return undefined;
  const entries: EpochStart[] = [];
  for (const line of lines.slice(2, -1)) {
    const match = /^([0-9]{1,10}) ([0-9]{1,16})$/.exec(line);
    if (match === null) return undefined;
    const entry = { epoch: Number(match[1]), startOffset: Number(match[2]) as Offset };
    const last = entries.at(-1);
    if (!Number.isSafeInteger(entry.startOffset)) return undefined;
    if (last !== undefined && (entry.epoch <= last.epoch || entry.startOffset <= last.startOffset)) return undefined;
    entries.push(entry);
  }
  return entries;
}
