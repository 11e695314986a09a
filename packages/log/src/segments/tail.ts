// The newest batches of all logs in memory, up to a number of bytes; the oldest leave first, whosever they are.

export class TailPool {
  readonly bytesMax: number;
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }
}
