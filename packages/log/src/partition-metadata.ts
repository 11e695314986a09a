// The file in a partition's folder that says whose it is, and since when: Kafka's `partition.metadata` with more lines. It is the last
// file that is made in a new folder: without it, the making was cut short and nothing was ever promised of what lies there.

import { CorruptionError, type PartitionId } from "@varve/model";
import type { Disk } from "@varve/runtime";
import { readTextFile, replaceTextFile } from "./durable-file.ts";

export const partitionMetadataFile = "partition.metadata";

/** Durable when it resolves, with all other entries of the folder. @param incarnation lsn of the `create` frame. */
export async function writePartitionMetadata(
  disk: Disk,
  folder: string,
  id: PartitionId,
  topicName: string,
  incarnation: number,
): Promise<void> {
  const lines = [
    "version: 0",
    `topic_id: ${id.topicId}`,
    `partition: ${id.partition}`,
    `topic_name: ${topicName}`,
    `created_lsn: ${incarnation}`,
  ];
  await replaceTextFile(disk, `${folder}/${partitionMetadataFile}`, lines.join("\n"));
}

/** @returns the incarnation; undefined when the folder was never completed. @throws {CorruptionError} */
export async function readPartitionMetadata(disk: Disk, folder: string, id: PartitionId): Promise<number | undefined> {
  const path = `${folder}/${partitionMetadataFile}`;
  const text = await readTextFile(disk, path);
  if (text === undefined) return undefined;
  const values = new Map(text.split("\n").map((line) => [line.split(": ")[0] ?? "", line.split(": ")[1] ?? ""]));
  const incarnation = Number(values.get("created_lsn") ?? "");
  if (
    values.get("topic_id") !== id.topicId ||
    values.get("partition") !== String(id.partition) ||
    !Number.isSafeInteger(incarnation) ||
    incarnation < 1
  ) {
    throw new CorruptionError(
      path,
      0,
      "the file does not say what was written there; its topic, partition and created_lsn must be put right by hand",
    );
  }
  return incarnation;
}
