// An ordered key-value store as a port, with what LevelDB gives: atomic batches, synced when asked, and iteration by key.
// It may lose a damaged batch without a word (design.md, "Controller"): whoever stores here checks what comes back.

export type StoreOperation =
  | { readonly type: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly key: string };

export interface KeyValueStore {
  get(key: string): Promise<Uint8Array | undefined>;
  /** All or nothing; on the disk when it resolves. */
  write(operations: readonly StoreOperation[]): Promise<void>;
  /** Pairs with `from` ≤ key < `to`, by code unit. */
  entries(from: string, to: string): AsyncIterable<readonly [key: string, value: Uint8Array]>;
  close(): Promise<void>;
}

/** Opens the store in a folder of the data directory, made when missing. @throws {DiskError} locked, io. */
export type OpenKeyValueStore = (folder: string) => Promise<KeyValueStore>;
