// Which partition a record goes to: murmur2 over its key, as Kafka's clients have it, so that a key lands alike whoever sends it. Records
// without a key stay on one partition until it has had a batch's worth, and then move to another that can be written.

import { partitionForKey } from "@varve/record";
import type { Entropy } from "@varve/runtime";
import type { PartitionMetadata } from "../metadata-cache.ts";

const encoder = new TextEncoder();
const utf8BytesPerUnitMax = 3;
/** Keys up to this size are encoded in place, without an array of their own. */
const scratchBytes = 256;
const scratch = new Uint8Array(scratchBytes);
/** The front of the scratch, by length. */
const fronts: Uint8Array[] = Array.from({ length: scratchBytes + 1 }, (_, length) => scratch.subarray(0, length));

/** @param partitionCount at least 1. @returns 0 to partitionCount - 1. Source: Kafka's BuiltInPartitioner. */
export function partitionOfKey(key: Uint8Array | string, partitionCount: number): number {
  return partitionForKey(typeof key === "string" ? utf8(key) : key, partitionCount);
}

/** Valid until the next call. */
function utf8(text: string): Uint8Array {
  const { length } = text;
  if (length * utf8BytesPerUnitMax > scratchBytes) return encoder.encode(text);
  for (let at = 0; at < length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) return fronts[encoder.encodeInto(text, scratch).written]!;
    scratch[at] = unit;
  }
  return fronts[length]!;
}

/** Where records without a key go. */
export class StickyPartition {
  readonly #entropy: Entropy;
  readonly #switchBytes: number;
  #partition: number | undefined;
  #bytes = 0;

  /** @param switchBytes after so many bytes it turns to another partition. */
  constructor(entropy: Entropy, switchBytes: number) {
    this.#entropy = entropy;
    this.#switchBytes = switchBytes;
  }

  /** @param recordBytes of the record, about. @param partitions at least one. */
  choose(recordBytes: number, partitions: readonly PartitionMetadata[]): number {
    const present = this.#partition;
    if (present !== undefined && present < partitions.length && this.#bytes < this.#switchBytes) {
      this.#bytes += recordBytes;
      return present;
    }
    this.#bytes = recordBytes;
    this.#partition = this.#another(partitions);
    return this.#partition;
  }

  #another(partitions: readonly PartitionMetadata[]): number {
    const led = [...partitions.keys()].filter((at) => partitions[at]!.leader !== undefined && at !== this.#partition);
    if (led.length > 0) return led[this.#entropy.u32() % led.length]!;
    return this.#partition !== undefined && this.#partition < partitions.length ? this.#partition : this.#entropy.u32() % partitions.length;
  }
}
