// The key-value store over LevelDB (`level`): every write is one batch, synced. It is loaded when the first store is opened.
// LevelDB orders keys by their UTF-8 bytes and the port by code unit, which is the same below U+D800: keys stay there.

import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { InvariantError } from "@varve/model";
import type { Level } from "level";
import { DiskError } from "../disk.ts";
import type { KeyValueStore, OpenKeyValueStore, StoreOperation } from "../key-value-store.ts";
import { pathBelow } from "./disk.ts";
import { diskError } from "./disk-error.ts";

/** LevelDB keeps this much of what it read in memory, in bytes: our stores are read once, at the start. */
const cacheBytes = 1_048_576;
/** An iterator fetches at most that many pairs at a time. */
const pairsPerStepMax = 1_000;

class LevelStore implements KeyValueStore {
  readonly #level: Level<string, Uint8Array>;
  readonly #folder: string;

  constructor(level: Level<string, Uint8Array>, folder: string) {
    this.#level = level;
    this.#folder = folder;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = await this.#attempt(`read ${key}`, () => this.#level.get(requireOrdered(key)));
    return value && bytesOf(value);
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    const batch = operations.map((operation) =>
      operation.type === "put"
        ? { type: "put" as const, key: requireOrdered(operation.key), value: operation.value }
        : { type: "del" as const, key: requireOrdered(operation.key) },
    );
    await this.#attempt(`write ${operations.length} operations`, () => this.#level.batch(batch, { sync: true }));
  }

  async *entries(from: string, to: string): AsyncGenerator<readonly [key: string, value: Uint8Array]> {
    const iterator = this.#level.iterator({ gte: requireOrdered(from), lt: requireOrdered(to) });
    try {
      for (;;) {
        const pairs = await this.#attempt("iterate", () => iterator.nextv(pairsPerStepMax));
        if (pairs.length === 0) return;
        for (const [key, value] of pairs) yield [key, bytesOf(value)];
      }
    } finally {
      await iterator.close();
    }
  }

  close(): Promise<void> {
    return this.#attempt("close", () => this.#level.close());
  }

  async #attempt<Value>(action: string, call: () => Promise<Value>): Promise<Value> {
    try {
      return await call();
    } catch (error) {
      throw storeError(error, this.#folder, action);
    }
  }
}

/** LevelDB hands out Buffers, whose `slice` does not copy. */
function bytesOf(value: Uint8Array): Uint8Array {
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function requireOrdered(key: string): string {
  for (let at = 0; at < key.length; at++) {
    if (key.charCodeAt(at) >= 0xd800) throw new InvariantError(`the key ${JSON.stringify(key)} has a character above U+D7FF`);
  }
  return key;
}

function storeError(error: unknown, folder: string, action: string): DiskError {
  // abstract-level says that the store could not be opened, and its cause says why.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "LEVEL_LOCKED") return new DiskError("locked", folder, "the store is open in this process or another one", { cause });
  return diskError(cause, folder, action);
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

/** LevelDB syncs its own folder; the names on the way to it, up to the data directory's, are ours to make durable. */
async function syncParents(dataFolder: string, path: string): Promise<void> {
  const parents: string[] = [];
  for (let folder = path; folder !== dataFolder; folder = dirname(folder)) parents.push(dirname(folder));
  // All have ended when it throws: none is at work on a directory that somebody else may have by then.
  for (const synced of await Promise.allSettled(parents.map(syncFolder))) if (synced.status === "rejected") throw synced.reason;
}

/**
 * @param dataFolder absolute path of the data directory, which exists.
 * @param whileOpening called while LevelDB opens: a time in which this thread has nothing to do.
 */
export function nodeStores(dataFolder: string, whileOpening: () => void = () => {}): OpenKeyValueStore {
  return async (folder) => {
    const path = pathBelow(dataFolder, folder);
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await syncParents(dataFolder, path);
    } catch (error) {
      throw diskError(error, folder, "make the store's folder");
    }
    const { Level } = await import("level");
    const level = new Level<string, Uint8Array>(path, { keyEncoding: "utf8", valueEncoding: "view", cacheSize: cacheBytes });
    try {
      const opening = level.open();
      // Heard of below.
      opening.catch(() => {});
      // Its first step is to make the folder, as this does once more: behind that LevelDB is at work on another thread.
      await mkdir(path, { recursive: true }).catch(() => {});
      whileOpening();
      await opening;
    } catch (error) {
      throw storeError(error, folder, "open the store");
    }
    return new LevelStore(level, folder);
  };
}
