// Small text files that are replaced as a whole: a reader finds the old content or the new, after a crash at any moment too.
// What stands in them is checkpoint.ts, clean-marker.ts, data-directory.ts and partition-metadata.ts.

import type { Disk } from "@varve/runtime";
import { readSmallFile, replaceFile as stageFile } from "./segments/files.ts";

/** No text file of a data directory is larger: lines for some 300,000 partitions. */
export const textFileBytesMax = 33_554_432;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Puts `text` where `path` is; durable when it resolves. Calls for one path follow one another. */
export async function replaceTextFile(disk: Disk, path: string, text: string): Promise<void> {
  await stageFile(disk, path, encoder.encode(text), true);
  await disk.syncFolder(path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "");
}

/** @returns undefined when there is no such file, or it is larger than any that we write. */
export async function readTextFile(disk: Disk, path: string): Promise<string | undefined> {
  const bytes = await readSmallFile(disk, path, textFileBytesMax);
  return bytes === undefined ? undefined : decoder.decode(bytes);
}
