// The disk of the platform: what the port promises and only a real file system can show (modes, paths, descriptors, errors).

import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeDisk } from "@varve/runtime/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "varve-disk-"));
});
afterEach(() => rmSync(root, { recursive: true }));

describe("a file", () => {
  test("holds what was written at each position, and knows its size without asking", async () => {
    const file = await nodeDisk(root).open("a.log", "create");
    file.writeSync(new Uint8Array([1, 2, 3]), 0);
    file.writeSync(new Uint8Array([9]), 5);
    expect(file.size).toBe(6);
    const into = new Uint8Array(10);
    expect(await file.read(into, 0)).toBe(6);
    expect([...into.subarray(0, 6)]).toEqual([1, 2, 3, 0, 0, 9]);
    await file.truncate(2);
    expect(file.size).toBe(2);
    expect(await file.read(into, 2)).toBe(0);
    await file.sync();
    await file.close();
    expect((await nodeDisk(root).open("a.log", "read")).size).toBe(2);
  });

  test("takes an asynchronous write longer than a synchronous one may be", async () => {
    const file = await nodeDisk(root).open("a.log", "create");
    const bytes = new Uint8Array(3_000_000).map((_, at) => at & 255);
    await file.write(bytes, 10);
    expect(file.size).toBe(3_000_010);
    const back = new Uint8Array(bytes.length);
    expect(await file.read(back, 10)).toBe(bytes.length);
    expect(Buffer.compare(back, bytes)).toBe(0);
    expect(() => file.writeSync(bytes, 0)).toThrow("at most 1048576");
    await file.close();
  });

  test("is closed only after the calls that run on it, and refuses any after that", async () => {
    const file = await nodeDisk(root).open("a.log", "create");
    file.writeSync(new Uint8Array(100_000), 0);
    const order: string[] = [];
    const running = [file.sync().then(() => order.push("sync")), file.read(new Uint8Array(100_000), 0).then(() => order.push("read"))];
    await file.close().then(() => order.push("close"));
    await Promise.all(running);
    expect(order.at(-1)).toBe("close");
    expect(() => file.writeSync(new Uint8Array(1), 0)).toThrow("used after it was closed");
    await expect(file.sync()).rejects.toThrow("used after it was closed");
  });

  test("is private to its owner, as is a folder", async () => {
    const disk = nodeDisk(join(root, "deep", "data"));
    await disk.makeFolder("f");
    await (await disk.open("f/a", "create")).close();
    expect(statSync(join(root, "deep/data")).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, "deep/data/f")).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, "deep/data/f/a")).mode & 0o777).toBe(0o600);
  });
});

describe("paths", () => {
  test.each(["../a", "a/../../b", "/etc/passwd", "a//b", "a/.", "", "a\0b", ".lock"])(
    "%j is refused before the system sees it",
    async (path) => {
      const disk = nodeDisk(join(root, "data"));
      await expect(disk.open(path, "create")).rejects.toMatchObject({ name: "InvariantError" });
      await expect(disk.unlink(path)).rejects.toMatchObject({ name: "InvariantError" });
      expect(readdirSync(root)).toEqual(["data"]);
    },
  );

  test("names are listed in the order of their code units", async () => {
    const disk = nodeDisk(root);
    for (const name of ["b", "a10", "a2", "B"]) await (await disk.open(name, "create")).close();
    expect(await disk.list("")).toEqual(["B", "a10", "a2", "b"]);
  });
});

describe("errors", () => {
  test("of the system bear the port's kinds and name the path", async () => {
    const disk = nodeDisk(root);
    await disk.makeFolder("f");
    await (await disk.open("f/a", "create")).close();
    await expect(disk.open("none", "read")).rejects.toMatchObject({ name: "DiskError", kind: "not-found", path: "none" });
    await expect(disk.open("f/a", "create")).rejects.toMatchObject({ kind: "exists" });
    await expect(disk.open("f/a/b", "write")).rejects.toMatchObject({ kind: "not-found" });
    await expect(disk.removeFolder("f")).rejects.toMatchObject({ kind: "not-empty" });
    await expect(disk.list("none")).rejects.toMatchObject({ kind: "not-found" });
    await expect(disk.makeFolder("f")).rejects.toMatchObject({ kind: "exists" });
    await expect(disk.unlink("none")).rejects.toMatchObject({ kind: "not-found" });
  });

  test("a write that the file's mode forbids is an io error, and changes nothing", async () => {
    writeFileSync(join(root, "a"), "abc");
    const file = await nodeDisk(root).open("a", "read");
    expect(() => file.writeSync(new Uint8Array([1]), 0)).toThrow(expect.objectContaining({ kind: "io", path: "a" }));
    expect(file.size).toBe(3);
    await file.close();
  });

  test("a full device is no-space, from a synchronous and an asynchronous write", async () => {
    // /dev/full answers every write with ENOSPC.
    const file = await nodeDisk("/dev").open("full", "write");
    expect(() => file.writeSync(new Uint8Array([1]), 0)).toThrow(expect.objectContaining({ kind: "no-space" }));
    await expect(file.write(new Uint8Array([1]), 0)).rejects.toMatchObject({ kind: "no-space" });
    await file.close();
  });
});

test("space is told in bytes, and a file's time in whole milliseconds", async () => {
  const disk = nodeDisk(root);
  const { totalBytes, freeBytes } = await disk.space();
  expect(totalBytes).toBeGreaterThan(freeBytes);
  expect(freeBytes).toBeGreaterThan(0);
  await (await disk.open("a", "create")).close();
  await disk.syncFolder("");
  const modifiedMs = await disk.modifiedMs("a");
  expect(Number.isSafeInteger(modifiedMs)).toBe(true);
  expect(Math.abs(modifiedMs - Date.now())).toBeLessThan(60_000);
});
