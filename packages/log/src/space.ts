// Whether there is room on the disk: appends are refused before it is full, and taken again by themselves when there is room. It asks the
// disk when enough was appended since it last did, and from time to time while it refuses; never while nothing is written. What the disk has
// refused for any other reason that may pass is tried again by the same timer, and keeps nobody else from going on.

import type { Failure } from "@varve/model";
import type { Clock, Disk, DiskError, Logger, Timer } from "@varve/runtime";

/** While appends are refused, the disk is asked again after so long, and so is what it has refused. */
export const spacePollMs = 1_000;
/** And while they are not, after this part of the free minimum was appended. */
const appendedShare = 8;
/** Appends go on above the minimum times this. */
const liftFactor = 1.5;

export interface SpaceWatchOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly freeBytesMin: number;
  /** Appends are taken again, or what was refused may be taken now. */
  readonly onRoom: () => void;
  readonly onFailure: (error: unknown) => void;
}

export class SpaceWatch {
  readonly #options: SpaceWatchOptions;
  #refusal: Failure | undefined;
  /** Something was refused although there is room. */
  #mustRetry = false;
  #appendedBytes = 0;
  #isAsking = false;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: SpaceWatchOptions) {
    this.#options = options;
  }

  /** Why appends are refused now. */
  get refusal(): Failure | undefined {
    return this.#refusal;
  }

  appended(bytes: number): void {
    this.#appendedBytes += bytes;
    if (this.#appendedBytes * appendedShare < this.#options.freeBytesMin) return;
    this.#appendedBytes = 0;
    this.#ask();
  }

  /** The disk has refused what it may take later, see `mayPass`. */
  refused(error: DiskError): void {
    if (error.kind === "no-space") return this.#refuse(0);
    this.#mustRetry = true;
    this.#poll();
  }

  /** Asks the disk once. */
  async check(): Promise<void> {
    const { freeBytes } = await this.#options.disk.space();
    if (this.#isClosed) return;
    const { freeBytesMin } = this.#options;
    if (freeBytes < freeBytesMin) this.#refuse(freeBytes);
    else if (this.#refusal === undefined) this.#retry();
    else if (freeBytes >= freeBytesMin * liftFactor) this.#lift(freeBytes);
    else this.#poll();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #ask(): void {
    if (this.#isAsking || this.#isClosed) return;
    this.#isAsking = true;
    this.check().then(
      () => {
        this.#isAsking = false;
      },
      (error: unknown) => this.#options.onFailure(error),
    );
  }

  #refuse(freeBytes: number): void {
    const { logger, freeBytesMin } = this.#options;
    if (this.#refusal === undefined) logger.warn("the disk is nearly full: appends are refused", { freeBytes, freeBytesMin });
    this.#refusal = {
      code: "KAFKA_STORAGE_ERROR",
      message: `the disk has ${freeBytes} bytes free, appends go on above ${freeBytesMin * liftFactor}; delete topics or records, shorten the retention, or make the disk larger`,
    };
    this.#poll();
  }

  #retry(): void {
    if (!this.#mustRetry) return;
    this.#mustRetry = false;
    this.#options.onRoom();
  }

  #lift(freeBytes: number): void {
    this.#refusal = undefined;
    this.#mustRetry = false;
    this.#options.logger.info("there is room on the disk again: appends go on", { freeBytes });
    this.#options.onRoom();
  }

  #poll(): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#options.clock.setTimer(spacePollMs, () => {
      this.#timer = undefined;
      this.#ask();
    });
  }
}
