// Hand out a block of producer ids. A block that is not used up is lost with the broker that asked for it; no id is handed out twice.

import type { ProducerIdBlock } from "@varve/api";
import type { MetadataImage } from "@varve/metadata";
import { ClusterError } from "@varve/model";
import { producerIdBlockLength } from "../limits.ts";
import type { Decision } from "./decision.ts";

/** @throws {ClusterError} POLICY_VIOLATION when the ids below 2^53 are used up. */
export function allocateProducerIds(image: MetadataImage): Decision<ProducerIdBlock> {
  const first = image.nextProducerId;
  const nextProducerId = first + producerIdBlockLength;
  if (!Number.isSafeInteger(nextProducerId)) throw new ClusterError("POLICY_VIOLATION", `producer ids end at 2^53 - 1; ${first} are taken`);
  return { records: [{ kind: "producer-ids", nextProducerId }], response: { first, count: producerIdBlockLength } };
}
