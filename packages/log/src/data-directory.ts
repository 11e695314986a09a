// Whose data this is: one process at a time, one cluster, one node, one format. What lies in the directory besides is store.ts.

import { ClusterError, type NodeId, uuidToText } from "@varve/model";
import { type Disk, DiskError, type DiskLock, type Entropy } from "@varve/runtime";
import { readTextFile, replaceTextFile } from "./durable-file.ts";
import type { LogStoreIdentity } from "./log.ts";

export const identityFile = "meta.properties";
/** Raised when an older program must not touch what a newer one wrote. */
export const directoryFormat = 1;

export type DataDirectoryProblem = "locked" | "other-cluster" | "other-node" | "other-format" | "damaged";

/** The directory cannot be used; the message says why and what to do. Nothing in it was changed. */
export class DataDirectoryError extends Error {
  override readonly name = "DataDirectoryError";
  readonly problem: DataDirectoryProblem;

  constructor(problem: DataDirectoryProblem, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.problem = problem;
  }
}

/** @throws {DataDirectoryError} locked, while another process uses the directory. */
export async function lockDirectory(disk: Disk): Promise<DiskLock> {
  try {
    return await disk.lock();
  } catch (error) {
    if (!(error instanceof DiskError) || error.kind !== "locked") throw error;
    throw new DataDirectoryError("locked", "another process uses this data directory; stop it, or give this one a directory of its own", {
      cause: error,
    });
  }
}

/** @returns undefined for a directory that nobody has used yet. @throws {DataDirectoryError} */
export async function readIdentity(
  disk: Disk,
  expected: { readonly clusterId: string | undefined; readonly nodeId: NodeId },
): Promise<LogStoreIdentity | undefined> {
  const text = await readTextFile(disk, identityFile);
  if (text === undefined) {
    await refuseForeign(disk);
    return undefined;
  }
  const values = new Map(
    text.split("\n").map((line): [string, string] => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const value = (key: string): string => {
    const found = values.get(key);
    if (found === undefined)
      throw new DataDirectoryError(
        "damaged",
        `${identityFile} has no ${key}; put the file back from a copy, nothing can be said about this directory without it`,
      );
    return found;
  };
  const format = value("version");
  if (format !== String(directoryFormat)) {
    throw new DataDirectoryError(
      "other-format",
      `this data directory has format ${format}, this program knows ${directoryFormat}; use the program that wrote it or a newer one`,
    );
  }
  const identity = { clusterId: value("cluster.id"), nodeId: Number(value("node.id")), directoryId: value("directory.id") };
  if (expected.clusterId !== undefined && identity.clusterId !== expected.clusterId) {
    throw new DataDirectoryError(
      "other-cluster",
      `this data directory belongs to cluster ${identity.clusterId}, this node to ${expected.clusterId}; give it the directory of its own cluster`,
    );
  }
  if (identity.nodeId !== expected.nodeId) {
    throw new DataDirectoryError(
      "other-node",
      `this data directory belongs to node ${identity.nodeId}, this is node ${expected.nodeId}; correct the node id or the directory`,
    );
  }
  return identity;
}

/** For a directory that has none. @throws {ClusterError} INVALID_CONFIG for a cluster id that the file cannot hold. */
export function drawIdentity(
  entropy: Entropy,
  owner: { readonly clusterId: string | undefined; readonly nodeId: NodeId },
): LogStoreIdentity {
  const clusterId = owner.clusterId ?? uuidToText(entropy.bytes(16));
  if (/[\n=]/.test(clusterId))
    throw new ClusterError("INVALID_CONFIG", `a cluster id has no line break and no "=": ${JSON.stringify(clusterId)}`);
  return { clusterId, nodeId: owner.nodeId, directoryId: uuidToText(entropy.bytes(16)) };
}

/** Written last, when all that a life needs is there: with it, the directory is in use. Durable when it resolves. */
export async function writeIdentity(disk: Disk, { clusterId, nodeId, directoryId }: LogStoreIdentity): Promise<void> {
  const lines = [`version=${directoryFormat}`, `cluster.id=${clusterId}`, `node.id=${nodeId}`, `directory.id=${directoryId}`];
  await replaceTextFile(disk, identityFile, `${lines.join("\n")}\n`);
}

/** Without an identity there must be no data: somebody's file was lost, or the directory is somebody else's. */
async function refuseForeign(disk: Disk): Promise<void> {
  const data = (await disk.list("")).find((name) => partitionFolder.test(name));
  if (data === undefined) return;
  throw new DataDirectoryError(
    "damaged",
    `${identityFile} is missing, yet there is data (${data}); put the file back, or give this node an empty directory`,
  );
}

/** `<topic id>-<partition>` */
export const partitionFolder: RegExp = /^([A-Za-z0-9_-]{22})-(0|[1-9][0-9]{0,9})$/;
