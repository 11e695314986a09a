// One look at all entries of a fetch: what is committed there now, within the bytes that the answer may have and the room there is for it.
// When to look again is decided in fetch.ts.

import type { FetchEntry, FetchRequest, FetchResult } from "@varve/api";
import type { ReadResult } from "@varve/log";
import type { Leadership, Partition } from "@varve/partition";
import type { BrokerContext } from "../context.ts";
import type { Patience } from "../fetch-room.ts";
import { unreadable } from "./unreadable.ts";

export class Gathering {
  readonly #context: BrokerContext;
  readonly #request: FetchRequest;
  readonly #patience: Patience;
  #bytesMax: number;
  /** What is taken of the room, once: the turn's, and the disk's when an entry needs it. */
  #roomBytes = 0;
  #hasDisk = false;
  #bytes = 0;
  #hasFailure = false;
  #isFull = false;

  constructor(context: BrokerContext, request: FetchRequest, patience: Patience) {
    this.#context = context;
    this.#request = request;
    this.#patience = patience;
    this.#bytesMax = this.#bytesMaxNow();
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is nothing to wait for. */
  get isEnough(): boolean {
    return this.#bytes >= Math.min(this.#request.minBytes, this.#bytesMax) || this.#isFull || this.#hasFailure;
  }

  /** Once. */
  async run(): Promise<readonly FetchResult[]> {
    const { fetchRoom } = this.#context;
    const { entries } = this.#request;
    const askedBytes = entries.reduce((bytes, { maxBytes }) => bytes + maxBytes, 0);
    this.#roomBytes = Math.min(this.#bytesMax, askedBytes);
    const entering = fetchRoom.enterTurn(this.#roomBytes, this.#patience.signal);
    if (entering !== true) {
      if (!(await entering)) return entries.map((entry) => this.#nothing(entry));
      this.#bytesMax = Math.min(this.#bytesMax, this.#bytesMaxNow());
    }
    try {
      return await this.#readAll(entries);
    } finally {
      if (this.#hasDisk) fetchRoom.leaveDisk(this.#roomBytes);
    }
  }

  async #readAll(entries: readonly FetchEntry[]): Promise<FetchResult[]> {
    const results: FetchResult[] = [];
    const postponed: number[] = [];
    for (const [at, entry] of entries.entries()) {
      const hasRoom = this.#hasRoomFor(entry);
      if (!hasRoom) postponed.push(at);
      results.push(hasRoom ? await this.#read(entry) : this.#nothing(entry));
    }
    if (postponed.length === 0) return results;
    // Who has records is not kept waiting for more, nor kept in memory meanwhile.
    this.#isFull ||= this.#bytes > 0;
    if (this.#isFull || this.#hasFailure) return results;
    this.#hasDisk = this.#hasDisk || (await this.#context.fetchRoom.takeDisk(this.#roomBytes, this.#patience));
    this.#bytesMax = Math.min(this.#bytesMax, this.#bytesMaxNow());
    for (const at of postponed) results[at] = this.#hasDisk ? await this.#read(entries[at]!) : this.#nothing(entries[at]!);
    return results;
  }

  async #read(entry: FetchEntry): Promise<FetchResult> {
    const result = await this.#resultAt(entry);
    if (result.kind === "failed") this.#hasFailure = true;
    else this.#bytes += result.byteLength;
    return result;
  }

  async #resultAt(entry: FetchEntry): Promise<FetchResult> {
    // The first partition that has records may exceed the bound by one batch; the others fit into what is left.
    if (this.#hasNoneLeft) return this.#nothing(entry);
    const left = Math.max(0, this.#bytesMax - this.#bytes);
    const led = this.#led(entry);
    if (led.kind === "failed") return led;
    const { leadership, partition } = led;
    const { highWatermark } = leadership;
    if (entry.from > highWatermark) return outOfRange(leadership, partition, entry);
    const reading = partition.read(leadership, entry.from, Math.min(entry.maxBytes, left));
    // Only what comes from the disk is a promise; the newest records are answered in this turn.
    const read = reading instanceof Promise ? await reading.catch(unreadable) : reading;
    if ("code" in read) return { kind: "failed", failure: read };
    if (read.kind !== "batches") return resultOf(leadership, partition, entry, read);
    const isTooMuch = this.#bytes > 0 && read.byteLength > left;
    // A batch that is committed and did not fit: to wait would bring nothing.
    if (isTooMuch || (read.byteLength > 0 && read.nextOffset < highWatermark && left <= entry.maxBytes)) this.#isFull = true;
    return isTooMuch ? this.#nothing(entry) : resultOf(leadership, partition, entry, read);
  }

  /** Whether the entry can be read now: what there is for it is in memory, or there is room for what the disk brings, which is taken. */
  #hasRoomFor(entry: FetchEntry): boolean {
    const { fetchRoom } = this.#context;
    if (this.#hasDisk || this.#hasNoneLeft) return true;
    const led = this.#led(entry);
    if (led.kind === "failed" || entry.from >= led.leadership.highWatermark || !led.partition.log.isOnDiskOnly(entry.from)) return true;
    if (!fetchRoom.hasDisk(this.#roomBytes)) return false;
    this.#hasDisk = fetchRoom.takeDisk(this.#roomBytes, this.#patience) === true;
    return this.#hasDisk;
  }

  get #hasNoneLeft(): boolean {
    return this.#bytes > 0 && this.#bytes >= this.#bytesMax;
  }

  #led(entry: FetchEntry): ReturnType<BrokerContext["partitions"]["led"]> {
    return this.#context.partitions.led(entry.id, entry.leaderEpoch);
  }

  #nothing(entry: FetchEntry): FetchResult {
    const led = this.#led(entry);
    if (led.kind === "failed") return led;
    const { leadership, partition } = led;
    return { kind: "batches", highWatermark: leadership.highWatermark, logStart: partition.log.logStart, chunks: [], byteLength: 0 };
  }

  #bytesMaxNow(): number {
    return Math.min(this.#request.maxBytes, this.#request.bytesMaxNow?.() ?? this.#request.maxBytes);
  }
}

function resultOf(leadership: Leadership, partition: Partition, entry: FetchEntry, read: ReadResult): FetchResult {
  const marks = { highWatermark: leadership.highWatermark, logStart: partition.log.logStart };
  switch (read.kind) {
    case "batches":
      return { kind: "batches", ...marks, chunks: read.chunks, byteLength: read.byteLength };
    case "damaged":
      return { kind: "failed", ...marks, failure: { code: "CORRUPT_MESSAGE", message: read.error.message }, resumeAt: read.resumeAt };
    case "out-of-range":
      return outOfRange(leadership, partition, entry);
  }
}

function outOfRange(leadership: Leadership, partition: Partition, entry: FetchEntry): FetchResult {
  const { highWatermark } = leadership;
  const { logStart } = partition.log;
  const what = `${partition.topicName}-${entry.id.partition}: asked ${entry.from}, committed records are [${logStart}, ${highWatermark})`;
  return { kind: "failed", failure: { code: "OFFSET_OUT_OF_RANGE", message: what }, highWatermark, logStart };
}
