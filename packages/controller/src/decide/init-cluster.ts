// Give the cluster its id: the first record of all, written by the first leader that finds none.

import type { MetadataImage } from "@varve/metadata";
import type { Decision } from "./decision.ts";

/** @param clusterId a fresh UUID as 22 characters; ignored when the cluster has an id. */
export function initCluster(image: MetadataImage, clusterId: string): Decision<void> {
  if (image.clusterId !== undefined) return { records: [], response: undefined };
  return { records: [{ kind: "cluster", clusterId }], response: undefined };
}
