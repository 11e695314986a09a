// What every segmented log of one broker is given: its ports, and the pools that all of them share.

import type { Ports } from "@varve/runtime";
import { IndexCache } from "./index-cache.ts";
import { OpenFiles } from "./open-files.ts";
import { TailPool } from "./tail.ts";

/** Memory for indexes of all logs together: some forty segments of the default size. */
export const indexCacheBytesMax = 33_554_432;

/** A restart reads at most about this much of a segment below the last mark: side files are written as often. */
export const checkpointIntervalBytes = 8_388_608;

export interface SegmentContext {
  readonly ports: Pick<Ports, "disk" | "clock" | "compression" | "logger">;
  readonly tail: TailPool;
  readonly files: OpenFiles;
  readonly indexes: IndexCache;
  /** Producers that have not written for so long are forgotten. */
  readonly producerExpiryMs: number;
  readonly checkpointIntervalBytes: number;
}

/** @param options the fields of `LogStoreOptions` of the same names; a shorter checkpoint interval is for tests. */
export function createSegmentContext(
  ports: SegmentContext["ports"],
  options: {
    readonly tailBytesMax: number;
    readonly openFilesMax: number;
    readonly producerExpiryMs: number;
    readonly checkpointIntervalBytes?: number;
  },
): SegmentContext {
  return {
    ports,
    tail: new TailPool(options.tailBytesMax),
    files: new OpenFiles(ports.disk, options.openFilesMax),
    indexes: new IndexCache(indexCacheBytesMax),
    producerExpiryMs: options.producerExpiryMs,
    checkpointIntervalBytes: options.checkpointIntervalBytes ?? checkpointIntervalBytes,
  };
}
