// What a follower takes from its leader: batches as the leader has stamped them, which must continue the follower's log.

import { ClusterError, type Compression } from "@varve/model";
import { baseOffsetOf, batchSize, checkStoredBatch, lastOffsetOf, leaderEpochOf } from "@varve/record";

/** Where a log ends. */
export interface LogEnd {
  /** Of the log, for messages. */
  readonly name: string;
  readonly end: number;
  /** Of its newest batch; -1 when it has none. */
  readonly epoch: number;
}

/** @throws {ClusterError} CORRUPT_MESSAGE unless the bytes are whole batches that continue the log. */
export function checkStamped(batches: Uint8Array, { name, ...log }: LogEnd, compression: Compression): void {
  let { end, epoch } = log;
  for (let at = 0; at < batches.length; at += batchSize(batches, at)) {
    const failure = checkStoredBatch(batches, at, compression);
    if (failure !== undefined) throw new ClusterError("CORRUPT_MESSAGE", `${name}: ${failure.message}`);
    const baseOffset = baseOffsetOf(batches, at);
    const leaderEpoch = leaderEpochOf(batches, at);
    if (baseOffset !== end) {
      const what = `a batch at offset ${baseOffset} does not continue the log, which ends at ${end}`;
      throw new ClusterError("CORRUPT_MESSAGE", `${name}: ${what}`);
    }
    if (leaderEpoch < epoch) {
      throw new ClusterError("CORRUPT_MESSAGE", `${name}: a batch of leader epoch ${leaderEpoch} behind one of ${epoch}`);
    }
    end = lastOffsetOf(batches, at) + 1;
    epoch = leaderEpoch;
  }
}
