// The ports of one process, made of Node: all but the network, which lives above this package.

import { resolve } from "node:path";
import type { Compression } from "@varve/model";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { Ports } from "../ports.ts";
import { nodeClock } from "./clock.ts";
import { nodeDisk } from "./disk.ts";
import { nodeEntropy } from "./entropy.ts";
import { nodeStores } from "./store.ts";

export interface NodePortsOptions {
  /** The data directory, made when missing. */
  readonly dataFolder: string;
  readonly compression: Compression;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** See `nodeStores`. */
  readonly whileStoreOpens?: () => void;
}

/** @throws {DiskError} when the data directory cannot be made. */
export function nodePorts(options: NodePortsOptions): Omit<Ports, "network"> {
  const { dataFolder, compression, logger, metrics, whileStoreOpens } = options;
  return {
    clock: nodeClock,
    entropy: nodeEntropy(),
    disk: nodeDisk(dataFolder),
    openStore: nodeStores(resolve(dataFolder), whileStoreOpens),
    compression,
    logger,
    metrics,
  };
}
