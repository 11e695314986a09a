// Places in a log and what an opener may believe about them. No behaviour.

import type { Offset } from "@varve/model";

/** A place in a log: the offset, the segment that holds it, and the byte in that segment's file. */
export interface LogPosition {
  readonly offset: Offset;
  readonly segmentBase: Offset;
  readonly bytes: number;
}

/** What `SegmentedLog.open` takes as whole without looking at it. */
export type Trusted =
  /** The previous life ended by `close` and a sync: all that is there. */
  | { readonly kind: "all" }
  /** Everything below a position that was synced: the last mark. */
  | { readonly kind: "position"; readonly position: LogPosition }
  /**
   * Everything below an offset whose byte is not known: the log start of a log that was never marked, or where a truncation below the
   * mark ended the log. It is the base of a batch there (`cutEnd` says which), or the log start.
   */
  | { readonly kind: "offset"; readonly offset: Offset };

/** What came of `SegmentedLog.adoptTail`. */
export interface AdoptedTail {
  /** The log's end from now on. */
  readonly end: Offset;
  readonly keptBytes: number;
  readonly cutBytes: number;
  /** Why the rest was cut; undefined when nothing was. */
  readonly cutBecause: string | undefined;
}
