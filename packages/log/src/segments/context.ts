// What every segmented log of one broker is given: its ports, and the pools that all of them share.

import type { Ports } from "@varve/runtime";
import { IndexCache } from "./index-cache.ts";
import { OpenFiles } from "./open-files.ts";
import { TailPool } from "./tail.ts";

/** Memory for indexes of all logs together: some forty segments of the default size. */
export const indexCacheBytesMax = 33_554_432;

export interface SegmentContext {
  readonly ports: Pick<Ports, "disk" | "clock" | "compression" | "logger">;
  readonly tail: TailPool;
  readonly files: OpenFiles;
  readonly indexes: IndexCache;
  /** Producers that have not written for so long are forgotten. */
  readonly producerExpiryMs: number;
}

/** @param options the fields of `LogStoreOptions` of the same names. */
export function createSegmentContext(
  ports: SegmentContext["ports"],
  options: { readonly tailBytesMax: number; readonly openFilesMax: number; readonly producerExpiryMs: number },
): SegmentContext {
  return {
    ports,
    tail: new TailPool(options.tailBytesMax),
    files: new OpenFiles(ports.disk, options.openFilesMax),
    indexes: new IndexCache(indexCacheBytesMax),
    producerExpiryMs: options.producerExpiryMs,
  };
}
