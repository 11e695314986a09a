// One broker: the cluster's operations, answered by one handler each, over the partitions that the metadata gives it.

import type {
  ClusterApi,
  ConfigChange,
  DeleteRecordsEntry,
  FetchRequest,
  ListOffsetsEntry,
  NewTopic,
  ProduceRequest,
  TopicReference,
} from "@varve/api";
import type { LogStore } from "@varve/log";
import { ClusterError, failureOf, type NodeId, type TopicId } from "@varve/model";
import type { Ports } from "@varve/runtime";
import { AnswerDeadlines } from "./answer-deadlines.ts";
import { TopicsApplier } from "./appliers/topics.ts";
import type { BrokerContext } from "./context.ts";
import { FetchRoom } from "./fetch-room.ts";
import { deleteRecords } from "./handlers/delete-records.ts";
import { fetch } from "./handlers/fetch.ts";
import { listOffsets } from "./handlers/list-offsets.ts";
import { produce } from "./handlers/produce.ts";
import { describeCluster, describeConfigs, describeTopics, listTopics } from "./handlers/topics.ts";
import type { ControllerConnection } from "./metadata-feed.ts";
import { Partitions } from "./partitions.ts";
import { ProducerIds } from "./producer-ids.ts";

export interface BrokerOptions {
  readonly nodeId: NodeId;
  /** Of this start of the broker. */
  readonly incarnation: string;
}

export interface Broker {
  readonly api: ClusterApi;
  /** Registers under the address that clients reach it at; from then on it leads what the controller gives it. */
  start(address: string, signal: AbortSignal): Promise<void>;
  /** Waiting requests end; the logs are the caller's to close. */
  close(): void;
  readonly partitionCount: number;
}

export function createBroker(
  ports: Pick<Ports, "clock" | "compression" | "logger" | "metrics">,
  logs: LogStore,
  controller: ControllerConnection,
  options: BrokerOptions,
): Broker {
  const { clock, compression, metrics } = ports;
  const partitions = new Partitions();
  const life = new AbortController();
  const logger = ports.logger.with({ component: "broker" });
  const deadlines = new AnswerDeadlines(clock);
  const context: BrokerContext = {
    nodeId: options.nodeId,
    clock,
    compression,
    logger,
    logs,
    partitions,
    controller,
    deadlines,
    fetchRoom: new FetchRoom(clock),
    producerIds: new ProducerIds(controller, life.signal),
    metrics: {
      producedBytes: metrics.counter({ name: "varve_produced_bytes_total", help: "Bytes of record batches that were appended." }),
      producedBatches: metrics.counter({ name: "varve_produced_batches_total", help: "Record batches that were appended." }),
      refusedBatches: metrics.counter({
        name: "varve_refused_batches_total",
        help: "Record batches that were refused, by code.",
        labels: ["code"],
      }),
      fetchedBytes: metrics.counter({ name: "varve_fetched_bytes_total", help: "Bytes of record batches that were answered to fetches." }),
    },
  };
  const removed = (topicIds: readonly TopicId[]) => confirmRemoval(context, topicIds, life.signal);
  const topics = new TopicsApplier({ nodeId: options.nodeId, clock, logs, partitions, logger, removed });
  metrics.gauge({ name: "varve_partitions", help: "Partitions on this broker." }, () => partitions.count);
  metrics.gauge({ name: "varve_waiting_writes", help: "Writes that wait for their commit." }, () => deadlines.count);

  return {
    api: clusterApi(context),
    get partitionCount() {
      return partitions.count;
    },
    async start(address, signal) {
      await controller.registerBroker({ brokerId: options.nodeId, incarnation: options.incarnation, address }, signal);
      await controller.subscribe((_image, delta) => topics.apply(delta));
    },
    close() {
      life.abort(new ClusterError("BROKER_NOT_AVAILABLE", "the broker shuts down"));
      topics.close();
      for (const partition of partitions.all()) partition.close({ code: "NOT_LEADER_OR_FOLLOWER", message: "the broker shuts down" });
      deadlines.close();
    },
  };
}

/** New partitions need room on the disk like writes do. @throws {ClusterError} KAFKA_STORAGE_ERROR */
function refuseWithoutRoom({ logs }: BrokerContext): void {
  const { writeRefusal } = logs;
  if (writeRefusal !== undefined) throw new ClusterError(writeRefusal.code, writeRefusal.message);
}

/** Tells the controller, which may forget the topics. When that fails, the next start of the broker tells it again. */
function confirmRemoval({ controller, logger, nodeId }: BrokerContext, topicIds: readonly TopicId[], signal: AbortSignal): void {
  controller.confirmRemoval(nodeId, topicIds, signal).catch((error: unknown) => {
    const { code, message } = failureOf(error);
    logger.info("the controller was not told that removed topics are gone", { code, reason: message });
  });
}

function clusterApi(context: BrokerContext): ClusterApi {
  const { controller, producerIds } = context;
  return {
    produce: (request: ProduceRequest) => produce(context, request),
    fetch: (request: FetchRequest, signal) => fetch(context, request, signal),
    describeCluster: async () => describeCluster(context),
    listTopics: async (after: string, limit: number | undefined) => listTopics(context, after, limit),
    describeTopics: async (topics: readonly TopicReference[]) => describeTopics(context, topics),
    describeConfigs: async (topicName: string) => describeConfigs(context, topicName),
    createTopics: async (topics: readonly NewTopic[], validateOnly: boolean, signal) => {
      refuseWithoutRoom(context);
      return controller.createTopics(topics, validateOnly, signal);
    },
    deleteTopics: (topics: readonly TopicReference[], signal) => controller.deleteTopics(topics, signal),
    createPartitions: async (name: string, count: number, validateOnly: boolean, signal) => {
      refuseWithoutRoom(context);
      return controller.createPartitions(name, count, validateOnly, signal);
    },
    alterConfigs: (change: ConfigChange, signal) => controller.alterConfigs(change, signal),
    deleteRecords: (entries: readonly DeleteRecordsEntry[]) => deleteRecords(context, entries),
    listOffsets: (entries: readonly ListOffsetsEntry[]) => listOffsets(context, entries),
    initProducerId: async () => ({ producerId: await producerIds.next(), producerEpoch: 0 }),
  };
}
