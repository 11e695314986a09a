// DescribeCluster and InitProducerId.

import type { ClusterDescription, ProducerIdentity } from "@varve/api";
import { adminMethods } from "@varve/proto";
import { type AdminOperation, operation } from "./operation.ts";
import { toOffset, toSafeInteger } from "./values.ts";

/** The request of an operation that takes none. */
export type Nothing = Readonly<Record<never, never>>;

export const describeCluster: AdminOperation<Nothing, ClusterDescription> = operation(adminMethods.DescribeCluster, {
  toRequest: () => ({}),
  fromRequest: () => ({}),
  toResult: (message) => ({
    clusterId: message.clusterId,
    controllerId: message.controllerId,
    brokers: message.brokers.map(({ id, address, epoch }) => ({ id, address, epoch: toSafeInteger(epoch, "epoch") })),
  }),
  fromResult: (cluster) => cluster,
  call: (api, _request, signal) => api.describeCluster(signal),
});

export const initProducerId: AdminOperation<Nothing, ProducerIdentity> = operation(adminMethods.InitProducerId, {
  toRequest: () => ({}),
  fromRequest: () => ({}),
  toResult: (message) => ({ producerId: toOffset(message.producerId, "producer_id"), producerEpoch: message.producerEpoch }),
  fromResult: (identity) => identity,
  call: (api, _request, signal) => api.initProducerId(signal),
});
