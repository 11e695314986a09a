// What one log is given by the store that holds it: its parts, and whom it tells of what only the store can answer.

import type { Compression, Failure, Offset, PartitionId, TopicConfig } from "@varve/model";
import type { Clock, DiskError } from "@varve/runtime";
import type { Mark } from "./journal/frame.ts";
import type { Journal } from "./journal/journal.ts";
import type { SegmentedLog } from "./segments/segmented-log.ts";

export interface JournaledLogOptions {
  readonly id: PartitionId;
  readonly segments: SegmentedLog;
  readonly config: TopicConfig;
  readonly journal: Journal;
  /** The log's end, which is on the disk. */
  readonly mark: Mark;
  readonly start: { readonly offset: Offset; readonly lsn: number };
  readonly clock: Clock;
  readonly compression: Compression;
  /** Why no log takes appends now. */
  readonly refusal: () => Failure | undefined;
  /** So many bytes were appended. */
  readonly onAppended: (bytes: number) => void;
  /** The disk has refused an append or a change: `makeRoom` when it may take it. */
  readonly onRefused: (error: DiskError) => void;
  /** The disk failed a write or a sync. */
  readonly onFailure: (error: unknown) => void;
}
