// What an ordered key-value store must do: atomic batches, order by key, and the same content when it is opened again.

import { describe, expect, test } from "vitest";
import type { KeyValueStore, OpenKeyValueStore } from "../key-value-store.ts";
import { pattern, type Rig } from "./rig.ts";

/** @param run gives its script a data directory without a store. */
export function keyValueStoreContract(name: string, run: Rig<OpenKeyValueStore>): void {
  describe(`key-value store contract: ${name}`, () => {
    test("a value is found under its key, bytes as they were, the empty one too; another key has none", () =>
      run(async (open) => {
        const store = await open("s");
        await store.write([put("a", pattern(70_000)), put("empty", new Uint8Array(0)), put("ключ", Uint8Array.of(0, 255))]);
        expect(await store.get("a")).toEqual(pattern(70_000));
        expect(await store.get("empty")).toEqual(new Uint8Array(0));
        expect(await store.get("ключ")).toEqual(Uint8Array.of(0, 255));
        expect(await store.get("b")).toBeUndefined();
        await store.close();
      }));

    test("later operations win, in a batch and between batches", () =>
      run(async (open) => {
        const store = await open("s");
        await store.write([
          put("a", Uint8Array.of(1)),
          { type: "delete", key: "a" },
          put("b", Uint8Array.of(1)),
          put("b", Uint8Array.of(2)),
        ]);
        expect(await pairs(store, "", "z")).toEqual([["b", [2]]]);
        await store.write([put("b", Uint8Array.of(3)), { type: "delete", key: "never there" }]);
        expect(await store.get("b")).toEqual(Uint8Array.of(3));
        await store.write([]);
        await store.close();
      }));

    test("entries come by key, from the first bound on and up to the second", () =>
      run(async (open) => {
        const store = await open("s");
        await store.write(["b", "a", "c/2", "c/10", "d", "Z"].map((key, at) => put(key, Uint8Array.of(at))));
        expect((await pairs(store, "", "~")).map(([key]) => key)).toEqual(["Z", "a", "b", "c/10", "c/2", "d"]);
        expect((await pairs(store, "b", "d")).map(([key]) => key)).toEqual(["b", "c/10", "c/2"]);
        expect(await pairs(store, "e", "f")).toEqual([]);
        expect(await pairs(store, "d", "b")).toEqual([]);
        await store.close();
      }));

    test("an iteration may be left early, and the store written to and closed after that", () =>
      run(async (open) => {
        const store = await open("s");
        await store.write(Array.from({ length: 500 }, (_, at) => put(`k${at}`, pattern(100, at))));
        for await (const [key] of store.entries("k", "l")) {
          expect(key).toBe("k0");
          break;
        }
        await store.write([put("k0", Uint8Array.of(1))]);
        await store.close();
      }));

    test("what a caller does to its bytes after a write, or to a value it was given, does not reach the store", () =>
      run(async (open) => {
        const store = await open("s");
        const bytes = Uint8Array.of(1, 2, 3);
        await store.write([put("a", bytes)]);
        bytes.fill(9);
        (await store.get("a"))?.fill(8);
        expect(await store.get("a")).toEqual(Uint8Array.of(1, 2, 3));
        await store.close();
      }));

    test("a store that is opened again holds what it held; another folder is another store", () =>
      run(async (open) => {
        const first = await open("s");
        await first.write([put("a", Uint8Array.of(1)), put("b", Uint8Array.of(2))]);
        await first.write([{ type: "delete", key: "a" }]);
        await first.close();
        const again = await open("s");
        expect(await pairs(again, "", "z")).toEqual([["b", [2]]]);
        const other = await open("t");
        expect(await pairs(other, "", "z")).toEqual([]);
        await again.close();
        await other.close();
      }));

    test("a store is open once at a time", () =>
      run(async (open) => {
        const store = await open("s");
        await expect(open("s")).rejects.toMatchObject({ name: "DiskError", kind: "locked" });
        await store.close();
        await (await open("s")).close();
      }));

    test("writes that run at the same time all arrive, the later one last", () =>
      run(async (open) => {
        const store = await open("s");
        await Promise.all(
          Array.from({ length: 50 }, (_, at) => store.write([put(`own/${at}`, Uint8Array.of(at)), put("shared", Uint8Array.of(at))])),
        );
        expect((await pairs(store, "own/", "own0")).length).toBe(50);
        expect(await store.get("shared")).toEqual(Uint8Array.of(49));
        await store.close();
      }));
  });
}

function put(key: string, value: Uint8Array): { readonly type: "put"; readonly key: string; readonly value: Uint8Array } {
  return { type: "put", key, value };
}

async function pairs(store: KeyValueStore, from: string, to: string): Promise<readonly (readonly [string, readonly number[]])[]> {
  const found: (readonly [string, readonly number[]])[] = [];
  for await (const [key, value] of store.entries(from, to)) found.push([key, [...value]]);
  return found;
}
