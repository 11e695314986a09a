// The lock of a data directory: one process holds it, the kernel frees it at the process's end, however that comes.
// It is SQLite's RESERVED lock on an empty file, a lock by fcntl: docs/decisions/0004-data-directory-lock.md says why.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { DiskError, type DiskLock } from "../disk.ts";

/** In the data directory; hidden from `list`. Nobody else may open it: closing any descriptor of it would free the lock. */
export const lockFileName = ".lock";

/** SQLITE_BUSY. Source: sqlite.org/rescode.html. */
const busy = 5;
/** The byte that a RESERVED lock holds. Source: sqlite.org/fileformat2.html, 1.1 (the lock-byte page). */
const reservedByte = 0x4000_0001;

// A database object that nobody refers to is closed by the garbage collector, and its lock with it.
const held = new Set<DatabaseSync>();

/** @throws {DiskError} locked, when this process or another one holds it; io. */
export async function lockDirectory(root: string): Promise<DiskLock> {
  const { DatabaseSync } = await import("node:sqlite");
  const path = join(root, lockFileName);
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(path);
  } catch (error) {
    throw new DiskError("io", lockFileName, `cannot open the data directory's lock: ${(error as Error).message}`, { cause: error });
  }
  try {
    // With its journal in memory there is no file that a later starter would first have to look into, under locks of its own.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== busy) {
      throw new DiskError("io", lockFileName, `cannot lock the data directory: ${(error as Error).message}`, { cause: error });
    }
    throw new DiskError("locked", lockFileName, `the data directory ${root} is in use${await holder(path)}`, { cause: error });
  }
  held.add(database);
  return {
    async release() {
      if (held.delete(database)) database.close();
    },
  };
}

/** Which process holds the lock, where the kernel tells: a hint for the operator, empty otherwise. */
async function holder(path: string): Promise<string> {
  try {
    const { ino } = await stat(path);
    for (const line of (await readFile("/proc/locks", "utf8")).split("\n")) {
      // 3: POSIX  ADVISORY  WRITE 4711 fe:00:1835122 1073741825 1073741825
      const [, , , access, process, file, from] = line.split(/\s+/);
      if (access === "WRITE" && file?.endsWith(`:${ino}`) && Number(from) === reservedByte) return ` by process ${process}`;
    }
  } catch {
    // Only a hint: systems without /proc/locks have none to give.
  }
  return "";
}
