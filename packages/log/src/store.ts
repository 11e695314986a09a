// All logs of one data directory: making and removing them, closing them all, and what happens when their disk fails or fills up. It ties
// the parts together and decides little itself; how a directory is opened is open-store.ts.

import { ClusterError, type Compression, type Failure, offsetZero, type PartitionId, partitionKey, type TopicConfig } from "@varve/model";
import { type Clock, type Disk, DiskError, type DiskLock, type Entropy, type Logger, type Metrics, sleep } from "@varve/runtime";
import { type LogStartPoint, writeLogStarts, writeRecoveryPoints } from "./checkpoint.ts";
import { writeCleanMarker } from "./clean-marker.ts";
import { allUnlessFailed, mayPass } from "./disk-verdict.ts";
import type { Generation } from "./journal/frame.ts";
import { Journal } from "./journal/journal.ts";
import { defaultTuning } from "./journal/tuning.ts";
import { JournaledLog } from "./journaled-log.ts";
import type { LogStore, LogStoreIdentity, LogStoreOptions, PartitionLog } from "./log.ts";
import { Maintenance } from "./maintenance.ts";
import { disclaimPartitionFolder, holdsRecords, removePartitionFolder } from "./partition-folder.ts";
import { partitionMetadataFile, writePartitionMetadata } from "./partition-metadata.ts";
import type { Recovery } from "./recovery.ts";
import type { SegmentContext } from "./segments/context.ts";
import { createSegmentedLog, type SegmentedLog } from "./segments/segmented-log.ts";
import { SpaceWatch } from "./space.ts";

/** What a store needs of the outside world. */
export interface LogPorts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly disk: Disk;
  readonly compression: Compression;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What opening a directory has found and made. */
export interface OpenedDirectory {
  readonly ports: LogPorts;
  readonly options: LogStoreOptions;
  readonly context: SegmentContext;
  readonly lock: DiskLock;
  readonly identity: LogStoreIdentity;
  readonly startedClean: boolean;
  /** Of this life. */
  readonly generation: Generation;
  /** All of it is on the disk. */
  readonly recovery: Recovery;
  /** What the log start checkpoint holds, by partition key. */
  readonly starts: ReadonlyMap<string, LogStartPoint>;
}

/** Logs that are closed at the same time. */
const closesAtOnceMax = 8;
/** Between two tries of a removal that the disk has refused. */
const dropRetryMs = 1_000;

export class JournaledLogStore implements LogStore {
  readonly identity: LogStoreIdentity;
  readonly startedClean: boolean;
  readonly #opened: OpenedDirectory;
  readonly #logs = new Map<string, JournaledLog>();
  /** Logs that are being made or removed. */
  readonly #changing = new Map<string, Promise<unknown>>();
  readonly #journal: Journal;
  readonly #space: SpaceWatch;
  readonly #maintenance: Maintenance;
  /** Keys of folders whose making was refused, as was their removal: they go with the next making, or when the store closes. */
  readonly #unmade = new Set<string>();
  /** While the store closes: what the disk says keeps it from bringing its work to an end. */
  #giveUp: ((error: DiskError) => void) | undefined;
  #checkpoint: Promise<void> = Promise.resolve();
  /** What the log start checkpoint holds. */
  #savedStarts: ReadonlyMap<string, LogStartPoint>;
  #state: "open" | "closing" | "closed" | "failed" = "open";
  /** With which the disk has failed. */
  #failure: DiskError | undefined;

  private constructor(opened: OpenedDirectory, journal: Journal) {
    const { ports, options } = opened;
    const onFailure = (error: unknown) => this.#fail(error);
    this.identity = opened.identity;
    this.startedClean = opened.startedClean;
    this.#opened = opened;
    this.#journal = journal;
    this.#savedStarts = opened.starts;
    this.#space = new SpaceWatch({ ...ports, freeBytesMin: options.diskFreeBytesMin, onRoom: () => this.#makeRoom(), onFailure });
    this.#maintenance = new Maintenance({ ...ports, ...options, logs: () => this.#logs.values(), onFailure });
  }

  /** Begins a life over what was opened: its checkpoint is durable when it resolves, and makes all frames of earlier lives void. */
  static async start(opened: OpenedDirectory): Promise<JournaledLogStore> {
    const { ports, options, recovery, generation } = opened;
    const { nextLsn } = recovery;
    const holder: { store?: JournaledLogStore } = {};
    const journal = await Journal.open(ports, {
      files: options.journalFiles,
      fileBytes: options.journalFileBytes,
      waitingBytesMax: options.journalWaitingBytesMax,
      diskFreeBytesMin: options.diskFreeBytesMin,
      tuning: { ...defaultTuning, ...options.tuning },
      generation,
      nextLsn,
      saveCheckpoint: (floorLsn) => holder.store!.#saveCheckpoint(floorLsn),
      onRefused: (error) => holder.store!.#journalRefused(error),
      onFailure: (error) => holder.store!.#fail(error),
    });
    const store = new JournaledLogStore(opened, journal);
    holder.store = store;
    for (const { id, segments } of recovery.logs) store.#add(id, segments, options.configOf(id), nextLsn - 1);
    await store.#saveCheckpoint(() => nextLsn);
    return store;
  }

  /** The directory is this life's: appends may come. */
  async begin(): Promise<void> {
    await this.#space.check();
    this.#journal.grow();
    this.#maintenance.start();
  }

  *logs(): Iterable<PartitionLog> {
    for (const [key, log] of this.#logs) if (!this.#changing.has(key)) yield log;
  }

  get(id: PartitionId): PartitionLog | undefined {
    const key = partitionKey(id);
    return this.#changing.has(key) ? undefined : this.#logs.get(key);
  }

  create(id: PartitionId, topicName: string, config: TopicConfig): Promise<PartitionLog> {
    const key = partitionKey(id);
    if (this.#logs.has(key)) throw new ClusterError("TOPIC_ALREADY_EXISTS", `partition ${key} has a log on this broker`);
    return this.#change(key, () => this.#make(id, key, topicName, config));
  }

  drop(id: PartitionId): Promise<void> {
    const key = partitionKey(id);
    return this.#change(key, async () => {
      const log = this.#logs.get(key);
      if (log === undefined) throw new ClusterError("UNKNOWN_TOPIC_ID", `partition ${key} has no log on this broker`);
      while (!(await this.#isRemoved(log, key))) await sleep(this.#opened.ports.clock, dropRetryMs);
      // From here on no checkpoint names it; until here the drop's frame had to stay.
      this.#logs.delete(key);
      this.#journal.gone(log.partition);
    });
  }

  /**
   * Until its files are gone the frame of a drop holds the journal, and who asked for it may come back behind others that wait for the
   * journal: so what the disk refuses from that frame on is tried again here.
   */
  async #isRemoved(log: JournaledLog, key: string): Promise<boolean> {
    const { disk } = this.#opened.ports;
    try {
      await log.drop(() => disclaimPartitionFolder(disk, key));
      await disk.syncFolder("");
      return true;
    } catch (error) {
      const refusal = error instanceof ClusterError ? error.cause : error;
      if (log.partition.drop === undefined || !mayPass(refusal)) throw error;
      if (this.#state === "open") return false;
      // Only the next start can finish it.
      this.#giveUp?.(refusal);
      throw error;
    }
  }

  get writeRefusal(): Failure | undefined {
    return this.#space.refusal;
  }

  async close(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "closing";
    try {
      await this.#shutDown();
    } catch (error) {
      const refusal = error instanceof ClusterError ? error.cause : error;
      if (!(refusal instanceof DiskError)) throw error;
      if (mayPass(refusal)) await this.#breakOff(refusal);
      else this.#fail(refusal);
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#state = "closed";
    await this.#opened.lock.release();
  }

  async #shutDown(): Promise<void> {
    const { ports, generation } = this.#opened;
    // Whoever waits for what the disk refuses would hold the shutdown for as long as that lasts: one more try, and no other.
    const stuck = new Promise<never>((_, reject) => {
      this.#giveUp = reject;
    });
    if (this.#journal.isStuck) this.#journal.retryFreeing();
    await Promise.race([stuck, this.#quiesce()]);
    this.#space.close();
    for (const key of this.#unmade) await removePartitionFolder(ports.disk, key);
    if (this.#unmade.size > 0) await ports.disk.syncFolder("");
    const logs = [...this.#logs.values()];
    for (let at = 0; at < logs.length; at += closesAtOnceMax)
      await allUnlessFailed(logs.slice(at, at + closesAtOnceMax).map((log) => log.close()));
    await this.#journal.close();
    const lastLsn = this.#journal.nextLsn - 1;
    for (const { partition } of logs) partition.markedUpTo({ position: partition.segments.position, covers: lastLsn });
    await this.#saveCheckpoint(() => lastLsn + 1);
    await writeCleanMarker(ports.disk, { generation: generation.number, lastLsn }, ports.compression);
  }

  /**
   * Resolves when nothing changes a log or waits for the journal. Everything at once: one log may wait for a journal that is full of what
   * another is refused, and only that refusal, the first, tells of it.
   */
  async #quiesce(): Promise<void> {
    const keys = new Set([...this.#logs.keys(), ...this.#changing.keys()]);
    await Promise.all([this.#maintenance.close(), ...[...keys].map((key) => this.#quiesceLog(key))]);
    await this.#journal.quiesce();
  }

  async #quiesceLog(key: string): Promise<void> {
    await Promise.allSettled([this.#changing.get(key)]);
    const log = this.#logs.get(key);
    if (log !== undefined && log.offline === undefined) await log.quiesce();
  }

  /** Ends a stop that the disk refuses; resolves when nothing works on the directory: whoever takes it next must not find this life in it. */
  async #breakOff(refusal: DiskError): Promise<void> {
    // Everything that was answered is durable; only the next start has to find that out by itself.
    this.#opened.ports.logger.warn("closed without the marker of a clean stop; the next start recovers", { error: refusal });
    const failure: Failure = { code: "BROKER_NOT_AVAILABLE", message: "the broker is shutting down" };
    const abandoned = this.#abandon(failure);
    await Promise.allSettled([abandoned, this.#maintenance.close(), ...this.#changing.values()]);
    const logs = [...this.#logs.values()];
    // Also those whose making has only now come to its end.
    for (const log of logs) log.takeOffline(failure);
    await Promise.allSettled([this.#checkpoint, ...logs.map((log) => log.quiesce())]);
  }

  async #make(id: PartitionId, key: string, topicName: string, config: TopicConfig): Promise<PartitionLog> {
    const { ports, context } = this.#opened;
    const { disk } = ports;
    if (this.#space.refusal !== undefined) throw new ClusterError(this.#space.refusal.code, this.#space.refusal.message);
    const folders = await disk.list("");
    if (folders.includes(key)) {
      if (await holdsRecords(disk, key)) {
        throw new ClusterError(
          "KAFKA_STORAGE_ERROR",
          `${key} holds records and no ${partitionMetadataFile}: the folder is nobody's; move it away, or put the file back and restart`,
        );
      }
      await removePartitionFolder(disk, key);
    }
    this.#unmade.delete(key);
    const incarnation = await this.#journal.create(id);
    await disk.makeFolder(key);
    let segments: SegmentedLog | undefined;
    try {
      segments = await createSegmentedLog(context, key, config, offsetZero);
      await segments.sync();
      await writePartitionMetadata(disk, key, id, topicName, incarnation);
      await disk.syncFolder("");
    } catch (error) {
      if (mayPass(error)) await this.#unmake(key, segments);
      throw error;
    }
    return this.#add(id, segments, config, incarnation);
  }

  /** The topic may be deleted before the next try, and nobody would come back for the folder. */
  async #unmake(key: string, segments: SegmentedLog | undefined): Promise<void> {
    const { disk } = this.#opened.ports;
    this.#unmade.add(key);
    try {
      // What makes it complete goes, whatever becomes of the rest: the next start removes what is not.
      await allUnlessFailed([disclaimPartitionFolder(disk, key), segments?.drop() ?? removePartitionFolder(disk, key)]);
      this.#unmade.delete(key);
    } catch (error) {
      if (!mayPass(error)) throw error;
    }
  }

  #add(id: PartitionId, segments: SegmentedLog, config: TopicConfig, covers: number): JournaledLog {
    const { ports } = this.#opened;
    const log = new JournaledLog({
      id,
      segments,
      config,
      journal: this.#journal,
      mark: { position: segments.position, covers },
      start: { offset: segments.logStart, lsn: covers },
      clock: ports.clock,
      compression: ports.compression,
      refusal: () => this.#space.refusal,
      onAppended: (bytes) => this.#space.appended(bytes),
      onRefused: (error) => this.#space.refused(error),
      onFailure: (error) => this.#fail(error),
    });
    this.#logs.set(partitionKey(id), log);
    return log;
  }

  /** Runs the making or removal of a log; those of one key never overlap. */
  async #change<Value>(key: string, change: () => Promise<Value>): Promise<Value> {
    if (this.#state !== "open") throw new ClusterError("BROKER_NOT_AVAILABLE", "the broker is shutting down");
    if (this.#changing.has(key)) throw new ClusterError("KAFKA_STORAGE_ERROR", `partition ${key} is being created or deleted`);
    const running = change();
    this.#changing.set(key, running);
    try {
      return await running;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      if (!mayPass(error)) this.#fail(error);
      throw new ClusterError("KAFKA_STORAGE_ERROR", `partition ${key}: ${error.message}`, { cause: error });
    } finally {
      this.#changing.delete(key);
    }
  }

  /** One checkpoint after the other. */
  #saveCheckpoint(floorLsn: () => number): Promise<void> {
    // One that met a full disk stands in nobody's way.
    this.#checkpoint = this.#checkpoint.catch(() => {}).then(() => this.#writeCheckpoint(floorLsn));
    return this.#checkpoint;
  }

  async #writeCheckpoint(floorLsnOf: () => number): Promise<void> {
    const { ports, generation } = this.#opened;
    const { disk, compression } = ports;
    // All of it in one turn: what is void by these marks and starts.
    const floorLsn = floorLsnOf();
    const partitions = [...this.#logs].map(([key, { partition }]) => ({ key, partition, mark: partition.synced }));
    const starts = new Map(
      [...this.#logs].flatMap(([key, { id, partition }]) => (partition.start.offset > 0 ? [[key, { id, ...partition.start }]] : [])),
    );
    // Log starts first: it is the other file that makes frames void.
    if (starts.size !== this.#savedStarts.size || [...starts].some(([key, { lsn }]) => this.#savedStarts.get(key)?.lsn !== lsn)) {
      await writeLogStarts(disk, starts.values(), compression);
      this.#savedStarts = starts;
    }
    const marks = new Map(partitions.map(({ key, partition, mark }) => [key, { id: partition.id, ...mark }]));
    await writeRecoveryPoints(disk, { generation, floorLsn, marks }, compression);
    for (const { partition, mark } of partitions) partition.markedUpTo(mark);
  }

  #makeRoom(): void {
    this.#journal.retryFreeing();
    for (const log of this.#logs.values()) log.makeRoom().catch((error: unknown) => this.#fail(error));
  }

  #journalRefused(error: DiskError): void {
    this.#space.refused(error);
    if (this.#journal.isStuck) this.#giveUp?.(error);
  }

  /** Ends all work without bringing it to its end: whoever waits is refused. Resolves when the journal's own work has ended. */
  #abandon(failure: Failure): Promise<void> {
    const ended = this.#journal.fail();
    this.#space.close();
    for (const log of this.#logs.values()) log.takeOffline(failure);
    return ended;
  }

  /** The disk failed: nothing is answered from it any more, and the process ends. Any other error is nobody's to handle. */
  #fail(error: unknown): void {
    if (!(error instanceof DiskError)) throw error;
    if (this.#failure !== undefined) return;
    this.#state = "failed";
    this.#failure = error;
    const failure: Failure = { code: "KAFKA_STORAGE_ERROR", message: `the disk failed: ${error.message}` };
    void this.#abandon(failure);
    this.#giveUp?.(error);
    this.#opened.ports.logger.error("the disk failed; nothing more is answered from it", { error });
    this.#opened.options.onDiskFailure(error);
  }
}
