// Open read handles of all logs, up to a number; the least recently used are closed first. Appends go through handles of their own.

import { type Disk, DiskError, type DiskFile } from "@varve/runtime";

interface Entry {
  readonly path: string;
  readonly opening: Promise<DiskFile>;
  users: number;
  /** No longer in the map: closed by the last who uses it. */
  isForgotten: boolean;
}

export class OpenFiles {
  readonly #disk: Disk;
  readonly #filesMax: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new Set<Promise<void>>();

  /** @param filesMax at least 1; more are open only while more are read at once. */
  constructor(disk: Disk, filesMax: number) {
    this.#disk = disk;
    this.#filesMax = filesMax;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** See `DiskFile.read`. @throws {DiskError} as open and read do. */
  async read(path: string, into: Uint8Array, position: number): Promise<number> {
    const entry = this.#take(path);
    try {
      return await (await entry.opening).read(into, position);
    } finally {
      this.#release(entry);
    }
  }

  /** Length of a file when it was opened: ask only of files that nobody writes. @throws {DiskError} not-found. */
  async size(path: string): Promise<number> {
    const entry = this.#take(path);
    try {
      return (await entry.opening).size;
    } finally {
      this.#release(entry);
    }
  }

  /** Lets go of a file before it is deleted, cut or replaced; resolves when its handle is closed or will be by those who still read. */
  async forget(path: string): Promise<void> {
    const entry = this.#entries.get(path);
    if (entry !== undefined) this.#drop(entry);
    await Promise.all(this.#closing);
  }

  /** Closes all handles. */
  async close(): Promise<void> {
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
    await Promise.all(this.#closing);
  }

  #take(path: string): Entry {
    const known = this.#entries.get(path);
    if (known !== undefined) {
      // The map's order is the order of use.
      this.#entries.delete(path);
      this.#entries.set(path, known);
      known.users += 1;
      return known;
    }
    const entry: Entry = { path, opening: this.#open(path), users: 1, isForgotten: false };
    this.#entries.set(path, entry);
    entry.opening.catch(() => this.#drop(entry));
    this.#evict(this.#filesMax);
    return entry;
  }

  async #open(path: string): Promise<DiskFile> {
    try {
      return await this.#disk.open(path, "read");
    } catch (error) {
      if (!(error instanceof DiskError) || error.kind !== "too-many-files") throw error;
      // Others of this process want descriptors too: give up what is idle here, and try once more.
      this.#evict(1);
      await Promise.all(this.#closing);
      return await this.#disk.open(path, "read");
    }
  }

  #release(entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (entry.isForgotten) this.#close(entry);
    else this.#evict(this.#filesMax);
  }

  #evict(filesMax: number): void {
    if (this.#entries.size <= filesMax) return;
    for (const entry of this.#entries.values()) {
      if (entry.users > 0) continue;
      this.#drop(entry);
      if (this.#entries.size <= filesMax) return;
    }
  }

  #drop(entry: Entry): void {
    if (entry.isForgotten) return;
    entry.isForgotten = true;
    this.#entries.delete(entry.path);
    if (entry.users === 0) this.#close(entry);
  }

  #close(entry: Entry): void {
    // One that never opened has nothing to close, and what reading loses when a close fails is nothing.
    const closed = entry.opening.then((file) => file.close()).catch(() => {});
    const done = closed.then(() => {
      this.#closing.delete(done);
    });
    this.#closing.add(done);
  }
}
