// Loaded indexes of all logs, up to a number of bytes; the least recently used leave first.

export class IndexCache {
  readonly bytesMax: number;
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }
}
