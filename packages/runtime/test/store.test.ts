// The key-value store over LevelDB: what it keeps over a reopening, and what it refuses.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeStores } from "@varve/runtime/node";
import { afterEach, beforeEach, expect, test } from "vitest";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "varve-store-"));
});
afterEach(() => rmSync(root, { recursive: true }));

test("a batch is there, whole, after the store was closed and opened", async () => {
  const open = nodeStores(root);
  const store = await open("raft");
  await store.write([
    { type: "put", key: "a", value: new Uint8Array([1, 2, 255]) },
    { type: "put", key: "b", value: new Uint8Array(0) },
    { type: "put", key: "c", value: new Uint8Array([3]) },
  ]);
  await store.write([{ type: "delete", key: "c" }]);
  await store.close();

  const again = await open("raft");
  expect(await again.get("a")).toEqual(new Uint8Array([1, 2, 255]));
  expect(await again.get("b")).toHaveLength(0);
  expect(await again.get("c")).toBeUndefined();
  await again.close();
});

test("entries come in order, from the first key up to and without the last, over many steps of the iterator", async () => {
  const store = await nodeStores(root)("raft");
  const keys = Array.from({ length: 2_500 }, (_, at) => `k${String(at).padStart(5, "0")}`);
  await store.write(keys.map((key) => ({ type: "put", key, value: new Uint8Array([1]) })));
  const seen: string[] = [];
  for await (const [key] of store.entries("k00010", "k02400")) seen.push(key);
  expect(seen).toEqual(keys.slice(10, 2_400));
  for await (const [key] of store.entries("k00010", "k02400")) {
    expect(key).toBe("k00010");
    break;
  }
  await store.close();
});

test("a store that is open elsewhere is locked", async () => {
  const open = nodeStores(root);
  const store = await open("raft");
  await expect(open("raft")).rejects.toMatchObject({ name: "DiskError", kind: "locked", path: "raft" });
  await store.close();
});

test("a key whose order LevelDB would see differently is refused", async () => {
  const store = await nodeStores(root)("raft");
  await expect(store.write([{ type: "put", key: "\u{1F600}", value: new Uint8Array(1) }])).rejects.toThrow("above U+D7FF");
  await store.close();
});

test("a folder that leaves the data directory is refused", async () => {
  await expect(nodeStores(root)("../elsewhere")).rejects.toMatchObject({ name: "InvariantError" });
});
