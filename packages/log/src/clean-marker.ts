// The file that says: the last life ended by a clean shutdown, all is on the disk, recovery need read nothing. It holds the last lsn
// and the generation that wrote it. Whoever writes a frame has removed it before, durably (store.ts).

import { type Compression, CorruptionError } from "@varve/model";
import type { Disk } from "@varve/runtime";
import { readTextFile, replaceTextFile } from "./durable-file.ts";
import { unlinkIfThere } from "./segments/files.ts";

export const cleanMarkerFile = ".varve_cleanshutdown";

export interface CleanMarker {
  readonly generation: number;
  readonly lastLsn: number;
}

const encoder = new TextEncoder();

/** Durable when it resolves. */
export async function writeCleanMarker(disk: Disk, { generation, lastLsn }: CleanMarker, compression: Compression): Promise<void> {
  const body = `{"version":1,"generation":${generation},"lastLsn":${lastLsn}}`;
  await replaceTextFile(disk, cleanMarkerFile, `${body}\n${compression.crc32c(encoder.encode(body))}\n`);
}

/** @returns undefined when there is none. @throws {CorruptionError} */
export async function readCleanMarker(disk: Disk, compression: Compression): Promise<CleanMarker | undefined> {
  const text = await readTextFile(disk, cleanMarkerFile);
  if (text === undefined) return undefined;
  const [body, checksum] = text.split("\n");
  const match = /^\{"version":1,"generation":([0-9]+),"lastLsn":([0-9]+)\}$/.exec(body!);
  if (match === null || String(compression.crc32c(encoder.encode(body!))) !== checksum) {
    throw new CorruptionError(
      cleanMarkerFile,
      0,
      "this is not what a clean shutdown writes; remove the file to have the journal read instead",
    );
  }
  return { generation: Number(match[1]), lastLsn: Number(match[2]) };
}

/** Durable once the data directory is synced. */
export async function removeCleanMarker(disk: Disk): Promise<void> {
  await unlinkIfThere(disk, cleanMarkerFile);
}
