// What a seed is: a drawn server, drawn topics, drawn clients, and which faults there will be and how often. Swarm testing: most seeds
// leave most faults out, so that each combination has its turn.

import type { Acks } from "@varve/api";
import { type Codec, codecs, defaults, type ServerConfig, serverConfigTable } from "@varve/model";
import { drawDiskFaults, drawNetworkFaults, type Random, soundDisk, soundNetwork, type WorldFaults } from "@varve/sim";
import type { Value } from "../workload/history.ts";
import { type FaultKind, faultKinds } from "./faults/kinds.ts";

/** How long clients are busy, in the world's time. */
export const busyMs = 300_000;
/** From when on, and until when, there are faults: half of it. */
export const faultsFromMs = 5_000;
export const faultsUntilMs = 155_000;
/** Operations of a seed, at least. */
export const operationsMin = 1_000;

export interface TopicPlan {
  readonly name: string;
  readonly partitionCount: number;
  readonly config: ReadonlyMap<string, string>;
  readonly durability: "fsync" | "replicated";
  /** Whether an administrator may turn `durability` while it is used. */
  readonly isAltered: boolean;
  /** Whether old segments may go by themselves. */
  readonly isRetained: boolean;
  /** Whether brokers put their own time into records. */
  readonly isLogAppendTime: boolean;
  /** Whether it is deleted and made again, with its own clients. */
  readonly isRemade: boolean;
}

export interface ProducerPlan {
  readonly acks: Acks;
  readonly isIdempotent: boolean;
  readonly codec: Codec;
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly bufferBytes: number;
  readonly inFlightMax: number;
  readonly deliveryTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Records of one operation, at most. */
  readonly recordsMax: number;
  /** Mean pause between operations. */
  readonly pauseMs: number;
  /** Whether the partitioner chooses, or the client. */
  readonly choosesPartition: boolean;
}

export interface ConsumerPlan {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly prefetchBytes: number;
  /** How long a poll waits. */
  readonly pollMs: number;
  readonly pauseMs: number;
  /** Probability that an operation is a new assignment. */
  readonly reassigns: number;
}

export interface FaultPlan {
  /** What goes wrong by itself while there are faults. */
  readonly world: WorldFaults;
  /** What is done on purpose, and the mean pause between two such deeds. */
  readonly kinds: readonly FaultKind[];
  readonly pauseMs: number;
  readonly restartMs: number;
}

export interface Configuration {
  readonly server: ServerConfig;
  readonly paddingBytesMax: number;
  /** How much larger than the others some few records may be: larger than the smallest journal file, for one. */
  readonly largeBytesMax: number;
  readonly topics: readonly TopicPlan[];
  readonly producers: readonly ProducerPlan[];
  readonly consumers: readonly ConsumerPlan[];
  readonly adminPauseMs: number;
  readonly faults: FaultPlan;
  /** Whether each acknowledgement is compared with the syncs of the disk: costs time, so not in every seed. */
  readonly provesSyncs: boolean;
}

/** Of so many records one may be large. */
const recordsPerLarge = 97;

/** How much larger than its number the record of a value may be. */
export function paddingBytesMaxOf({ paddingBytesMax, largeBytesMax }: Configuration, value: Value): number {
  return value % recordsPerLarge === 0 ? Math.max(paddingBytesMax, largeBytesMax) : paddingBytesMax;
}

export const brokerAddress = "broker:7070";

export function drawConfiguration(random: Random): Configuration {
  const topics = drawTopics(random.stream("topics"));
  return {
    server: drawServer(random.stream("server")),
    paddingBytesMax: random.pick([0, 20, 200, 2_000, 6_000]),
    largeBytesMax: random.pick([0, 0, 0, 200_000]),
    topics,
    producers: draw(random.stream("producers"), random.integer(2, 5), drawProducer),
    consumers: draw(random.stream("consumers"), random.integer(1, 4), drawConsumer),
    adminPauseMs: random.pick([1_500, 4_000]),
    faults: drawFaultPlan(random.stream("faults")),
    provesSyncs: random.chance(0.25),
  };
}

function draw<Plan>(random: Random, count: number, one: (random: Random) => Plan): readonly Plan[] {
  return Array.from({ length: count }, (_, at) => one(random.stream(String(at))));
}

function drawServer(random: Random): ServerConfig {
  return {
    ...defaults(serverConfigTable),
    "data.dir": "",
    listener: brokerAddress,
    "http.listener": "",
    "journal.files": random.pick([2, 3, 8]),
    "journal.file.bytes": random.pick([65_536, 262_144, 1_048_576]),
    "journal.waiting.bytes": random.pick([65_536, 1_048_576]),
    "tail.bytes": random.pick([0, 16_384, 1_048_576]),
    "open.files": random.pick([16, 4096]),
    "disk.free.bytes": random.pick([0, 65_536, 1_048_576]),
    "log.retention.check.interval.ms": random.pick([1_000, 20_000, 300_000]),
    "producer.id.expiration.ms": random.pick([86_400_000, 86_400_000, 600_000]),
    "scrub.bytes.per.second": random.pick([0, 4_096, 1_048_576]),
    "shutdown.grace.ms": random.pick([0, 1_000, 30_000]),
  };
}

function drawTopics(random: Random): readonly TopicPlan[] {
  const topics = draw(random, random.integer(1, 4), (own) => drawTopic(own));
  return topics.map((topic, at) => ({ ...topic, name: `t${at}`, isRemade: at > 0 && random.chance(0.3) }));
}

function drawTopic(random: Random): TopicPlan {
  const durability = random.chance(0.75) ? "fsync" : "replicated";
  const isRetained = random.chance(0.15);
  const isLogAppendTime = random.chance(0.15);
  const config = new Map<string, string>([
    ["durability", durability],
    ["segment.bytes", String(random.pick([16_384, 65_536, 1_048_576, 1_073_741_824]))],
    ["index.interval.bytes", String(random.pick([0, 512, 4_096]))],
    ["segment.index.bytes", String(random.pick([24, 240, 10_485_760]))],
    ["message.timestamp.type", isLogAppendTime ? "LogAppendTime" : "CreateTime"],
    ["retention.ms", isRetained && random.chance(0.5) ? String(random.pick([20_000, 60_000])) : "-1"],
  ]);
  if (random.chance(0.2)) config.set("segment.ms", String(random.pick([3_000, 30_000])));
  if (isRetained && config.get("retention.ms") === "-1") config.set("retention.bytes", String(random.pick([20_000, 100_000])));
  return {
    name: "",
    partitionCount: random.pick([1, 1, 2, 4, 8]),
    config,
    durability,
    isAltered: random.chance(0.2),
    isRetained,
    isLogAppendTime,
    isRemade: false,
  };
}

function drawProducer(random: Random): ProducerPlan {
  const acks = random.pick<Acks>(["all", "all", "all", "all", "leader", "none"]);
  return {
    acks,
    isIdempotent: acks !== "none" && random.chance(0.85),
    codec: random.chance(0.5) ? "none" : random.pick(codecs),
    lingerMs: random.pick([0, 0, 5, 50]),
    batchBytes: random.pick([1_024, 8_192, 65_536, 262_144]),
    bufferBytes: random.pick([262_144, 1_048_576]),
    inFlightMax: random.pick([1, 2, 5, 5]),
    deliveryTimeoutMs: random.pick([5_000, 30_000, 120_000]),
    requestTimeoutMs: random.pick([1_000, 5_000, 30_000]),
    recordsMax: random.pick([1, 4, 16, 40]),
    pauseMs: random.pick([800, 2_000]),
    choosesPartition: random.chance(0.3),
  };
}

function drawConsumer(random: Random): ConsumerPlan {
  return {
    // Not 0: a consumer that does not want to wait asks without a pause, and all that a seed then shows is that.
    maxWaitMs: random.pick([100, 500, 5_000]),
    minBytes: random.pick([1, 1, 1_000]),
    maxBytes: random.pick([1, 2_000, 65_536, 4_194_304]),
    prefetchBytes: random.pick([65_536, 1_048_576]),
    pollMs: random.pick([100, 1_000]),
    pauseMs: random.pick([600, 2_000]),
    reassigns: random.pick([0.01, 0.05, 0.2]),
  };
}

function drawFaultPlan(random: Random): FaultPlan {
  const kindCount = random.integer(1, faultKinds.length);
  return {
    world: {
      disk: random.chance(0.5) ? drawDiskFaults(random.stream("disk")) : soundDisk,
      network: random.chance(0.5) ? drawNetworkFaults(random.stream("network")) : soundNetwork,
      clockDriftMax: random.pick([0, 0.01, 0.1]),
      clockOffsetMsMax: random.pick([0, 1_000, 600_000]),
    },
    // Bits turn in few seeds: what they take is excused, and in the others nothing is.
    kinds: random
      .shuffle([...faultKinds])
      .slice(0, kindCount)
      .filter((kind) => kind !== "bit-flip" || random.chance(0.3)),
    pauseMs: random.pick([1_000, 4_000, 12_000]),
    restartMs: random.pick([0, 100, 2_000]),
  };
}
