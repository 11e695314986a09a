// The SDK: connect, produce, consume, administer. See docs/sdk.md.

export type {
  Acks,
  BrokerDescription,
  ClusterDescription,
  ConfigEntry,
  DeletedTopic,
  Outcome,
  PartitionDescription,
  TopicDescription,
  TopicSummary,
} from "@varve/api";
export { ClusterError, type Codec, type ErrorCode, type Failure, type Offset, type TopicId, toOffset } from "@varve/model";
export type { RecordField, RecordHeader } from "@varve/record";
export {
  Admin,
  type CallOptions,
  type ChangeOptions,
  type ConfigChanges,
  type PartitionOffset,
  type Position,
  type RecordsBefore,
  type TopicSpec,
} from "./admin.ts";
export type { ClientPorts } from "./client-context.ts";
export { type ConnectOptions, connect, defaultPort } from "./connect.ts";
export { ConsumedBatch, type RecordView } from "./consumer/consumed-batch.ts";
export { Consumer } from "./consumer/consumer.ts";
export type { Assignment, ConsumerOptions, Until } from "./consumer/consumer-options.ts";
export { ConsumerRecord } from "./consumer/consumer-record.ts";
export type { Place } from "./consumer/locator.ts";
export { DamagedRecordsError, DeliveryError, type DeliveryOutcome } from "./errors.ts";
export type { TopicPartition } from "./leader-calls.ts";
export { type Bounds, connectBounds, consumerBounds, producerBounds } from "./options.ts";
export { partitionOfKey } from "./producer/partitioner.ts";
export type { Receipt, Settled } from "./producer/pending-batch.ts";
export { Producer, type ProducerOptions, type SendOptions, type WaitOptions } from "./producer/producer.ts";
export type { HeadersInput, ProducerRecord } from "./producer/producer-record.ts";
export { Varve, type VarveSendOptions } from "./varve.ts";
