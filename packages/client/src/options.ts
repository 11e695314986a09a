// What can be set, with defaults and bounds: one table for each kind of options. docs/sdk.md shows the tables; a test holds it to them.

import { ClusterError } from "@varve/model";

export interface Bounds {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly about: string;
}

export type BoundsTable = Readonly<Record<string, Bounds>>;
export type Values<Table extends BoundsTable> = { readonly [Key in keyof Table]: number };
type Given<Table extends BoundsTable> = { readonly [Key in keyof Table]?: number | undefined };

export const connectBounds = {
  requestTimeoutMs: {
    default: 30_000,
    min: 1,
    max: 600_000,
    about: "How long a look-up or an administrative call may take in all, attempts at other brokers included.",
  },
  metadataMaxAgeMs: {
    default: 300_000,
    min: 100,
    max: 86_400_000,
    about: "What is known of a topic is looked up again at the first use after this, to see new partitions.",
  },
  unknownTopicMs: {
    default: 3_000,
    min: 0,
    max: 600_000,
    about: "A topic that no broker knows is waited for so long before what needs it fails.",
  },
  retryBackoffMs: { default: 100, min: 1, max: 60_000, about: "Pause before the first retry; it doubles up to retryBackoffMsMax, ± 20 %." },
  retryBackoffMsMax: { default: 1_000, min: 1, max: 600_000, about: "Longest pause between two retries." },
} as const;
connectBounds satisfies BoundsTable;

export const producerBounds = {
  lingerMs: {
    default: 0,
    min: 0,
    max: 60_000,
    about:
      "How long a batch that is not full waits for more records. 0 sends at once; while five batches are in flight records gather anyway.",
  },
  batchBytes: { default: 65_536, min: 1_024, max: 4_194_304, about: "A batch is full at this size, before compression." },
  batchBytesMax: {
    default: 1_048_588,
    min: 1_024,
    max: 5_242_880,
    about:
      "A record that makes its batch larger than this, before compression, is refused. The topic's max.message.bytes must allow it too.",
  },
  requestBytes: { default: 1_048_576, min: 1_024, max: 2_097_152, about: "A request that holds so much takes no further batch." },
  bufferBytes: {
    default: 16_777_216,
    min: 1_024,
    max: 4_294_967_296,
    about: "What the producer may hold of records that are not settled. Beyond it `post` answers false and `send` waits.",
  },
  waitingSendsMax: {
    default: 65_536,
    min: 0,
    max: 16_777_216,
    about: "Calls of `send` that wait for room in the buffer; one more fails with THROTTLING_QUOTA_EXCEEDED.",
  },
  deliveryTimeoutMs: {
    default: 120_000,
    min: 1,
    max: 86_400_000,
    about: "From the call to the record's outcome, retries and waiting included; past it the record fails.",
  },
  requestTimeoutMs: {
    default: 30_000,
    min: 1,
    max: 300_000,
    about: "How long a broker may take for an answer before the batch is sent again.",
  },
  inFlightMax: {
    default: 5,
    min: 1,
    max: 5,
    about: "Batches of one partition that are unanswered. A broker remembers the last five of an idempotent producer.",
  },
} as const;
producerBounds satisfies BoundsTable;

export const consumerBounds = {
  maxWaitMs: { default: 500, min: 0, max: 60_000, about: "How long a broker may wait for minBytes before it answers." },
  minBytes: { default: 1, min: 0, max: 6_291_456, about: "A broker answers at once when it has so much." },
  maxBytes: { default: 4_194_304, min: 1, max: 6_291_456, about: "Of batches in one answer; a first batch that is larger comes whole." },
  partitionMaxBytes: { default: 1_048_576, min: 1, max: 6_291_456, about: "As maxBytes, of one partition." },
  prefetchBytes: {
    default: 8_388_608,
    min: 65_536,
    max: 1_073_741_824,
    about: "What one broker may send ahead of what was consumed. The last answer may exceed it.",
  },
} as const;
consumerBounds satisfies BoundsTable;

/** @throws {ClusterError} INVALID_CONFIG for the first value that is no integer within its bounds. */
export function withDefaults<Table extends BoundsTable>(table: Table, given: Given<Table>): Values<Table> {
  const values: Record<string, number> = {};
  for (const [name, bounds] of Object.entries(table)) {
    const value = given[name] ?? bounds.default;
    if (!Number.isSafeInteger(value) || value < bounds.min || value > bounds.max) {
      throw new ClusterError("INVALID_CONFIG", `${name} is ${value}; it is an integer from ${bounds.min} to ${bounds.max}`);
    }
    values[name] = value;
  }
  return values as Values<Table>;
}
