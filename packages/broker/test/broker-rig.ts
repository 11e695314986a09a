// A broker over real logs on a simulated disk, and a controller of a few lines: what it is told is committed at once.

import { type Broker, type ControllerConnection, createBroker, type MetadataApplier } from "@varve/broker";
import { type LogStore, type LogStoreOptions, openLogStore } from "@varve/log";
import { deltaBetween, emptyImage, type MetadataImage, type MetadataRecord, replayAll } from "@varve/metadata";
import { defaults, type PartitionId, topicConfigTable, toTopicId, uuidToText } from "@varve/model";
import { BatchBuilder } from "@varve/record";
import { nodeCompression } from "@varve/runtime/node";
import { type DiskOnly, diskOnly } from "@varve/sim";

export const brokerId = 1;
export const orders = topicId(7);
export const ordersPartition: PartitionId = { topicId: orders, partition: 0 };
export const signal: AbortSignal = new AbortController().signal;

export function topicId(number: number) {
  const bytes = new Uint8Array(16);
  bytes[15] = number;
  return toTopicId(uuidToText(bytes));
}

export class FakeController implements ControllerConnection {
  image: MetadataImage = emptyImage;
  readonly confirmed: string[] = [];
  #apply: MetadataApplier = async () => {};

  constructor(records: readonly MetadataRecord[] = []) {
    this.image = replayAll(emptyImage, records);
  }

  async subscribe(apply: MetadataApplier): Promise<void> {
    this.#apply = apply;
    await apply(this.image, deltaBetween(emptyImage, this.image));
  }

  async commit(...records: MetadataRecord[]): Promise<void> {
    const before = this.image;
    this.image = replayAll(before, records);
    await this.#apply(this.image, deltaBetween(before, this.image));
  }

  async registerBroker() {
    return { epoch: 1 };
  }
  async allocateProducerIds() {
    return { first: 1000, count: 2 };
  }
  async confirmRemoval(_brokerId: number, topicIds: readonly string[]): Promise<void> {
    this.confirmed.push(...topicIds);
  }
  createTopics(): never {
    throw new Error("not used here");
  }
  deleteTopics(): never {
    throw new Error("not used here");
  }
  createPartitions(): never {
    throw new Error("not used here");
  }
  alterConfigs(): never {
    throw new Error("not used here");
  }
}

export function topicRecords(id = orders, name = "orders", partitions = 1, leaderEpoch = 0): MetadataRecord[] {
  const members = { replicas: [brokerId], inSyncReplicas: [brokerId], leader: brokerId, leaderEpoch, partitionEpoch: 0 };
  const made = Array.from({ length: partitions }, (_, partition) => ({ kind: "partition", topicId: id, partition, ...members }) as const);
  return [{ kind: "topic", topicId: id, name }, ...made];
}

export interface Rig {
  readonly broker: Broker;
  readonly controller: FakeController;
  readonly logs: LogStore;
  /** Virtual time passes. */
  sleep(ms: number): Promise<void>;
}

export function machine(seed = 1): DiskOnly {
  return diskOnly({ seed, turn: () => new Promise((resolve) => setImmediate(resolve)) });
}

/** Runs `script` with a broker that has started, in one life of `host`. */
export async function withBroker<T>(
  host: DiskOnly,
  controller: FakeController,
  script: (rig: Rig) => Promise<T>,
  overrides: Partial<LogStoreOptions> = {},
): Promise<T> {
  const outcome = await host.run(async ({ clock, disk, entropy, logger, metrics }) => {
    const ports = { clock, disk, entropy, logger, metrics, compression: nodeCompression };
    const logs = await openLogStore(ports, { ...logOptions, ...overrides }, signal);
    const broker = createBroker(ports, logs, controller, { nodeId: brokerId, incarnation: uuidToText(entropy.bytes(16)) });
    await broker.start("broker-1:7070", signal);
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimer(ms, resolve));
    const value = await script({ broker, controller, logs, sleep });
    broker.close();
    await logs.close();
    return value;
  });
  if (outcome.kind === "died") throw new Error("the broker died");
  return outcome.value;
}

export const logOptions: LogStoreOptions = {
  clusterId: undefined,
  nodeId: brokerId,
  configOf: () => defaults(topicConfigTable),
  journalFiles: 2,
  journalFileBytes: 1_048_576,
  journalWaitingBytesMax: 1_048_576,
  tailBytesMax: 1_048_576,
  openFilesMax: 16,
  diskFreeBytesMin: 0,
  retentionCheckMs: 60_000,
  producerExpiryMs: 86_400_000,
  scrubBytesPerSecond: 0,
  onDiskFailure: (error) => {
    throw error;
  },
};

/** A batch of records with these values, all of one time. */
export function batchOf(values: readonly string[], timestampMs = 1_000): Uint8Array {
  const builder = new BatchBuilder({ bytesTarget: 1_000_000, bytesMax: 1_000_000 }, nodeCompression);
  for (const value of values) builder.append(timestampMs, null, value);
  return builder.finish();
}
