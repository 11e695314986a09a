// What a disk must do while nothing fails: what it keeps through deaths and power cuts only a simulated one can show.

import { describe, expect, test } from "vitest";
import { type Disk, DiskError, syncWriteBytesMax } from "../disk.ts";
import { pattern, type Rig, sameBytes } from "./rig.ts";

/** @param run gives its script an empty data directory. */
export function diskContract(name: string, run: Rig<Disk>): void {
  describe(`disk contract: ${name}`, () => {
    describe("a file", () => {
      test("is empty when created, and gives back what was written at each position", () =>
        run(async (disk) => {
          const file = await disk.open("a.log", "create");
          expect([file.path, file.size]).toEqual(["a.log", 0]);
          file.writeSync(pattern(1_000), 0);
          file.writeSync(pattern(500, 1), 1_000);
          file.writeSync(pattern(100, 2), 950);
          expect(file.size).toBe(1_500);
          const whole = new Uint8Array(1_500);
          whole.set(pattern(1_000), 0);
          whole.set(pattern(500, 1), 1_000);
          whole.set(pattern(100, 2), 950);
          expect(await contents(disk, "a.log")).toEqual(whole);
          await file.close();
        }));

      test("holds zeros where it was passed over", () =>
        run(async (disk) => {
          const file = await disk.open("a", "create");
          file.writeSync(Uint8Array.of(7), 5);
          expect(await contents(disk, "a")).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 7));
          await file.close();
        }));

      test("leaves the bytes of a synchronous write to their owner as soon as it returns", () =>
        run(async (disk) => {
          const file = await disk.open("a", "create");
          const bytes = Uint8Array.of(1, 2, 3);
          file.writeSync(bytes, 0);
          bytes.fill(9);
          await file.sync();
          expect(await contents(disk, "a")).toEqual(Uint8Array.of(1, 2, 3));
          await file.close();
        }));

      test("takes asynchronous writes of any length, several at a time", () =>
        run(async (disk) => {
          const file = await disk.open("a", "create");
          const long = pattern(syncWriteBytesMax + 12_345);
          await Promise.all([file.write(long, 10), file.write(pattern(10, 1), 0)]);
          expect(file.size).toBe(long.length + 10);
          const back = await contents(disk, "a");
          expect(back.subarray(0, 10)).toEqual(pattern(10, 1));
          expect(sameBytes(back.subarray(10), long)).toBe(true);
          await file.close();
        }));

      test("reads fewer bytes than asked for only at its end, and leaves the rest of the buffer alone", () =>
        run(async (disk) => {
          const file = await disk.open("a", "create");
          file.writeSync(Uint8Array.of(1, 2, 3, 4), 0);
          const into = new Uint8Array(4).fill(9);
          expect(await file.read(into, 2)).toBe(2);
          expect(into).toEqual(Uint8Array.of(3, 4, 9, 9));
          expect(await file.read(into, 4)).toBe(0);
          expect(await file.read(into, 400)).toBe(0);
          expect(await file.read(new Uint8Array(0), 0)).toBe(0);
          await file.close();
        }));

      test("forgets what a truncation cut off, and is filled with zeros by one that lengthens it", () =>
        run(async (disk) => {
          const file = await disk.open("a", "create");
          file.writeSync(Uint8Array.of(1, 2, 3, 4), 0);
          await file.truncate(2);
          expect(file.size).toBe(2);
          await file.truncate(4);
          expect(file.size).toBe(4);
          expect(await contents(disk, "a")).toEqual(Uint8Array.of(1, 2, 0, 0));
          await file.close();
        }));

      test("may be synced several times at once, also while it is written", () =>
        run(async (disk) => {
          const file = await disk.open("a", "create");
          const syncs: Promise<void>[] = [];
          for (let at = 0; at < 10; at++) {
            file.writeSync(Uint8Array.of(at), at);
            syncs.push(file.sync());
          }
          await Promise.all(syncs);
          await disk.syncFolder("");
          expect(await contents(disk, "a")).toEqual(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
          await file.close();
        }));

      test("is the same through all of its handles", () =>
        run(async (disk) => {
          const writer = await disk.open("a", "create");
          const reader = await disk.open("a", "read");
          writer.writeSync(Uint8Array.of(1, 2), 0);
          const into = new Uint8Array(2);
          expect(await reader.read(into, 0)).toBe(2);
          expect(into).toEqual(Uint8Array.of(1, 2));
          await reader.close();
          const again = await disk.open("a", "write");
          expect(again.size).toBe(2);
          again.writeSync(Uint8Array.of(3), 0);
          expect(await contents(disk, "a")).toEqual(Uint8Array.of(3, 2));
          await again.close();
          await writer.close();
        }));

      test("is closed only after the calls that run on it, and refuses any after that", () =>
        run(async (disk) => {
          const file = await disk.open("a", "create");
          file.writeSync(pattern(10_000), 0);
          const order: string[] = [];
          const running = [file.sync().then(() => order.push("sync")), file.read(new Uint8Array(10_000), 0).then(() => order.push("read"))];
          await file.close().then(() => order.push("close"));
          await Promise.all(running);
          expect(order.at(-1)).toBe("close");
          expect(() => file.writeSync(new Uint8Array(1), 0)).toThrow();
          await expect(file.sync()).rejects.toThrow();
        }));

      test("tells when it was last written", () =>
        run(async (disk, clock) => {
          const file = await disk.open("a", "create");
          file.writeSync(Uint8Array.of(1), 0);
          const modifiedMs = await disk.modifiedMs("a");
          expect(Number.isSafeInteger(modifiedMs)).toBe(true);
          expect(Math.abs(modifiedMs - clock.wallMs())).toBeLessThan(60_000);
          await file.close();
        }));

      test("must exist to be opened, must not to be created, and its folder must", () =>
        run(async (disk) => {
          await (await disk.open("a", "create")).close();
          await fails(disk.open("a", "create"), "exists", "a");
          await fails(disk.open("b", "read"), "not-found", "b");
          await fails(disk.open("b", "write"), "not-found", "b");
          await fails(disk.open("f/a", "create"), "not-found", "f/a");
          await fails(disk.modifiedMs("b"), "not-found", "b");
        }));
    });

    describe("a folder", () => {
      test("lists its files and folders, sorted by code unit", () =>
        run(async (disk) => {
          expect(await disk.list("")).toEqual([]);
          await disk.makeFolder("b");
          for (const path of ["a10", "a2", "B", "b/x", "b/é", "b/z"]) await (await disk.open(path, "create")).close();
          expect(await disk.list("")).toEqual(["B", "a10", "a2", "b"]);
          expect(await disk.list("b")).toEqual(["x", "z", "é"]);
          await fails(disk.list("c"), "not-found", "c");
        }));

      test("is made once, below one that exists, and removed when it is empty", () =>
        run(async (disk) => {
          await disk.makeFolder("f");
          await fails(disk.makeFolder("f"), "exists", "f");
          await fails(disk.makeFolder("g/h"), "not-found", "g/h");
          await (await disk.open("f/a", "create")).close();
          await fails(disk.removeFolder("f"), "not-empty", "f");
          await disk.unlink("f/a");
          await disk.removeFolder("f");
          await fails(disk.removeFolder("f"), "not-found", "f");
          expect(await disk.list("")).toEqual([]);
        }));

      test("can be synced when it exists", () =>
        run(async (disk) => {
          await disk.makeFolder("f");
          await disk.syncFolder("f");
          await disk.syncFolder("");
          await fails(disk.syncFolder("g"), "not-found", "g");
        }));

      test("takes its content along when it is renamed", () =>
        run(async (disk) => {
          await disk.makeFolder("f");
          const file = await disk.open("f/a", "create");
          await disk.rename("f", "g");
          file.writeSync(Uint8Array.of(5), 0);
          expect(await contents(disk, "g/a")).toEqual(Uint8Array.of(5));
          await fails(disk.list("f"), "not-found", "f");
          await file.close();
        }));
    });

    describe("a name", () => {
      test("moves to another one, which it replaces, and open files follow", () =>
        run(async (disk) => {
          await disk.makeFolder("f");
          const moved = await disk.open("new", "create");
          moved.writeSync(Uint8Array.of(1), 0);
          const replaced = await disk.open("f/old", "create");
          replaced.writeSync(Uint8Array.of(2), 0);
          await disk.rename("new", "f/old");
          moved.writeSync(Uint8Array.of(3), 1);
          expect(await contents(disk, "f/old")).toEqual(Uint8Array.of(1, 3));
          expect(await disk.list("")).toEqual(["f"]);
          await fails(disk.rename("new", "other"), "not-found", "new");
          await moved.close();
          await replaced.close();
        }));

      test("can be removed, and what is open under it stays readable", () =>
        run(async (disk) => {
          const file = await disk.open("a", "create");
          file.writeSync(Uint8Array.of(4), 0);
          await disk.unlink("a");
          expect(await disk.list("")).toEqual([]);
          expect(await file.read(new Uint8Array(1), 0)).toBe(1);
          await fails(disk.unlink("a"), "not-found", "a");
          await file.close();
        }));

      test.each(["../a", "a/../../b", "/etc/passwd", "a//b", "a/.", "", "a\0b"])(
        "%j is refused: it is no path below the data directory",
        (path) =>
          run(async (disk) => {
            await expect(disk.open(path, "create")).rejects.toMatchObject({ name: "InvariantError" });
            await expect(disk.rename("a", path)).rejects.toMatchObject({ name: "InvariantError" });
          }),
      );
    });

    test("space is counted in bytes, and no more is free than there is", () =>
      run(async (disk) => {
        const { totalBytes, freeBytes } = await disk.space();
        expect(Number.isSafeInteger(totalBytes) && Number.isSafeInteger(freeBytes)).toBe(true);
        expect(totalBytes).toBeGreaterThan(0);
        expect(freeBytes).toBeLessThanOrEqual(totalBytes);
      }));

    test("the directory is held by one at a time, and shows nothing of it", () =>
      run(async (disk) => {
        const lock = await disk.lock();
        await expect(disk.lock()).rejects.toMatchObject({ name: "DiskError", kind: "locked" });
        expect(await disk.list("")).toEqual([]);
        await lock.release();
        await (await disk.lock()).release();
      }));
  });
}

async function contents(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, "read");
  const bytes = new Uint8Array(file.size);
  expect(await file.read(bytes, 0)).toBe(bytes.length);
  await file.close();
  return bytes;
}

async function fails(call: Promise<unknown>, kind: DiskError["kind"], path: string): Promise<void> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DiskError);
  expect(error).toMatchObject({ kind, path });
}
