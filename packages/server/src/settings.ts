// From the operator's words to the parts': which setting goes where.

import type { ControllerOptions, QuorumOfOneOptions } from "@varve/controller";
import type { LogStoreOptions } from "@varve/log";
import { defaults, type ServerConfig, topicConfigTable } from "@varve/model";
import { defaultGrpcLimits, type GrpcLimits } from "@varve/transport-grpc";

const topicDefaults = defaults(topicConfigTable);

export function logStoreOptions(config: ServerConfig, onDiskFailure: (error: Error) => void): LogStoreOptions {
  return {
    clusterId: config["cluster.id"] === "" ? undefined : config["cluster.id"],
    nodeId: config["node.id"],
    // What the metadata says of each topic is applied before anybody can write to it.
    configOf: () => topicDefaults,
    journalFiles: config["journal.files"],
    journalFileBytes: config["journal.file.bytes"],
    journalWaitingBytesMax: config["journal.waiting.bytes"],
    tailBytesMax: config["tail.bytes"],
    openFilesMax: config["open.files"],
    diskFreeBytesMin: config["disk.free.bytes"],
    retentionCheckMs: config["log.retention.check.interval.ms"],
    producerExpiryMs: config["producer.id.expiration.ms"],
    scrubBytesPerSecond: config["scrub.bytes.per.second"],
    onDiskFailure,
  };
}

export function controllerOptions(
  config: ServerConfig,
): Pick<ControllerOptions & QuorumOfOneOptions, "defaults" | "folder" | "snapshotRecordsMin"> {
  return {
    folder: "controller",
    snapshotRecordsMin: 1000,
    defaults: { partitionCount: config["num.partitions"], replicationFactor: config["default.replication.factor"] },
  };
}

export function transportLimits(config: ServerConfig): GrpcLimits {
  return {
    ...defaultGrpcLimits,
    connectionsMax: config.connections,
    streamsPerConnectionMax: config["connection.streams"],
    producePoolBytesMax: config["memory.pool.bytes"],
  };
}
