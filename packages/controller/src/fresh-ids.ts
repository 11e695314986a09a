// New identities from the entropy port. Decisions take them as arguments.

import type { TopicId } from "@varve/model";
import { InvariantError, uuidToText } from "@varve/model";
import type { Entropy } from "@varve/runtime";

/** Draws until one fits; each draw fails once in 64. */
const drawsMax = 100;

/** A random UUID (RFC 9562, version 4) as 22 characters that never begin with `-`, which a shell would take for an option. Source: Kafka's Uuid.randomUuid. */
export function freshUuid(entropy: Entropy): string {
  for (let draw = 0; draw < drawsMax; draw += 1) {
    const bytes = entropy.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const text = uuidToText(bytes);
    if (!text.startsWith("-")) return text;
  }
  throw new InvariantError(`${drawsMax} random UUIDs in a row begin with "-": the source of entropy is not random`);
}

export function freshTopicIds(entropy: Entropy, count: number): readonly TopicId[] {
  return Array.from({ length: count }, () => freshUuid(entropy) as TopicId);
}
