// Register a broker. A new incarnation may lack what the one before it had not synced, so every partition that the broker leads gets a new
// leader epoch, also when it stays the leader, also when it is alone: else two different batches could bear one offset and one epoch.

import type { BrokerRegistration } from "@varve/api";
import type { MetadataImage, MetadataRecord } from "@varve/metadata";
import { addressLengthMax } from "@varve/metadata";
import { ClusterError, uuidFromText } from "@varve/model";
import type { Decision } from "./decision.ts";

const brokerIdMax = 2 ** 31 - 1;

/**
 * The same registration again is answered with the epoch that it was given, so a broker may repeat one whose answer it has not seen; one
 * that differs replaces the one before it.
 * @throws {ClusterError} INVALID_REQUEST, with what is wrong.
 */
export function registerBroker(image: MetadataImage, registration: BrokerRegistration): Decision<{ readonly epoch: number }> {
  const { brokerId, incarnation, address } = registration;
  check(registration);
  const present = image.brokers.get(brokerId);
  if (present?.incarnation === incarnation && present.address === address) return { records: [], response: { epoch: present.epoch } };

  const epoch = image.lastBrokerEpoch + 1;
  const records: MetadataRecord[] = [{ kind: "broker", brokerId, incarnation, epoch, address }];
  for (const { topicId, partitions } of image.topics.values()) {
    for (const [partition, { leader, inSyncReplicas, leaderEpoch, partitionEpoch }] of partitions) {
      if (leader !== brokerId) continue;
      const raised = { leaderEpoch: leaderEpoch + 1, partitionEpoch: partitionEpoch + 1 };
      records.push({ kind: "partition-change", topicId, partition, inSyncReplicas, leader, ...raised });
    }
  }
  return { records, response: { epoch } };
}

function check({ brokerId, incarnation, address }: BrokerRegistration): void {
  const refuse = (what: string): never => {
    throw new ClusterError("INVALID_REQUEST", `registration of broker ${brokerId}: ${what}`);
  };
  if (!Number.isInteger(brokerId) || brokerId < 0 || brokerId > brokerIdMax) refuse(`its id is not between 0 and ${brokerIdMax}`);
  if (address === "" || address.length > addressLengthMax)
    refuse(`its address has ${address.length} characters, not 1 to ${addressLengthMax}`);
  try {
    uuidFromText(incarnation);
  } catch (error) {
    refuse(`its incarnation: ${error instanceof Error ? error.message : String(error)}`);
  }
}
