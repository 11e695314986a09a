// A cluster of memory behind the api: topics, logs of batches, and the rules by which a leader takes an idempotent producer's batches.
// A test decides what goes wrong: `onProduce` and `onFetch` may answer in the cluster's place, before or after it has done its work.

import type {
  ClusterApi,
  FetchEntry,
  FetchRequest,
  FetchResult,
  NewTopic,
  Outcome,
  ProduceEntry,
  ProduceRequest,
  ProduceResult,
  TopicDescription,
  TopicReference,
  TopicSummary,
} from "@varve/api";
import { ClusterError, type Compression, type Failure, type Offset, type TopicId, uuidToText } from "@varve/model";
import {
  attributesOf,
  baseSequenceOf,
  checkProducedBatch,
  isLogAppendTime,
  lastOffsetDeltaOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
  readRecords,
  recordCountOf,
  sequencePlus,
  stampBatch,
} from "@varve/record";
import type { Clock } from "@varve/runtime";

export interface StoredBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  bytes: Uint8Array;
}

interface Remembered {
  readonly sequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
}

interface ProducerState {
  epoch: number;
  batches: Remembered[];
}

export class FakePartition {
  leaderEpoch = 1;
  batches: StoredBatch[] = [];
  logStart = 0;
  end = 0;
  producers = new Map<number, ProducerState>();
  /** Called when something was appended, or the topic is gone. */
  readonly wakers = new Set<() => void>();

  wake(): void {
    for (const waker of [...this.wakers]) waker();
  }

  /** As a leader does it: refuses gaps and old epochs, knows the last five batches again. */
  append(batch: Uint8Array): ProduceResult {
    const producerId = producerIdOf(batch, 0);
    const count = recordCountOf(batch, 0);
    if (producerId >= 0) {
      const known = this.#check(producerId, producerEpochOf(batch, 0), baseSequenceOf(batch, 0), count);
      if (known !== undefined) return known;
    }
    const baseOffset = this.end;
    const bytes = batch.slice();
    stampBatch(bytes, 0, baseOffset, this.leaderEpoch);
    this.batches.push({ baseOffset, lastOffset: baseOffset + lastOffsetDeltaOf(bytes, 0), bytes });
    this.end += count;
    if (producerId >= 0) this.#remember(producerId, producerEpochOf(batch, 0), baseSequenceOf(batch, 0), count, baseOffset);
    this.wake();
    return this.#stored(baseOffset);
  }

  #stored(baseOffset: number): ProduceResult {
    return { kind: "stored", baseOffset: baseOffset as Offset, appendTimeMs: undefined, logStart: this.logStart as Offset };
  }

  #check(producerId: number, epoch: number, sequence: number, count: number): ProduceResult | undefined {
    const state = this.producers.get(producerId);
    if (state === undefined) return undefined;
    if (epoch < state.epoch) return failed("INVALID_PRODUCER_EPOCH", `epoch ${epoch}, ${state.epoch} is known`);
    if (epoch > state.epoch)
      return sequence === 0 ? undefined : failed("OUT_OF_ORDER_SEQUENCE_NUMBER", `a new epoch begins at ${sequence}`);
    const lastSequence = sequencePlus(sequence, count - 1);
    const same = state.batches.find((known) => known.sequence === sequence && known.lastSequence === lastSequence);
    if (same !== undefined) return this.#stored(same.baseOffset);
    const expected = sequencePlus(state.batches.at(-1)!.lastSequence, 1);
    return sequence === expected ? undefined : failed("OUT_OF_ORDER_SEQUENCE_NUMBER", `sequence ${sequence}, ${expected} was expected`);
  }

  #remember(producerId: number, epoch: number, sequence: number, count: number, baseOffset: number): void {
    const before = this.producers.get(producerId);
    const batches = before?.epoch === epoch ? before.batches : [];
    const batch = { sequence, lastSequence: sequencePlus(sequence, count - 1), baseOffset };
    this.producers.set(producerId, { epoch, batches: [...batches, batch].slice(-5) });
  }
}

export interface FakeTopic {
  readonly name: string;
  readonly topicId: TopicId;
  readonly partitions: FakePartition[];
}

export function failed(code: Failure["code"], message: string = code): ProduceResult & FetchResult & { kind: "failed" } {
  return { kind: "failed", failure: { code, message } };
}

export type ProduceHook = (entry: ProduceEntry, store: () => ProduceResult) => ProduceResult | Promise<ProduceResult>;
export type FetchHook = (entry: FetchEntry, read: () => FetchResult) => FetchResult;

const bounds = {
  batchBytesMax: 1_048_588,
  segmentBytesMax: 1_073_741_824,
  timestampType: "CreateTime",
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
} as const;

export class FakeCluster {
  readonly topics = new Map<string, FakeTopic>();
  readonly produceRequests: ProduceRequest[] = [];
  readonly fetchRequests: FetchRequest[] = [];
  /** How long a write takes. */
  produceDelayMs = 0;
  onProduce: ProduceHook = (_entry, store) => store();
  onFetch: FetchHook = (_entry, read) => read();
  batchBytesMax: number = bounds.batchBytesMax;
  producerIds = 0;
  lookUps = 0;
  readonly #clock: Clock;
  readonly #compression: Compression;
  readonly #address: () => string;
  #topicIds = 0;

  constructor(clock: Clock, compression: Compression, address: () => string) {
    this.#clock = clock;
    this.#compression = compression;
    this.#address = address;
  }

  create(name: string, partitionCount = 1): FakeTopic {
    this.#topicIds += 1;
    const bytes = new Uint8Array(16);
    bytes[15] = this.#topicIds;
    const partitions = Array.from({ length: partitionCount }, () => new FakePartition());
    const topic = { name, topicId: uuidToText(bytes) as TopicId, partitions };
    this.topics.set(name, topic);
    return topic;
  }

  delete(name: string): void {
    const topic = this.topics.get(name);
    this.topics.delete(name);
    for (const partition of topic?.partitions ?? []) partition.wake();
  }

  partition(name: string, partition = 0): FakePartition {
    return this.topics.get(name)!.partitions[partition]!;
  }

  /** Values of a partition as text, in the order of the log. */
  values(name: string, partition = 0): readonly string[] {
    const decoder = new TextDecoder();
    const values: string[] = [];
    for (const { bytes } of this.partition(name, partition).batches) {
      for (const { value } of readRecords(bytes, 0, this.#compression)) values.push(decoder.decode(value ?? new Uint8Array(0)));
    }
    return values;
  }

  readonly api: ClusterApi = {
    produce: (request) => this.#produce(request),
    fetch: (request, signal) => this.#fetch(request, signal),
    describeCluster: async () => ({ clusterId: "test", controllerId: 1, brokers: [{ id: 1, address: this.#address(), epoch: 1 }] }),
    listTopics: async (after, limit = 2) => {
      const names = [...this.topics.keys()].sort().filter((name) => name > after);
      return { topics: names.slice(0, limit).map((name) => summary(this.topics.get(name)!)), more: names.length > limit };
    },
    describeTopics: async (references) => {
      this.lookUps += 1;
      return references.map((reference) => this.#describe(reference));
    },
    createTopics: async (topics, validateOnly) => topics.map((topic) => this.#createOne(topic, validateOnly)),
    deleteTopics: async (references) =>
      references.map((reference) => {
        const topic = this.#find(reference);
        if (topic === undefined) return missing();
        this.delete(topic.name);
        return { kind: "ok", value: { name: topic.name, topicId: topic.topicId } };
      }),
    createPartitions: async (name, count) => {
      const { partitions } = this.topics.get(name)!;
      while (partitions.length < count) partitions.push(new FakePartition());
    },
    describeConfigs: async (name) => [{ key: "retention.ms", value: name, isSet: false, defaultValue: "604800000", about: "How long." }],
    alterConfigs: async ({ set }) => {
      if (set.has("nonsense")) throw new ClusterError("INVALID_CONFIG", "nonsense is no key");
    },
    deleteRecords: async (entries) =>
      entries.map(({ id, before }) => {
        const partition = this.#led(id.topicId, id.partition);
        if (partition === undefined) return missing();
        partition.logStart = before ?? partition.end;
        return { kind: "ok", value: partition.logStart as Offset };
      }),
    listOffsets: async (entries) =>
      entries.map(({ id, position }) => {
        const partition = this.#led(id.topicId, id.partition);
        if (partition === undefined) return missing();
        const { leaderEpoch } = partition;
        const found = this.#locate(partition, position);
        return { kind: "ok", value: { ...found, leaderEpoch } };
      }),
    initProducerId: async () => {
      this.producerIds += 1;
      return { producerId: 1_000 + this.producerIds, producerEpoch: 0 };
    },
  };

  #locate(partition: FakePartition, position: Parameters<ClusterApi["listOffsets"]>[0][number]["position"]) {
    if (position.kind === "earliest") return { offset: partition.logStart as Offset, timestampMs: undefined };
    if (position.kind === "latest") return { offset: partition.end as Offset, timestampMs: undefined };
    for (const { bytes } of partition.batches) {
      for (const { offset, timestamp } of readRecords(bytes, 0, this.#compression)) {
        if (timestamp >= position.timestampMs) return { offset: offset as Offset, timestampMs: timestamp };
      }
    }
    return { offset: undefined, timestampMs: undefined };
  }

  async #produce(request: ProduceRequest): Promise<readonly ProduceResult[]> {
    this.produceRequests.push(request);
    // Appends are made in the turn of the call; only the answers wait.
    const results = request.entries.map((entry) => this.onProduce(entry, () => this.#store(entry)));
    if (this.produceDelayMs > 0) await new Promise<void>((resolve) => this.#clock.setTimer(this.produceDelayMs, resolve));
    return request.acks === "none" ? [] : Promise.all(results);
  }

  #store({ id, batch, leaderEpoch }: ProduceEntry): ProduceResult {
    const partition = this.#led(id.topicId, id.partition);
    if (partition === undefined) return failed("UNKNOWN_TOPIC_ID");
    if (leaderEpoch !== undefined && leaderEpoch < partition.leaderEpoch) return failed("FENCED_LEADER_EPOCH");
    const limits = { ...bounds, batchBytesMax: this.batchBytesMax };
    const failure = checkProducedBatch(batch, limits, this.#clock.wallMs(), this.#compression);
    return failure === undefined ? partition.append(batch) : { kind: "failed", failure };
  }

  async #fetch(request: FetchRequest, signal: AbortSignal): Promise<readonly FetchResult[]> {
    this.fetchRequests.push(request);
    const deadlineMs = this.#clock.monotonicMs() + request.maxWaitMs;
    for (;;) {
      const results = request.entries.map((entry) => this.onFetch(entry, () => this.#read(entry)));
      const bytes = results.reduce((sum, result) => sum + (result.kind === "batches" ? result.byteLength : 0), 0);
      const hasFailure = results.some(({ kind }) => kind === "failed");
      const leftMs = deadlineMs - this.#clock.monotonicMs();
      if (bytes >= request.minBytes || hasFailure || leftMs <= 0 || signal.aborted) return results;
      await this.#change(request, leftMs);
    }
  }

  #change(request: FetchRequest, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const partitions = request.entries.map(({ id }) => this.#led(id.topicId, id.partition)).filter((found) => found !== undefined);
      const done = () => {
        for (const { wakers } of partitions) wakers.delete(done);
        timer.cancel();
        resolve();
      };
      const timer = this.#clock.setTimer(waitMs, done);
      for (const { wakers } of partitions) wakers.add(done);
    });
  }

  #read({ id, from, maxBytes, leaderEpoch }: FetchEntry): FetchResult {
    const partition = this.#led(id.topicId, id.partition);
    if (partition === undefined) return failed("UNKNOWN_TOPIC_ID");
    if (leaderEpoch !== undefined && leaderEpoch < partition.leaderEpoch) return failed("FENCED_LEADER_EPOCH");
    const marks = { highWatermark: partition.end as Offset, logStart: partition.logStart as Offset };
    if (from < partition.logStart || from > partition.end) return { ...failed("OFFSET_OUT_OF_RANGE"), ...marks };
    const chunks: Uint8Array[] = [];
    let byteLength = 0;
    for (const { lastOffset, bytes } of partition.batches) {
      if (lastOffset < from) continue;
      if (byteLength > 0 && byteLength + bytes.length > maxBytes) break;
      chunks.push(bytes);
      byteLength += bytes.length;
    }
    return { kind: "batches", ...marks, chunks, byteLength };
  }

  #led(topicId: TopicId, partition: number): FakePartition | undefined {
    for (const topic of this.topics.values()) if (topic.topicId === topicId) return topic.partitions[partition];
    return undefined;
  }

  #find(reference: TopicReference): FakeTopic | undefined {
    if ("name" in reference) return this.topics.get(reference.name);
    return [...this.topics.values()].find(({ topicId }) => topicId === reference.topicId);
  }

  #describe(reference: TopicReference): Outcome<TopicDescription> {
    const topic = this.#find(reference);
    if (topic === undefined) return missing();
    const partitions = topic.partitions.map(({ leaderEpoch }, partition) => ({
      partition,
      leader: 1,
      leaderEpoch,
      replicas: [1],
      inSyncReplicas: [1],
    }));
    return { kind: "ok", value: { name: topic.name, topicId: topic.topicId, partitions } };
  }

  #createOne({ name, partitionCount = 1 }: NewTopic, validateOnly: boolean): Outcome<TopicSummary> {
    if (this.topics.has(name)) return { kind: "failed", failure: { code: "TOPIC_ALREADY_EXISTS", message: `topic ${name} exists` } };
    if (!validateOnly) return { kind: "ok", value: summary(this.create(name, partitionCount)) };
    return { kind: "ok", value: { name, topicId: uuidToText(new Uint8Array(16)) as TopicId, partitionCount, replicationFactor: 1 } };
  }
}

function summary({ name, topicId, partitions }: FakeTopic): TopicSummary {
  return { name, topicId, partitionCount: partitions.length, replicationFactor: 1 };
}

function missing(): { readonly kind: "failed"; readonly failure: Failure } {
  return { kind: "failed", failure: { code: "UNKNOWN_TOPIC_OR_PARTITION", message: "no such topic" } };
}

/** Whether a batch bears the time of its append; for tests that look at what was sent. */
export function timesOf(batch: Uint8Array): { readonly max: number; readonly isAppendTime: boolean } {
  return { max: maxTimestampOf(batch, 0), isAppendTime: isLogAppendTime(attributesOf(batch, 0)) };
}
