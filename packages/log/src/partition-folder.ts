// The folders of partitions in a data directory: which there are, and their end. What lies in one is segments/.

import { type PartitionId, partitionKey, type TopicId } from "@varve/model";
import { type Disk, DiskError } from "@varve/runtime";
import { partitionFolder } from "./data-directory.ts";
import { partitionMetadataFile, readPartitionMetadata } from "./partition-metadata.ts";
import type { FoundPartition } from "./recovery.ts";
import { unlinkIfThere } from "./segments/files.ts";

export interface PartitionFolders {
  readonly found: readonly FoundPartition[];
  /** Keys of folders whose making or removal was cut short. */
  readonly incomplete: readonly string[];
}

/** @throws {CorruptionError} for a folder that contradicts itself. */
export async function listPartitionFolders(disk: Disk): Promise<PartitionFolders> {
  const found: FoundPartition[] = [];
  const incomplete: string[] = [];
  for (const name of await disk.list("")) {
    const match = partitionFolder.exec(name);
    if (match === null) continue;
    const id: PartitionId = { topicId: match[1] as TopicId, partition: Number(match[2]) };
    const incarnation = await readPartitionMetadata(disk, name, id);
    if (incarnation === undefined) incomplete.push(name);
    else found.push({ id, key: partitionKey(id), incarnation });
  }
  return { found, incomplete };
}

/** Deletes a folder with all that is in it; durable once the data directory is synced. A no-op where there is none. */
export async function removePartitionFolder(disk: Disk, folder: string): Promise<void> {
  try {
    for (const name of await disk.list(folder)) await unlinkIfThere(disk, `${folder}/${name}`);
    await disk.syncFolder(folder);
    await disk.removeFolder(folder);
  } catch (error) {
    if (!(error instanceof DiskError) || error.kind !== "not-found") throw error;
  }
}

/** Removes the file that makes a folder complete: what follows is a removal, or a making from the beginning. */
export async function disclaimPartitionFolder(disk: Disk, folder: string): Promise<void> {
  await unlinkIfThere(disk, `${folder}/${partitionMetadataFile}`);
}

/** Whether a folder that is not complete holds bytes of records, which a making that was cut short never does. */
export async function holdsRecords(disk: Disk, folder: string): Promise<boolean> {
  for (const name of await disk.list(folder)) {
    if (!name.endsWith(".log")) continue;
    const file = await disk.open(`${folder}/${name}`, "read");
    const { size } = file;
    await file.close();
    if (size > 0) return true;
  }
  return false;
}
