// What a leader knows of one other member, and what it may send it: one message at a time while it looks for the place where the logs
// part, a bounded stream once it has found it, nothing but a snapshot where the log does not reach back far enough.

export interface FlowLimits {
  /** Messages with entries that may be unanswered, and their bytes. */
  readonly inFlightMessagesMax: number;
  readonly inFlightBytesMax: number;
}

interface Sent {
  readonly lastIndex: number;
  readonly bytes: number;
}

type Mode =
  /** Nobody knows yet where the logs part. One message, then an answer to it or to a heartbeat. */
  | { readonly kind: "probe"; isWaiting: boolean }
  | { readonly kind: "replicate"; readonly inFlight: Sent[]; inFlightBytes: number }
  /** A snapshot is on its way. */
  | { readonly kind: "snapshot"; readonly index: number; waitedTicks: number };

export class Progress {
  readonly #limits: FlowLimits;
  /** Up to here its log is ours, on its disk. */
  matchIndex = 0;
  /** What is sent next. */
  nextIndex: number;
  /** It was heard of since the leader last asked. */
  isActive = true;
  #mode: Mode = { kind: "probe", isWaiting: false };

  constructor(nextIndex: number, limits: FlowLimits) {
    this.nextIndex = nextIndex;
    this.#limits = limits;
  }

  /** Nothing goes there before it has answered. */
  get isPaused(): boolean {
    const mode = this.#mode;
    if (mode.kind === "probe") return mode.isWaiting;
    if (mode.kind === "snapshot") return true;
    return mode.inFlight.length >= this.#limits.inFlightMessagesMax || mode.inFlightBytes >= this.#limits.inFlightBytesMax;
  }

  /** A message went out that ends with entry `lastIndex`. @param bytes 0 when it has no entries. */
  sent(lastIndex: number, bytes: number): void {
    const mode = this.#mode;
    if (mode.kind === "probe") mode.isWaiting = true;
    if (mode.kind !== "replicate" || bytes === 0) return;
    mode.inFlight.push({ lastIndex, bytes });
    mode.inFlightBytes += bytes;
    this.nextIndex = lastIndex + 1;
  }

  sentSnapshot(index: number): void {
    this.#mode = { kind: "snapshot", index, waitedTicks: 0 };
    this.nextIndex = index + 1;
  }

  /** @param firstIndex of the leader's log. @returns whether that was news. */
  accepted(matchIndex: number, firstIndex: number): boolean {
    const isNews = matchIndex > this.matchIndex;
    if (isNews) this.matchIndex = matchIndex;
    const mode = this.#mode;
    if (mode.kind === "replicate") {
      while (mode.inFlight.length > 0 && mode.inFlight[0]!.lastIndex <= matchIndex) mode.inFlightBytes -= mode.inFlight.shift()!.bytes;
    } else if (mode.kind === "probe" || this.matchIndex >= mode.index || this.matchIndex + 1 >= firstIndex) {
      // Also before the snapshot has arrived, when an older message has brought it far enough. What follows may be gone again by then.
      this.#mode = { kind: "replicate", inFlight: [], inFlightBytes: 0 };
      this.nextIndex = this.matchIndex + 1;
    }
    this.nextIndex = Math.max(this.nextIndex, this.matchIndex + 1);
    return isNews;
  }

  /** @param prevIndex what was rejected. @param nextIndex to try instead. @returns false for the answer to a message that is overtaken. */
  rejected(prevIndex: number, nextIndex: number): boolean {
    if (prevIndex <= this.matchIndex) return false;
    if (this.#mode.kind === "replicate") {
      this.#probe();
      return true;
    }
    if (this.#mode.kind === "snapshot" || prevIndex !== this.nextIndex - 1) return false;
    this.nextIndex = Math.max(this.matchIndex + 1, Math.min(nextIndex, prevIndex));
    this.#mode = { kind: "probe", isWaiting: false };
    return true;
  }

  /** It has answered a heartbeat: what was sent to it before, and is unanswered, may be lost. */
  heard(): void {
    this.isActive = true;
    const mode = this.#mode;
    if (mode.kind === "probe") mode.isWaiting = false;
    else if (mode.kind === "replicate" && this.isPaused) mode.inFlightBytes -= mode.inFlight.shift()!.bytes;
  }

  /** What was sent is lost. */
  lost(): void {
    if (this.#mode.kind === "replicate") this.#probe();
  }

  /** A snapshot did not arrive. */
  snapshotFailed(): void {
    if (this.#mode.kind === "snapshot") this.#probe();
  }

  /** A snapshot may have arrived and be lost with its receiver, which nobody is told. @param ticksMax it is given up after so many. */
  tickSnapshot(ticksMax: number): void {
    if (this.#mode.kind !== "snapshot") return;
    this.#mode.waitedTicks += 1;
    if (this.#mode.waitedTicks >= ticksMax) this.#probe();
  }

  /** Looks for the place where the logs part. */
  #probe(): void {
    this.#mode = { kind: "probe", isWaiting: false };
    this.nextIndex = this.matchIndex + 1;
  }
}
