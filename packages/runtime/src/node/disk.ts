// One data directory of the platform's file system. Files are 0600, folders 0700; no path leaves the directory.
// It opens and names files; what is in one is file.ts, who may use the directory is lock.ts.

import { closeSync, constants, fstat, fsyncSync, mkdirSync, open, openSync, statSync } from "node:fs";
import { mkdir, open as openFolder, readdir, rename, rmdir, stat, statfs, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { InvariantError } from "@varve/model";
import type { Disk, DiskFile, DiskLock } from "../disk.ts";
import { diskError, syncError } from "./disk-error.ts";
import { NodeFile } from "./file.ts";
import { lockDirectory, lockFileName } from "./lock.ts";

const openDescriptor = promisify(open);
const statDescriptor = promisify(fstat);

const fileMode = 0o600;
const folderMode = 0o700;

const openFlags = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const;

/** @returns the name of `path` below `root`. @throws {InvariantError} when it is not a clean relative path: no part of it may be a client's text. */
export function pathBelow(root: string, path: string): string {
  for (const name of path.split("/")) {
    if (name === "" || name === "." || name === ".." || name.includes("\0")) {
      throw new InvariantError(`${JSON.stringify(path)} is not a path below the data directory`);
    }
  }
  if (path === lockFileName) throw new InvariantError(`${path} is the data directory's lock`);
  return join(root, path);
}

class NodeDisk implements Disk {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    return attempt(path, mode === "create" ? "create the file" : "open the file", async () => {
      const descriptor = await openDescriptor(this.#below(path), openFlags[mode], fileMode);
      const { size } = await statDescriptor(descriptor);
      return new NodeFile(path, descriptor, size);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return attempt(from, `rename to ${to}`, () => rename(this.#below(from), this.#below(to)));
  }

  unlink(path: string): Promise<void> {
    return attempt(path, "remove the file", () => unlink(this.#below(path)));
  }

  async list(folder: string): Promise<readonly string[]> {
    const names = await attempt(folder, "list the folder", () => readdir(this.#folder(folder)));
    return (folder === "" ? names.filter((name) => name !== lockFileName) : names).sort();
  }

  makeFolder(path: string): Promise<void> {
    return attempt(path, "make the folder", () => mkdir(this.#below(path), { mode: folderMode }));
  }

  removeFolder(path: string): Promise<void> {
    return attempt(path, "remove the folder", () => rmdir(this.#below(path)));
  }

  syncFolder(path: string): Promise<void> {
    return attempt(path, "sync the folder", async () => {
      await using handle = await openFolder(this.#folder(path), "r");
      await handle.sync().catch((error: unknown) => {
        throw syncError(error, path);
      });
    });
  }

  async modifiedMs(path: string): Promise<number> {
    return Math.trunc((await attempt(path, "stat the file", () => stat(this.#below(path)))).mtimeMs);
  }

  async space(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    const { bsize, blocks, bavail } = await attempt("", "ask for free space", () => statfs(this.#root));
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
  }

  async lock(): Promise<DiskLock> {
    return lockDirectory(this.#root);
  }

  #below(path: string): string {
    return pathBelow(this.#root, path);
  }

  #folder(path: string): string {
    return path === "" ? this.#root : this.#below(path);
  }
}

async function attempt<Value>(path: string, action: string, call: () => Promise<Value>): Promise<Value> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    throw diskError(error, path, action);
  }
}

/** Makes a folder and those above it that are missing, and their names durable: what is synced below them would be lost with them. */
function makeDurableFolder(path: string): void {
  if (!made(path)) {
    const parent = dirname(path);
    // Node's own recursive mkdir goes on for ever where a folder that is there says "not found" to new ones, as those of /proc do.
    if (isFolder(parent)) throw new Error(`${parent} takes no new folders`);
    makeDurableFolder(parent);
    if (!made(path)) throw new Error(`${parent} takes no new folders`);
  }
}

/** @returns false when there is nothing to make it in. */
function made(path: string): boolean {
  try {
    mkdirSync(path, { mode: folderMode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && isFolder(path)) return true;
    if (code === "ENOENT") return false;
    throw error;
  }
  const parent = openSync(dirname(path), constants.O_RDONLY);
  try {
    fsyncSync(parent);
  } finally {
    closeSync(parent);
  }
  return true;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** @param dataFolder the data directory, made when missing. @throws {DiskError} when it cannot be made. */
export function nodeDisk(dataFolder: string): Disk {
  const root = resolve(dataFolder);
  try {
    makeDurableFolder(root);
  } catch (error) {
    throw diskError(error, root, "make the data directory");
  }
  return new NodeDisk(root);
}
