// Which failures of the disk may pass. All others mean that what is on the disk is unknown, and nothing more is promised of it.

import { DiskError } from "@varve/runtime";

/**
 * Nothing was written that counts, and the same may succeed later: the disk is full, the process has no file left to open, or a place
 * could not be read.
 */
export function mayPass(error: unknown): error is DiskError {
  return error instanceof DiskError && (error.kind === "no-space" || error.kind === "too-many-files" || error.kind === "unreadable");
}

/**
 * Waits until all have ended, whatever is refused. A failure that does not pass is told of at once: what a sync beside it says afterwards
 * may be of pages that the failed one has left clean, and must find nobody who believes it.
 * @throws the first failure; else a refusal, for want of room if there is one.
 */
export async function allUnlessFailed(works: readonly Promise<unknown>[]): Promise<void> {
  const refusals: DiskError[] = [];
  await Promise.all(
    works.map((work) =>
      work.catch((error: unknown) => {
        if (!mayPass(error)) throw error;
        refusals.push(error);
      }),
    ),
  );
  if (refusals.length > 0) throw refusals.find(({ kind }) => kind === "no-space") ?? refusals[0]!;
}
