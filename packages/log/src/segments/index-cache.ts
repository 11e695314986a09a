// Loaded index files of all logs, up to a number of bytes; the least recently used leave first. What is in them: sparse-index.ts.

export class IndexCache {
  readonly #bytesMax: number;
  /** Least recently used first. */
  readonly #loaded = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(path: string): Uint8Array | undefined {
    const bytes = this.#loaded.get(path);
    if (bytes === undefined) return undefined;
    this.#loaded.delete(path);
    this.#loaded.set(path, bytes);
    return bytes;
  }

  /** @param bytes belong to the cache. One that is larger than the whole cache is kept alone, until the next comes. */
  put(path: string, bytes: Uint8Array): void {
    this.drop(path);
    for (const oldest of this.#loaded.keys()) {
      if (this.#bytes + bytes.length <= this.#bytesMax) break;
      this.drop(oldest);
    }
    this.#loaded.set(path, bytes);
    this.#bytes += bytes.length;
  }

  drop(path: string): void {
    const bytes = this.#loaded.get(path);
    if (bytes === undefined) return;
    this.#loaded.delete(path);
    this.#bytes -= bytes.length;
  }
}
