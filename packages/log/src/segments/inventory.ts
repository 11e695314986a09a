// What a partition's folder holds: segments with their lengths, snapshots, the epoch checkpoint. It believes names and lengths, no content.

import type { Offset } from "@varve/model";
import type { SegmentContext } from "./context.ts";
import { decodeEpochs, type EpochStart, epochCheckpointBytesMax } from "./epochs.ts";
import { readSideFile, unlinkIfThere } from "./files.ts";
import { epochCheckpointName, parseSegmentName, segmentPath, temporarySuffix } from "./names.ts";

export interface FoundSegment {
  readonly base: Offset;
  readonly bytes: number;
}

export interface Inventory {
  /** Lowest first. */
  readonly segments: readonly FoundSegment[];
  /** Offsets, rising. */
  readonly snapshots: readonly number[];
  /** undefined when the checkpoint is missing or worthless. */
  readonly epochs: readonly EpochStart[] | undefined;
}

/** Files that were being written when the process ended are removed. @throws {DiskError} not-found when the folder is missing. */
export async function takeInventory({ ports, files }: SegmentContext, folder: string): Promise<Inventory> {
  const { disk } = ports;
  const segments: FoundSegment[] = [];
  const snapshots: number[] = [];
  for (const name of await disk.list(folder)) {
    const parsed = parseSegmentName(name.endsWith(temporarySuffix) ? name.slice(0, -temporarySuffix.length) : name);
    if (name.endsWith(temporarySuffix) && (parsed !== undefined || name === epochCheckpointName + temporarySuffix)) {
      await unlinkIfThere(disk, `${folder}/${name}`);
    } else if (parsed?.suffix === "log") {
      segments.push({ base: parsed.offset, bytes: await files.size(segmentPath(folder, parsed.offset, "log")) });
    } else if (parsed?.suffix === "snapshot") {
      snapshots.push(parsed.offset);
    }
  }
  const checkpoint = await readSideFile(disk, `${folder}/${epochCheckpointName}`, epochCheckpointBytesMax);
  return { segments, snapshots, epochs: checkpoint === undefined ? undefined : decodeEpochs(checkpoint) };
}
