// The disk of the platform: what only a real file system can show (modes, real errors). Its contract is run in contract.test.ts.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { syncWriteBytesMax } from "@varve/runtime";
import { nodeDisk } from "@varve/runtime/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { syncError } from "../src/node/disk-error.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "varve-disk-"));
});
afterEach(() => rmSync(root, { recursive: true }));

describe("a file", () => {
  test("refuses a synchronous write that would hold the loop for long", async () => {
    const file = await nodeDisk(root).open("a.log", "create");
    file.writeSync(new Uint8Array(syncWriteBytesMax), 0);
    expect(() => file.writeSync(new Uint8Array(syncWriteBytesMax + 1), 0)).toThrow("at most 1048576");
    expect(file.size).toBe(syncWriteBytesMax);
    await file.close();
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

describe("the data directory", () => {
  test("is made with all above it, and found again", () => {
    nodeDisk(join(root, "a/b/c"));
    nodeDisk(join(root, "a/b/c"));
    expect(statSync(join(root, "a/b/c")).mode & 0o777).toBe(0o700);
  });

  test("cannot be made where something else has its name, or that of a folder above it", () => {
    writeFileSync(join(root, "taken"), "");
    for (const path of ["taken", "taken/below"]) expect(() => nodeDisk(join(root, path))).toThrow("cannot make the data directory");
  });

  test.skipIf(process.platform !== "linux")("cannot be made in a folder that takes none: the attempt ends", () => {
    expect(() => nodeDisk("/proc/varve/data")).toThrow("/proc takes no new folders");
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

  test("a process that has all the files open that it may is told so", () => {
    const program = `
      import { nodeDisk } from "@varve/runtime/node";
      const disk = nodeDisk(process.argv[1]);
      let error;
      for (let at = 0; error === undefined && at < 200; at++) await disk.open("f" + at, "create").catch((thrown) => (error = thrown));
      process.stdout.write(error.kind);
    `;
    const command = `ulimit -n 64 && exec "$0" --input-type=module -e "$1" "$2"`;
    const { stdout } = spawnSync("bash", ["-c", command, process.execPath, program, root], { cwd: import.meta.dirname, encoding: "utf8" });
    expect(stdout).toBe("too-many-files");
  });

  test("a full device is no-space, from a synchronous and an asynchronous write", async () => {
    // /dev/full answers every write with ENOSPC.
    const file = await nodeDisk("/dev").open("full", "write");
    expect(() => file.writeSync(new Uint8Array([1]), 0)).toThrow(expect.objectContaining({ kind: "no-space" }));
    await expect(file.write(new Uint8Array([1]), 0)).rejects.toMatchObject({ kind: "no-space" });
    await file.close();
  });

  test("a sync that fails is an io error, and says when it was for want of room", () => {
    const codes = ["ENOSPC", "EDQUOT", "EIO"].map((code) => syncError(Object.assign(new Error(code), { code }), "a"));
    expect(codes.map(({ kind, wantsRoom }) => [kind, wantsRoom])).toEqual([
      ["io", true],
      ["io", true],
      ["io", false],
    ]);
  });
});
