// The contract of one partition's log and of the store that holds all logs of a broker: what `partition` and `broker` rely on.
// Two ends: `logEnd` (appended, in the page cache) and `durableEnd` (a power cut of this machine loses nothing below it).

import type { CorruptionError, Failure, NodeId, Offset, PartitionId, TopicConfig } from "@varve/model";
import type { JournalTuning } from "./journal/tuning.ts";

/** What came of a leader's append. */
export type AppendResult =
  | { readonly kind: "appended"; readonly baseOffset: Offset; readonly lastOffset: Offset; readonly appendTimeMs: number }
  /** The producer sent this batch before: it stands at these offsets already, and may not be durable yet. */
  | { readonly kind: "duplicate"; readonly baseOffset: Offset; readonly lastOffset: Offset; readonly appendTimeMs: number }
  /** Nothing was written. */
  | { readonly kind: "refused"; readonly failure: Failure };

export type ReadResult =
  /** Whole batches back to back, the first of which holds `from` or what follows it; empty at the end. Shared memory: not to be changed. */
  | { readonly kind: "batches"; readonly chunks: readonly Uint8Array[]; readonly byteLength: number; readonly nextOffset: Offset }
  /** What stands at `from`, which is where it was to be read, is not what was written. Up to `resumeAt` all is offline; the rest is readable. */
  | { readonly kind: "damaged"; readonly error: CorruptionError; readonly from: Offset; readonly resumeAt: Offset }
  | { readonly kind: "out-of-range"; readonly logStart: Offset; readonly logEnd: Offset };

export interface EpochEnd {
  readonly epoch: number;
  /** The offset after the last batch of that epoch. */
  readonly endOffset: Offset;
}

/** One partition's log. Calls that return a promise and change the log run one after the other; an append never overtakes them. */
export interface PartitionLog {
  readonly id: PartitionId;
  readonly logStart: Offset;
  readonly logEnd: Offset;
  /** For a topic of `durability=replicated`: what is known to be synced, which trails behind without bound. */
  readonly durableEnd: Offset;
  /** Bytes of all segments. */
  readonly byteLength: number;
  /** The newest epoch that appended here, and where it began; undefined in an empty log. */
  readonly latestEpoch: { readonly epoch: number; readonly startOffset: Offset } | undefined;

  /**
   * Whether a batch of that many bytes can be appended now, synchronously. When it answers a promise (a segment must be rolled, a
   * truncation is under way, the journal is full), wait for it and ask again.
   */
  room(batchBytes: number): true | Promise<void>;

  /**
   * Appends one batch of a client as the leader of `leaderEpoch`: checks the producer's sequence, stamps base offset, leader epoch
   * and, for LogAppendTime, the time into `batch` itself, which from then on belongs to the log and never changes again. `batch` has
   * passed `checkProducedBatch`; `room` has just answered true.
   * @param leaderEpoch not below any that the log holds.
   */
  appendAsLeader(batch: Uint8Array, leaderEpoch: number, nowMs: number): AppendResult;

  /** Appends batches as a leader has stamped them. They continue at `logEnd`, epochs do not fall. Ownership as above. @throws {ClusterError} CORRUPT_MESSAGE. */
  appendAsFollower(batches: Uint8Array): void;

  /**
   * @param from in [logStart, logEnd].
   * @param bytesMax the batches end at or below it, but the first is always whole.
   * @param below no batch that reaches past this offset (the high watermark, or `logEnd` for a follower).
   * A promise only when the disk must be read; then header and CRC of every batch were checked.
   */
  read(from: Offset, bytesMax: number, below: Offset): ReadResult | Promise<ReadResult>;

  /** Whether there are records at `from` that only the disk can bring: `read` would return a promise. */
  isOnDiskOnly(from: Offset): boolean;

  /**
   * The first batch whose maximal time is ≥ `timestampMs` and that ends at or below `below`, whole; undefined when there is none. A
   * damaged range in which it may stand is the answer, too.
   * @param from where the search begins; the log's start when it is not given. The first batch may begin below it.
   */
  findByTime(timestampMs: number, below: Offset, from?: Offset): Promise<ReadResult | undefined>;

  /** Where `epoch`, or the largest one below it, ends here; undefined when the log knows none of these. Source: KIP-279. */
  endOfEpoch(epoch: number): EpochEnd | undefined;

  /** Cuts off everything at and above `end`. Durable when it resolves; nothing that was cut comes back. A no-op at or above `logEnd`. */
  truncateTo(end: Offset, leaderEpoch: number): Promise<void>;
  /** Empties the log and begins again at `start`. Durable when it resolves. */
  resetTo(start: Offset): Promise<void>;
  /** Deletes all records below `start` (at most `logEnd`). Durable when it resolves; a no-op at or below `logStart`. */
  raiseLogStart(start: Offset): Promise<void>;

  /** Retention may delete whole segments below it, nothing else. Never falls. */
  noteHighWatermark(highWatermark: Offset): void;

  /** Told, in the log's own turn, whenever `durableEnd` has risen; after all partitions of the round have moved. One listener; undefined removes it. */
  onDurable(listener: (() => void) | undefined): void;

  /** Takes a changed configuration; resolves when a change of `durability` is in force. */
  configure(config: TopicConfig): Promise<void>;

  /** Why this log takes no appends or reads, when it is offline. */
  readonly offline: Failure | undefined;
}

export interface LogStoreIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Of this data directory; drawn when it is first opened. */
  readonly directoryId: string;
}

/** All logs of one broker, over one data directory and one journal. */
export interface LogStore {
  readonly identity: LogStoreIdentity;
  /** Whether the previous life ended by `close`. */
  readonly startedClean: boolean;
  logs(): Iterable<PartitionLog>;
  get(id: PartitionId): PartitionLog | undefined;
  /** Makes the partition's folder and its empty log; durable when it resolves. @throws {ClusterError} when it exists. */
  create(id: PartitionId, topicName: string, config: TopicConfig): Promise<PartitionLog>;
  /** Removes the log for good; nothing of it comes back. Its appends, reads and waiters end with UNKNOWN_TOPIC_ID. */
  drop(id: PartitionId): Promise<void>;
  /** Why no log takes appends now (disk nearly full); undefined when they do. Lifts by itself. */
  readonly writeRefusal: Failure | undefined;
  /** Clean shutdown: syncs everything, leaves the marker, frees the directory. */
  close(): Promise<void>;
}

export interface LogStoreOptions {
  /** Undefined: the cluster of the data directory, or a new one for a directory that nobody has used yet. */
  readonly clusterId: string | undefined;
  readonly nodeId: NodeId;
  /** The configuration of a partition that is found on the disk, by its topic id; the defaults until the metadata says otherwise. */
  readonly configOf: (id: PartitionId) => TopicConfig;
  /** Files of the journal's ring and the size of each. */
  readonly journalFiles: number;
  readonly journalFileBytes: number;
  /** Appends wait while so many bytes wait for their round. */
  readonly journalWaitingBytesMax: number;
  /** Memory for the newest batches of all partitions together. */
  readonly tailBytesMax: number;
  /** Open segment files of partitions that are not being written. */
  readonly openFilesMax: number;
  /** Appends are refused when less than this is free on the disk, and taken again above one and a half times it. */
  readonly diskFreeBytesMin: number;
  readonly retentionCheckMs: number;
  /** Producers that have not written for so long are forgotten. */
  readonly producerExpiryMs: number;
  /** Bytes per second that the background scrub reads; 0 is off. */
  readonly scrubBytesPerSecond: number;
  /** Only for those who want everything to happen early and often; see journal/tuning.ts. */
  readonly tuning?: Partial<JournalTuning>;
  /** The disk failed a sync or a write: nothing more is answered from it. Called once; the process ends. */
  readonly onDiskFailure: (error: Error) => void;
}
