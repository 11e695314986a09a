// What a committer is told when it is made, what it tells, and the frames that are put by name. What it does with them: committer.ts.

import type { Compression, Offset } from "@varve/model";
import type { Clock, DiskError } from "@varve/runtime";
import type { Generation } from "./frame.ts";
import type { JournalMetrics } from "./journal-metrics.ts";
import type { Ring } from "./ring.ts";
import type { JournalTuning } from "./tuning.ts";

export interface CommitterOptions {
  readonly clock: Clock;
  readonly compression: Compression;
  readonly metrics: JournalMetrics;
  readonly ring: Ring;
  readonly generation: Generation;
  readonly nextLsn: number;
  readonly waitingBytesMax: number;
  readonly tuning: JournalTuning;
  /** A round is done, and its partitions were told. */
  readonly onRound: () => void;
  /** No file of the ring can take the round that waits; `resume` once one can. */
  readonly onStarved: () => void;
  /** A direct round was refused, and is tried again. */
  readonly onRefused: (error: DiskError) => void;
  /** The disk failed. */
  readonly onFailure: (error: unknown) => void;
}

/** What a frame that is no append says. */
export type Control =
  | { readonly kind: "truncate"; readonly end: Offset; readonly leaderEpoch: number }
  | { readonly kind: "reset" | "start"; readonly start: Offset }
  | { readonly kind: "drop" };
