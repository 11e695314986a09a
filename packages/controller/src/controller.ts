// The controller as a broker and a server know it: the operations of `ControllerApi`, the image, and the life of all that is behind them.
// It decides nothing itself: one operation, one file in decide/.

import type { ControllerApi } from "@varve/api";
import type { MetadataImage } from "@varve/metadata";
import { InvariantError } from "@varve/model";
import type { Ports } from "@varve/runtime";
import { AppliedImage, type Applier } from "./applied-image.ts";
import { allocateProducerIds } from "./decide/allocate-producer-ids.ts";
import { alterConfigs } from "./decide/alter-configs.ts";
import { confirmRemoval } from "./decide/confirm-removal.ts";
import { createPartitions } from "./decide/create-partitions.ts";
import { createTopics, type TopicDefaults } from "./decide/create-topics.ts";
import { deleteTopics } from "./decide/delete-topics.ts";
import { initCluster } from "./decide/init-cluster.ts";
import { registerBroker } from "./decide/register-broker.ts";
import { DecisionLoop } from "./decision-loop.ts";
import { freshTopicIds, freshUuid } from "./fresh-ids.ts";
import { requestTopicsMax } from "./limits.ts";
import type { Leadership, MetadataLog } from "./metadata-log.ts";
import { openQuorumOfOne, type QuorumOfOneOptions, type QuorumOfOnePorts } from "./quorum-of-one/quorum-of-one.ts";
import { Snapshots } from "./snapshots.ts";
import { StateMachine } from "./state-machine.ts";

export type ControllerPorts = Pick<Ports, "clock" | "entropy" | "logger" | "metrics">;

export interface ControllerOptions {
  /** The id of a new cluster; undefined draws one. A cluster that has an id keeps it: whoever passes one compares. */
  readonly clusterId?: string;
  readonly defaults: TopicDefaults;
  /** A snapshot is taken after so many records, or as many as it would hold, whichever is more. */
  readonly snapshotRecordsMin: number;
  /** The storage failed and nothing is answered any more: the process should say why and end. Called once at most. */
  readonly onStorageFailure: (error: Error) => void;
}

/**
 * Requests are decided in the order of the calls. An answer leaves when what it says, and what it was based on, is committed and applied
 * on this node. A signal that aborts ends the waiting; what was begun may still take effect.
 */
export interface Controller extends ControllerApi {
  /** Committed; and applied here, once someone has subscribed. It has a cluster id. */
  readonly image: MetadataImage;
  readonly leadership: Leadership;
  /**
   * Calls `applier` with the present image as a delta from the empty one, then with what has changed since, one call at a time. Resolves
   * after the first. One applier; it must not wait for an answer of this controller, which may be waiting for it.
   */
  subscribe(applier: Applier): Promise<void>;
  /** Requests that wait are answered NOT_CONTROLLER; what is being written is finished. */
  close(): Promise<void>;
}

/** A controller that is its own quorum. @throws as `openQuorumOfOne`. */
export async function openController(
  ports: ControllerPorts & QuorumOfOnePorts,
  options: ControllerOptions & QuorumOfOneOptions,
  signal: AbortSignal,
): Promise<Controller> {
  return startController(await openQuorumOfOne(ports, options), ports, options, signal);
}

/** Starts over what `log` holds, and owns it from then on. Resolves when the cluster has its id. */
export async function startController(
  log: MetadataLog,
  ports: ControllerPorts,
  options: ControllerOptions,
  signal: AbortSignal,
): Promise<Controller> {
  const { clock, entropy, logger, metrics } = ports;
  const state = new StateMachine();
  const applied = new AppliedImage();
  const snapshots = new Snapshots(log, state, clock, options.snapshotRecordsMin);
  const commitSeconds = metrics.histogram({
    name: "varve_controller_commit_seconds",
    help: "From the append of a batch of decisions to its commit.",
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
  });
  const ready = Promise.withResolvers<void>();
  const loop: DecisionLoop = new DecisionLoop(log, state, applied, clock, {
    committed: () => {
      if (state.committed.clusterId !== undefined) ready.resolve();
      if (loop.leader.kind === "leader") snapshots.consider();
    },
    leadership: (leadership) => {
      if (leadership.kind === "stopped") {
        options.onStorageFailure(leadership.error);
        ready.reject(leadership.error);
      } else if (leadership.kind === "leader" && state.committed.clusterId === undefined) {
        const clusterId = options.clusterId ?? freshUuid(entropy);
        // When this node loses the lead before, the next leader gives the id.
        loop.submit((image) => initCluster(image, clusterId), new AbortController().signal).catch(letOnlyOursPass);
      }
    },
    batchCommitted: (durationMs) => commitSeconds.observe(durationMs / 1000),
  });
  metrics.gauge({ name: "varve_controller_waiting_requests", help: "Requests that wait to be decided." }, () => loop.waitingCount);
  metrics.gauge({ name: "varve_cluster_topics", help: "Topics of the cluster." }, () => state.committed.topics.size);
  metrics.gauge({ name: "varve_cluster_partitions", help: "Partitions of the cluster." }, () => state.committed.partitionCount);

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await loop.close();
    await snapshots.close();
    await log.close();
  };
  const abandon = () => ready.reject(signal.reason);
  signal.addEventListener("abort", abandon, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.all([log.start(loop), ready.promise]);
  } catch (error) {
    await close();
    throw error;
  } finally {
    signal.removeEventListener("abort", abandon);
  }
  const { clusterId, topics, partitionCount } = state.committed;
  const summary = { clusterId, index: state.committedIndex, topics: topics.size, partitions: partitionCount };
  logger.with({ component: "controller" }).info("the metadata is there", summary);
  snapshots.consider();

  return {
    get image() {
      return applied.image;
    },
    get leadership() {
      return loop.leader;
    },
    subscribe: (applier) => applied.subscribe(applier),
    createTopics(newTopics, validateOnly, signal) {
      const topicIds = freshTopicIds(entropy, Math.min(newTopics.length, requestTopicsMax));
      const request = { topics: newTopics, validateOnly, topicIds, defaults: options.defaults };
      return loop.submit((image) => createTopics(image, request), signal);
    },
    deleteTopics: (references, signal) => loop.submit((image) => deleteTopics(image, references), signal),
    createPartitions: (topicName, partitionCount, validateOnly, signal) =>
      loop.submit((image) => createPartitions(image, { topicName, partitionCount, validateOnly }), signal),
    alterConfigs: (change, signal) => loop.submit((image) => alterConfigs(image, change), signal),
    registerBroker: (registration, signal) => loop.submit((image) => registerBroker(image, registration), signal),
    confirmRemoval: (brokerId, topicIds, signal) => loop.submit((image) => confirmRemoval(image, brokerId, topicIds), signal),
    allocateProducerIds: (signal) => loop.submit(allocateProducerIds, signal),
    close: () => (closing ??= close()),
  };
}

function letOnlyOursPass(error: unknown): void {
  if (error instanceof InvariantError) throw error;
}
