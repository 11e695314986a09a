// What brokers ask of the controller. In one process it is called directly; from the cluster issue on through a transport.

import type { NodeId, TopicId } from "@varve/model";
import type { ConfigChange, DeletedTopic, NewTopic, Outcome, TopicReference, TopicSummary } from "./admin.ts";

export interface BrokerRegistration {
  readonly brokerId: NodeId;
  /** UUID text, drawn at each start of the broker: a new incarnation may not know what the one before it wrote. */
  readonly incarnation: string;
  readonly address: string;
}

export interface ProducerIdBlock {
  readonly first: number;
  readonly count: number;
}

/** Each answer leaves when what it says is committed. @throws {ClusterError} NOT_CONTROLLER when it is not known whether it is. */
export interface ControllerApi {
  /** Raises the broker's epoch and the leader epoch of every partition that it leads. */
  registerBroker(registration: BrokerRegistration, signal: AbortSignal): Promise<{ readonly epoch: number }>;
  createTopics(topics: readonly NewTopic[], validateOnly: boolean, signal: AbortSignal): Promise<readonly Outcome<TopicSummary>[]>;
  deleteTopics(topics: readonly TopicReference[], signal: AbortSignal): Promise<readonly Outcome<DeletedTopic>[]>;
  createPartitions(topicName: string, partitionCount: number, validateOnly: boolean, signal: AbortSignal): Promise<void>;
  alterConfigs(change: ConfigChange, signal: AbortSignal): Promise<void>;
  /** The broker has deleted, durably, its logs of topics that were removed. */
  confirmRemoval(brokerId: NodeId, topicIds: readonly TopicId[], signal: AbortSignal): Promise<void>;
  allocateProducerIds(signal: AbortSignal): Promise<ProducerIdBlock>;
}
