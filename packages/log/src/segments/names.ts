// Names of a partition's files, which are Kafka's. Anything else in the folder is a stranger that nobody touches.

import type { Offset } from "@varve/model";

/** Of the files that belong to one segment, or (snapshot) to one offset. `txnindex` is Kafka's; we delete it with its segment. */
export type SegmentSuffix = "log" | "index" | "timeindex" | "txnindex" | "snapshot";

export const epochCheckpointName = "leader-epoch-checkpoint";
/** A file that is being written to replace another; worthless after a crash. */
export const temporarySuffix = ".tmp";

const offsetDigits = 20;
const pattern = /^([0-9]{20})\.(log|index|timeindex|txnindex|snapshot)$/;

/** `<folder>/00000000000000000042.log` */
export function segmentPath(folder: string, offset: number, suffix: SegmentSuffix): string {
  return `${folder}/${String(offset).padStart(offsetDigits, "0")}.${suffix}`;
}

export interface SegmentFileName {
  readonly offset: Offset;
  readonly suffix: SegmentSuffix;
}

/** @returns undefined for a name that is not one of ours. */
export function parseSegmentName(name: string): SegmentFileName | undefined {
  const match = pattern.exec(name);
  if (match === null) return undefined;
  const offset = Number(match[1]);
  if (!Number.isSafeInteger(offset)) return undefined;
  return { offset: offset as Offset, suffix: match[2] as SegmentSuffix };
}
