// Shows each fault of the disk: that it happens when it is asked for, that it is counted, and what it leaves.

import type { Disk, DiskFile } from "@varve/runtime";
import { diskOnly, drawDiskFaults, Random, sectorBytes, soundDisk, unsyncedChangesMax } from "@varve/sim";
import { describe, expect, test } from "vitest";
import { turn } from "./platform.ts";

const seeds = 40;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (found: Uint8Array) => new TextDecoder().decode(found);

/** A file with durable content and name. */
async function durableFile(disk: Disk, path: string, content: string): Promise<DiskFile> {
  const file = await disk.open(path, "create");
  file.writeSync(bytes(content), 0);
  await file.sync();
  await disk.syncFolder("");
  return file;
}

describe("a failed sync", () => {
  test("throws once, leaves the bytes where processes see them, and loses them with the power although later syncs succeed", async () => {
    let lost = 0;
    for (let seed = 0; seed < seeds; seed++) {
      const machine = diskOnly({ seed, turn });
      await machine.run(async ({ disk }) => {
        const file = await durableFile(disk, "a", "old.");
        machine.disk.failNextSync("a");
        file.writeSync(bytes("new!"), 0);
        await expect(file.sync()).rejects.toMatchObject({ name: "DiskError", kind: "io", path: "a" });
        await file.sync();
        expect(text(machine.disk.contents("a"))).toBe("new!");
      });
      machine.kill("process");
      await machine.run(async () => expect(text(machine.disk.contents("a"))).toBe("new!"));
      machine.kill("power");
      expect(["old.", "new!"]).toContain(text(machine.disk.contents("a")));
      if (text(machine.disk.contents("a")) === "old.") lost++;
      expect(machine.trace.counts.get("disk.fault.sync-failed")).toBe(1);
    }
    expect(lost).toBeGreaterThan(seeds / 2);
  });

  test("does no harm to what is written again after it and synced", async () => {
    const machine = diskOnly({ seed: 1, turn });
    await machine.run(async ({ disk }) => {
      const file = await durableFile(disk, "a", "old.");
      machine.disk.failNextSync();
      file.writeSync(bytes("new!"), 0);
      await expect(file.sync()).rejects.toThrow("the sync failed");
      file.writeSync(bytes("new!"), 0);
      await file.sync();
    });
    machine.kill("power", "drop");
    expect(text(machine.disk.contents("a"))).toBe("new!");
  });

  test("of a folder loses the names, and the file system changes nothing more until the power has gone", async () => {
    const machine = diskOnly({ seed: 1, turn });
    await machine.run(async ({ disk }) => {
      await disk.open("a", "create");
      machine.disk.failNextSync("");
      await expect(disk.syncFolder("")).rejects.toMatchObject({ kind: "io" });
      await expect(disk.syncFolder("")).rejects.toMatchObject({ kind: "io" });
    });
    machine.kill("process");
    await machine.run(async ({ disk }) => {
      expect(await disk.list("")).toEqual(["a"]);
      await expect(disk.open("b", "create")).rejects.toMatchObject({ kind: "io" });
      const file = await disk.open("a", "write");
      expect(() => file.writeSync(bytes("new!"), 0)).toThrow(expect.objectContaining({ kind: "io" }));
      await expect(file.sync()).rejects.toMatchObject({ kind: "io" });
    });
    machine.kill("power", "keep");
    await machine.run(async ({ disk }) => {
      expect(await disk.list("")).toEqual([]);
      await disk.open("a", "create");
      await disk.syncFolder("");
    });
    expect(machine.trace.counts.get("disk.fault.stopped")).toBe(1);
  });

  test("comes by itself at the rate that is set", async () => {
    const machine = diskOnly({ seed: 1, turn, faults: { ...soundDisk, syncFails: 0.5 } });
    let failed = 0;
    await machine.run(async ({ disk }) => {
      const file = await disk.open("a", "create");
      for (let round = 0; round < 100; round++) await file.sync().catch(() => failed++);
    });
    expect(failed).toBeGreaterThan(25);
    expect(failed).toBeLessThan(75);
    expect(machine.trace.counts.get("disk.fault.sync-failed")).toBe(failed);
  });
});

describe("a full disk", () => {
  test("refuses what does not fit, with no-space, may have taken some of it, and takes more once there is room", async () => {
    const taken = new Set<number>();
    for (let seed = 0; seed < seeds; seed++) {
      const machine = diskOnly({ seed, turn, capacityBytes: 1_000 });
      await machine.run(async ({ disk }) => {
        const file = await disk.open("a", "create");
        file.writeSync(new Uint8Array(900), 0);
        expect(await disk.space()).toEqual({ totalBytes: 1_000, freeBytes: 100 });
        expect(() => file.writeSync(new Uint8Array(200), 900)).toThrow(expect.objectContaining({ kind: "no-space" }));
        taken.add(machine.disk.contents("a").length - 900);
        await file.truncate(1_000);
        await expect(disk.open("b", "create")).rejects.toMatchObject({ kind: "no-space" });
        await expect(disk.makeFolder("f")).rejects.toMatchObject({ kind: "no-space" });
        await expect(file.write(new Uint8Array(1), 1_000)).rejects.toMatchObject({ kind: "no-space" });
        file.writeSync(new Uint8Array(1_000).fill(1), 0);
        await file.truncate(10);
        await (await disk.open("b", "create")).close();
        await disk.unlink("a");
        expect((await disk.space()).freeBytes).toBe(1_000);
      });
      expect(machine.trace.counts.get("disk.fault.full")).toBe(4);
    }
    expect(Math.max(...taken)).toBeLessThanOrEqual(100);
    expect(taken.size).toBeGreaterThan(10);
  });

  test("counts a replaced file no more, and a file without a name not at all", async () => {
    const machine = diskOnly({ seed: 1, turn, capacityBytes: 1_000 });
    await machine.run(async ({ disk }) => {
      const one = await disk.open("one", "create");
      one.writeSync(new Uint8Array(300), 0);
      const other = await disk.open("other", "create");
      other.writeSync(new Uint8Array(400), 0);
      await disk.rename("one", "other");
      other.writeSync(new Uint8Array(900), 0);
      expect((await disk.space()).freeBytes).toBe(700);
    });
    machine.kill("power", "keep");
    expect(machine.disk.usedBytes).toBe(300);
  });
});

test("of very many unsynced changes the oldest reach the disk by themselves", async () => {
  const machine = diskOnly({ seed: 1, turn });
  await machine.run(async ({ disk }) => {
    const file = await durableFile(disk, "a", "");
    for (let at = 0; at < unsyncedChangesMax + 100; at++) file.writeSync(Uint8Array.of(1), at);
  });
  machine.kill("power", "drop");
  expect(machine.disk.contents("a")).toEqual(new Uint8Array(100).fill(1));
});

describe("damage", () => {
  test("turns one bit anywhere, in what processes see and in what is on the disk", async () => {
    const machine = diskOnly({ seed: 1, turn });
    await machine.run(async ({ disk }) => {
      await durableFile(disk, "a", "abc");
    });
    machine.disk.flipBit("a", 1, 0);
    expect(text(machine.disk.contents("a"))).toBe("acc");
    machine.kill("power", "drop");
    expect(text(machine.disk.contents("a"))).toBe("acc");
    expect(machine.trace.counts.get("disk.fault.bit-flip")).toBe(1);
    expect(() => machine.disk.flipBit("a", 3)).toThrow("no byte 3 to damage");
  });

  test("replaces bytes, and cuts or lengthens a file, behind everyone's back", async () => {
    const machine = diskOnly({ seed: 1, turn });
    await machine.run(async ({ disk }) => {
      await durableFile(disk, "a", "abcdef");
    });
    machine.disk.overwrite("a", 4, bytes("XYZ"));
    expect(text(machine.disk.contents("a", "durable"))).toBe("abcdXY");
    machine.disk.overwriteLength("a", 2);
    expect(text(machine.disk.contents("a"))).toBe("ab");
    machine.disk.overwriteLength("a", 3);
    expect(text(machine.disk.contents("a", "durable"))).toBe("ab\0");
  });
});

describe("slowness and refusals", () => {
  test("a read that fails says so with its file and position, and the next one succeeds", async () => {
    const machine = diskOnly({ seed: 1, turn });
    await machine.run(async ({ disk }) => {
      const file = await durableFile(disk, "a", "abc");
      machine.disk.faults = { ...soundDisk, readFails: 1 };
      await expect(file.read(new Uint8Array(2), 1)).rejects.toThrow("a: the read of 2 bytes at 1 failed");
      machine.disk.faults = soundDisk;
      expect(await file.read(new Uint8Array(2), 1)).toBe(2);
    });
    expect(machine.trace.counts.get("disk.fault.read-failed")).toBe(1);
  });

  test("a sector that was spoiled cannot be read, its neighbours can, until it is written as a whole", async () => {
    const machine = diskOnly({ seed: 1, turn });
    await machine.run(async ({ disk }) => {
      const file = await disk.open("a", "create");
      file.writeSync(new Uint8Array(3 * sectorBytes).fill(1), 0);
      await file.sync();
      machine.disk.spoil("a", sectorBytes + 7);
      await expect(file.read(new Uint8Array(2), sectorBytes - 1)).rejects.toMatchObject({ kind: "unreadable", path: "a" });
      expect(await file.read(new Uint8Array(sectorBytes), 0)).toBe(sectorBytes);
      expect(await file.read(new Uint8Array(sectorBytes), 2 * sectorBytes)).toBe(sectorBytes);
      file.writeSync(new Uint8Array(sectorBytes - 1), sectorBytes);
      await expect(file.read(new Uint8Array(1), sectorBytes)).rejects.toMatchObject({ kind: "unreadable" });
      file.writeSync(new Uint8Array(sectorBytes), sectorBytes);
      expect(await file.read(new Uint8Array(3 * sectorBytes), 0)).toBe(3 * sectorBytes);
    });
    expect(machine.trace.counts.get("disk.fault.bad-sector")).toBe(1);
  });

  test("a disk that stands still completes nothing until it moves again", async () => {
    const machine = diskOnly({ seed: 1, turn });
    await machine.run(async ({ disk, clock }) => {
      const file = await disk.open("a", "create");
      file.writeSync(bytes("abc"), 0);
      machine.disk.stall(5_000);
      const startMs = clock.monotonicMs();
      await file.sync();
      expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(5_000);
    });
    expect(machine.trace.counts.get("disk.fault.stall-all")).toBe(1);
  });

  test("single operations take long at the rate that is set, and syncs of one file overtake each other", async () => {
    const machine = diskOnly({ seed: 1, turn, faults: { ...soundDisk, stalls: 0.2, stallMs: 1_000 } });
    const order: number[] = [];
    await machine.run(async ({ disk }) => {
      const file = await disk.open("a", "create");
      await Promise.all(Array.from({ length: 30 }, (_, at) => file.sync().then(() => order.push(at))));
    });
    expect(order.length).toBe(30);
    expect(order).not.toEqual([...order].sort((one, other) => one - other));
    expect(machine.trace.counts.get("disk.fault.stall")).toBeGreaterThan(0);
  });

  test("no more files are open than the machine allows", async () => {
    const machine = diskOnly({ seed: 1, turn, openFilesMax: 2 });
    await machine.run(async ({ disk }) => {
      const first = await disk.open("a", "create");
      await disk.open("b", "create");
      await expect(disk.open("c", "create")).rejects.toMatchObject({ kind: "too-many-files", path: "c" });
      expect(await disk.list("")).toEqual(["a", "b"]);
      await first.close();
      await disk.open("b", "read");
      await expect(disk.open("a", "read")).rejects.toMatchObject({ kind: "too-many-files" });
    });
    expect(machine.trace.counts.get("disk.fault.too-many-files")).toBe(2);
  });

  test("what needs a file, or room, is refused at the rates that are set, and changes nothing; a write takes some of what it was given", async () => {
    const machine = diskOnly({ seed: 1, turn });
    await machine.run(async ({ disk }) => {
      const file = await durableFile(disk, "a", "old.");
      machine.disk.faults = { ...soundDisk, tooManyFiles: 1 };
      const noFile = { kind: "too-many-files" };
      await expect(disk.open("a", "read")).rejects.toMatchObject(noFile);
      await expect(disk.open("b", "create")).rejects.toMatchObject(noFile);
      await expect(disk.open("missing", "read")).rejects.toMatchObject(noFile);
      await expect(disk.list("")).rejects.toMatchObject(noFile);
      await expect(disk.syncFolder("")).rejects.toMatchObject(noFile);
      file.writeSync(bytes("new!new!"), 0);
      await file.sync();
      machine.disk.faults = { ...soundDisk, noSpace: 1 };
      const noRoom = { kind: "no-space" };
      await expect(disk.open("b", "create")).rejects.toMatchObject(noRoom);
      await expect(disk.makeFolder("b")).rejects.toMatchObject(noRoom);
      await expect(disk.rename("a", "b")).rejects.toMatchObject(noRoom);
      await expect(disk.unlink("a")).rejects.toMatchObject(noRoom);
      await expect(file.truncate(2)).rejects.toMatchObject(noRoom);
      expect(() => file.writeSync(bytes("longer"), 8)).toThrow(expect.objectContaining(noRoom));
      expect("new!new!longe").toContain(text(machine.disk.contents("a")));
      file.writeSync(bytes("over"), 0);
      machine.disk.faults = { ...soundDisk, syncWantsRoom: 1 };
      await expect(file.sync()).rejects.toMatchObject({ kind: "io", wantsRoom: true });
      machine.disk.faults = soundDisk;
      expect(await disk.list("")).toEqual(["a"]);
      expect(machine.disk.openFiles).toBe(1);
      await file.close();
      expect(machine.disk.openFiles).toBe(0);
    });
    const { counts } = machine.trace;
    expect(["refused-too-many-files", "refused-no-space", "sync-wants-room"].map((fault) => counts.get(`disk.fault.${fault}`))).toEqual([
      5, 6, 1,
    ]);
  });

  test("the faults of a seed are the same each time, and differ between seeds", () => {
    expect(drawDiskFaults(new Random(5))).toEqual(drawDiskFaults(new Random(5)));
    expect(new Set(Array.from({ length: 20 }, (_, seed) => JSON.stringify(drawDiskFaults(new Random(seed))))).size).toBeGreaterThan(10);
  });
});
