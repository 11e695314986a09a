// All unary operations, by their method: what a listener answers.

import { describeCluster, initProducerId } from "./cluster.ts";
import { alterConfigs, describeConfigs } from "./configs.ts";
import { deleteRecords, listOffsets } from "./offsets.ts";
import type { AdminOperation } from "./operation.ts";
import { createPartitions, createTopics, deleteTopics, describeTopics, listTopics } from "./topics.ts";

/** An operation of which only the bytes are known: one decodes for itself what it encodes. */
// biome-ignore lint/suspicious/noExplicitAny: the two types are an operation's own business, and differ for each.
export type AnyOperation = AdminOperation<any, any>;

export const operations: ReadonlyMap<string, AnyOperation> = new Map(
  [
    describeCluster,
    listTopics,
    describeTopics,
    createTopics,
    deleteTopics,
    createPartitions,
    describeConfigs,
    alterConfigs,
    deleteRecords,
    listOffsets,
    initProducerId,
  ].map((operation: AnyOperation) => [operation.path, operation]),
);
