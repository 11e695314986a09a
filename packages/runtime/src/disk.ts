// The disk as a port: one data directory, addressed by paths relative to it ("a/b.log", no "..", "/" between names).
// Two kinds of cost, two kinds of call: appends go to the page cache and return at once; everything that may wait is a promise.

export type DiskErrorKind = "not-found" | "exists" | "no-space" | "too-many-files" | "locked" | "not-empty" | "unreadable" | "io";

/** A call on the disk failed. `unreadable` is a read that failed: what stands there may be fine elsewhere and later. `io` after a write or a sync means that the file's content is unknown: see design.md 6.10. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly kind: DiskErrorKind;
  readonly path: string;
  /** A sync found no room for what had been written: that file's content is unknown, and no other's. */
  readonly wantsRoom: boolean;
  constructor(kind: DiskErrorKind, path: string, message: string, options?: { cause?: unknown; wantsRoom?: boolean }) {
    super(`${path}: ${message}`, options);
    this.kind = kind;
    this.path = path;
    this.wantsRoom = options?.wantsRoom ?? false;
  }
}

/** Largest write that may hold the loop; a larger one is cut into several or made with `write`. Source: design.md, "One loop". */
export const syncWriteBytesMax = 1_048_576;

/** An open file. Positions and lengths are bytes. A call after `close` is an error of the caller. */
export interface DiskFile {
  readonly path: string;
  /** Length as this process has made it, without asking the disk. */
  readonly size: number;
  /**
   * Writes all of `bytes` at `position` into the page cache and returns; extends the file when it ends behind it. At most
   * `syncWriteBytesMax`. The bytes are the caller's again when it returns.
   * @throws {DiskError} no-space (what was written up to there is undefined), io.
   */
  writeSync(bytes: Uint8Array, position: number): void;
  /** As `writeSync`, of any length, without holding the loop; `bytes` must not change until it resolves. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** @returns how many bytes were read into `into` from `position`: fewer than its length only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  truncate(length: number): Promise<void>;
  /**
   * fdatasync: resolves when the content and the length that the file had at the call are on the disk. Syncs of one file may overlap.
   * @throws {DiskError} io: never call it again, nothing more can be promised of this disk.
   */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface DiskLock {
  release(): Promise<void>;
}

export interface Disk {
  /**
   * - "read": must exist, reads only.
   * - "write": must exist, reads and writes.
   * - "create": must not exist; made empty, reads and writes. Durable by `syncFolder` of its folder.
   * @throws {DiskError} not-found, exists, too-many-files, no-space, io.
   */
  open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile>;
  /** Replaces `to` when it exists. Durable by `syncFolder` of both folders. */
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Names in a folder ("" is the data directory), sorted by code unit. @throws {DiskError} not-found. */
  list(folder: string): Promise<readonly string[]>;
  /** Makes one level. @throws {DiskError} exists, not-found (its parent). */
  makeFolder(path: string): Promise<void>;
  /** @throws {DiskError} not-empty, not-found. */
  removeFolder(path: string): Promise<void>;
  /** Makes the creations, renames and removals in this folder durable. */
  syncFolder(path: string): Promise<void>;
  /** When the file was last written, as wall-clock milliseconds. */
  modifiedMs(path: string): Promise<number>;
  space(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }>;
  /** Holds the data directory for this process; freed by the system when the process ends in whatever way. @throws {DiskError} locked. */
  lock(): Promise<DiskLock>;
}
