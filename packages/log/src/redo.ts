// The second reading of the journal: the batches of its append frames go into the segments again, as far as no later frame cut them.
// Frames of one partition that follow each other are written together. Which frames count is journal/fold.ts.

import { batchSize, lastOffsetOf } from "@varve/record";
import type { Redo } from "./journal/fold.ts";
import type { Frame } from "./journal/frame.ts";
import type { SegmentedLog } from "./segments/segmented-log.ts";

/** Batches that are gathered before they are written. */
const gatheredBytesMax = 262_144;

export class RedoWriter {
  readonly #logs: ReadonlyMap<string, { readonly segments: SegmentedLog }>;
  readonly #redo: Redo;
  readonly #gathered: Uint8Array = new Uint8Array(gatheredBytesMax);
  #length = 0;
  /** Whose batches are gathered, and the segment that they stood in. */
  #segments: SegmentedLog | undefined;
  #segmentBase = -1;

  constructor(logs: ReadonlyMap<string, { readonly segments: SegmentedLog }>, redo: Redo) {
    this.#logs = logs;
    this.#redo = redo;
  }

  /** Takes the next frame; its bytes are the caller's again when it returns, or when the promise resolves. */
  add(frame: Frame): void | Promise<void> {
    if (frame.kind !== "append") return;
    const segments = this.#logs.get(frame.key)?.segments;
    const limit = this.#redo.limit(frame.key, frame.lsn);
    if (segments === undefined || limit === undefined) return;
    const length = lengthBelow(frame.batches, limit);
    if (length === 0) return;
    const batches = frame.batches.subarray(0, length);
    if (segments === this.#segments && frame.segmentBase === this.#segmentBase) return this.#gather(batches);
    this.flush();
    this.#segments = segments;
    this.#segmentBase = frame.segmentBase;
    // Segments end where they did, as far as that can be: one that a truncation reached into may have gone on longer.
    if (frame.segmentBase <= segments.activeBase || frame.segmentBase !== segments.logEnd) return this.#gather(batches);
    return segments.roll().then(() => this.#gather(batches));
  }

  /** Writes what is gathered. */
  flush(): void {
    if (this.#length === 0) return;
    // The bytes become the log's.
    this.#segments!.appendStamped(this.#gathered.slice(0, this.#length));
    this.#length = 0;
  }

  #gather(batches: Uint8Array): void {
    if (this.#length + batches.length > gatheredBytesMax) this.flush();
    if (batches.length > gatheredBytesMax) return this.#segments!.appendStamped(batches.slice());
    this.#gathered.set(batches, this.#length);
    this.#length += batches.length;
  }
}

/** Bytes of the batches that end at or below an offset. */
function lengthBelow(batches: Uint8Array, limit: number): number {
  if (limit === Number.POSITIVE_INFINITY) return batches.length;
  let at = 0;
  while (at < batches.length && lastOffsetOf(batches, at) < limit) at += batchSize(batches, at);
  return at;
}
