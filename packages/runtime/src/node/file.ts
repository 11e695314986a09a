// One open file: positioned writes into the page cache, and everything that may wait as a promise over the thread pool.
// libuv repeats a call that a signal interrupted; short reads and writes are repeated here.

import { close, fdatasync, ftruncate, read, write, writeSync } from "node:fs";
import { promisify } from "node:util";
import { InvariantError, invariant } from "@varve/model";
import { type DiskError, type DiskFile, syncWriteBytesMax } from "../disk.ts";
import { diskError, readError, syncError } from "./disk-error.ts";

const closeDescriptor = promisify(close);
const syncData = promisify(fdatasync);
const setLength = promisify(ftruncate);
const readAt = promisify(read);
const writeAt = promisify(write);

/**
 * Of one system call. For longer ones ext4 takes the page cache in larger blocks, which the kernel must first clear room for. Measured on
 * Linux 6.18, a file that grows, CPU seconds per GB: 0.36 in calls of 16 KiB, 0.23 of 64 KiB, 1.4 to 2.5 of 128 KiB and of 1 MiB.
 */
const writePieceBytes = 65_536;

export class NodeFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  #size: number;
  #state: "open" | "closed" = "open";
  // A descriptor's number is given out again at once: one closed under a running call would let that call reach another file.
  #running = 0;
  #whenIdle: (() => void) | undefined;
  /** Settles with the newest sync that has begun, however it ends. */
  #synced: Promise<void> = Promise.resolve();
  /** The sync that begins then, for all who have asked meanwhile. */
  #nextSync: Promise<void> | undefined;
  #syncFailure: DiskError | undefined;

  /** @param descriptor becomes this object's to close. @param size the file's length now. */
  constructor(path: string, descriptor: number, size: number) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  writeSync(bytes: Uint8Array, position: number): void {
    this.#requireOpen();
    const length = bytes.byteLength;
    invariant(length <= syncWriteBytesMax, `${this.path}: a synchronous write of ${length} bytes, at most ${syncWriteBytesMax}`);
    let done = 0;
    try {
      while (done < length) done += writeSync(this.#descriptor, bytes, done, Math.min(length - done, writePieceBytes), position + done);
    } catch (error) {
      throw diskError(error, this.path, `write ${length} bytes at ${position}`);
    } finally {
      this.#grow(position + done);
    }
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    const length = bytes.byteLength;
    return this.#run(`write ${length} bytes at ${position}`, async () => {
      for (let done = 0; done < length; this.#grow(position + done)) {
        done += (await writeAt(this.#descriptor, bytes, done, Math.min(length - done, writePieceBytes), position + done)).bytesWritten;
      }
    });
  }

  read(into: Uint8Array, position: number): Promise<number> {
    const length = into.byteLength;
    return this.#run(`read ${length} bytes at ${position}`, async () => {
      let done = 0;
      while (done < length) {
        const { bytesRead } = await readAt(this.#descriptor, into, done, length - done, position + done).catch((error: unknown) => {
          throw readError(error, this.path, position + done);
        });
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    });
  }

  truncate(length: number): Promise<void> {
    return this.#run(`truncate to ${length} bytes`, async () => {
      await setLength(this.#descriptor, length);
      this.#size = length;
    });
  }

  /**
   * One after the other: the kernel tells a failed write-back to one caller for each descriptor, and calls clean what it could not write. Of two
   * syncs at once the one that knows nothing might be heard first.
   */
  sync(): Promise<void> {
    return this.#run("sync", () => {
      this.#nextSync ??= this.#synced.then(() => {
        this.#nextSync = undefined;
        const sync = this.#syncOnce();
        this.#synced = sync.catch(() => {});
        return sync;
      });
      return this.#nextSync;
    });
  }

  async close(): Promise<void> {
    this.#requireOpen();
    this.#state = "closed";
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    try {
      await closeDescriptor(this.#descriptor);
    } catch (error) {
      throw diskError(error, this.path, "close");
    }
  }

  async #syncOnce(): Promise<void> {
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    try {
      await syncData(this.#descriptor);
    } catch (error) {
      this.#syncFailure = syncError(error, this.path);
      throw this.#syncFailure;
    }
  }

  async #run<Value>(action: string, call: () => Promise<Value>): Promise<Value> {
    this.#requireOpen();
    this.#running += 1;
    try {
      return await call();
    } catch (error) {
      throw diskError(error, this.path, action);
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#whenIdle?.();
    }
  }

  #grow(end: number): void {
    if (end > this.#size) this.#size = end;
  }

  #requireOpen(): void {
    if (this.#state !== "open") throw new InvariantError(`${this.path}: used after it was closed`);
  }
}
