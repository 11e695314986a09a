// Shows what dies with a process and what with the power, at each numbered effect of a small history, and that the dead do nothing.

import type { Disk } from "@varve/runtime";
import { type DiskOnly, diskOnly } from "@varve/sim";
import { describe, expect, test } from "vitest";
import { turn } from "./platform.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (found: Uint8Array) => new TextDecoder().decode(found);
const moments = ["before", "torn", "after"] as const;
const deaths = ["process", "power"] as const;
const seeds = 60;

/** Replaces the file `a`, as everyone should: a new file, synced, renamed, and the folder synced. @returns what it has done. */
async function replace(disk: Disk, content: string, done: string[]): Promise<void> {
  const file = await disk.open("a.tmp", "create");
  file.writeSync(bytes(content), 0);
  await file.sync();
  await file.close();
  await disk.rename("a.tmp", "a");
  await disk.syncFolder("");
  done.push(content);
}

async function withFirst(seed: number): Promise<DiskOnly> {
  const machine = diskOnly({ seed, turn });
  await machine.run(({ disk }) => replace(disk, "first", []));
  return machine;
}

describe("a file that is replaced by a rename", () => {
  test.each(deaths)(
    "is the old one or the new one, whole, after a %s death at any effect, and the new one once it was promised",
    async (death) => {
      const probe = await withFirst(0);
      const before = probe.disk.effects;
      await probe.run(({ disk }) => replace(disk, "second", []));
      const effects = probe.disk.effects - before;
      expect(effects).toBe(5);
      const found = new Set<string>();
      for (let seed = 0; seed < seeds; seed++) {
        for (let ordinal = 1; ordinal <= effects; ordinal++) {
          for (const moment of moments) {
            const machine = await withFirst(seed);
            machine.disk.dieAt(before + ordinal, moment, death);
            const done: string[] = [];
            const outcome = await machine.run(({ disk }) => replace(disk, "second", done));
            expect(outcome).toEqual({ kind: "died" });
            expect(done).toEqual([]);
            const content = text(machine.disk.contents("a"));
            expect(["first", "second"]).toContain(content);
            if (ordinal === effects && moment === "after") expect(content).toBe("second");
            found.add(content);
          }
        }
      }
      expect([...found].sort()).toEqual(["first", "second"]);
    },
  );

  test("may be empty or torn when it was not synced before the rename, or stay the old one when the folder was not synced", async () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const machine = await withFirst(seed);
      await machine.run(async ({ disk }) => {
        const file = await disk.open("a.tmp", "create");
        file.writeSync(bytes("second"), 0);
        await disk.rename("a.tmp", "a");
      });
      machine.kill("power");
      found.add(text(machine.disk.contents("a")));
    }
    expect([...found]).toEqual(expect.arrayContaining(["", "first", "second"]));
  });
});

describe("names", () => {
  test("of a synced file may be missing when the folder was not synced, and its content with it", async () => {
    const found = new Set<string>();
    for (let seed = 0; seed < seeds; seed++) {
      const machine = diskOnly({ seed, turn });
      await machine.run(async ({ disk }) => {
        const file = await disk.open("a", "create");
        file.writeSync(bytes("synced"), 0);
        await file.sync();
      });
      machine.kill("power");
      await machine.run(async ({ disk }) => {
        found.add((await disk.list("")).join());
        if ((await disk.list("")).includes("a")) expect(text(machine.disk.contents("a"))).toBe("synced");
      });
    }
    expect([...found].sort()).toEqual(["", "a"]);
  });

  test("that were removed may be back with all that was synced under them", async () => {
    const found = new Set<string>();
    for (let seed = 0; seed < seeds; seed++) {
      const machine = await withFirst(seed);
      await machine.run(({ disk }) => disk.unlink("a"));
      machine.kill("power");
      await machine.run(async ({ disk }) => found.add((await disk.list("")).join()));
      if (machine.disk.usedBytes > 0) expect(text(machine.disk.contents("a"))).toBe("first");
    }
    expect([...found].sort()).toEqual(["", "a"]);
  });

  test("that move between folders are found in the one, in the other or in both, and never in neither", async () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const machine = await withFirst(seed);
      await machine.run(async ({ disk }) => {
        await disk.makeFolder("f");
        await disk.syncFolder("");
        await disk.rename("a", "f/a");
        if (seed % 4 === 0) await disk.syncFolder("");
        if (seed % 4 === 1) await disk.syncFolder("f");
      });
      machine.kill("power");
      await machine.run(async ({ disk }) => {
        const places = [...(await disk.list("")).filter((name) => name === "a"), ...(await disk.list("f")).map((name) => `f/${name}`)];
        found.add(places.join(" and "));
        if (seed % 4 < 2) expect(places).toContain("f/a");
        if (seed % 4 === 0) expect(places).toEqual(["f/a"]);
        for (const place of places) expect(text(machine.disk.contents(place))).toBe("first");
      });
    }
    expect([...found].sort()).toEqual(["a", "a and f/a", "f/a"]);
  });

  test("of a folder that was never synced take everything below them along", async () => {
    const machine = diskOnly({ seed: 1, turn });
    await machine.run(async ({ disk }) => {
      await disk.makeFolder("f");
      const file = await disk.open("f/a", "create");
      file.writeSync(bytes("synced"), 0);
      await file.sync();
      await disk.syncFolder("f");
    });
    machine.kill("power", "drop");
    await machine.run(async ({ disk }) => expect(await disk.list("")).toEqual([]));
  });
});

describe("unsynced writes", () => {
  test("are kept, dropped, torn at sectors and reordered, each by itself", async () => {
    const found = new Set<string>();
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 2_000; seed++) {
      const machine = diskOnly({ seed, turn });
      await machine.run(async ({ disk }) => {
        const file = await disk.open("a", "create");
        file.writeSync(new Uint8Array(512).fill(1), 0);
        await file.sync();
        await disk.syncFolder("");
        file.writeSync(new Uint8Array(1_024).fill(2), 0);
        file.writeSync(new Uint8Array(512).fill(3), 0);
      });
      machine.kill("power");
      const content = machine.disk.contents("a");
      expect(content.every((byte, at) => byte === content[at - (at % 512)])).toBe(true);
      found.add([content[0], content[512]].join());
      for (const [kind, count] of machine.trace.counts) counts.set(kind, (counts.get(kind) ?? 0) + count);
    }
    // 1 is the synced sector, 2 and 3 the writes that came after it; 0 a sector that only the length reached.
    expect([...found].sort()).toEqual(["1,", "1,0", "1,2", "2,", "2,0", "2,2", "3,", "3,0", "3,2"].sort());
    for (const kind of ["dropped", "torn", "reordered", "power-cut"]) expect(counts.get(`disk.fault.${kind}`)).toBeGreaterThan(0);
  });

  test("survive a death of the process and go with a power cut right after it", async () => {
    const machine = await withFirst(1);
    await machine.run(async ({ disk }) => {
      (await disk.open("a", "write")).writeSync(bytes("FIRST"), 0);
    });
    machine.kill("process");
    expect(text(machine.disk.contents("a"))).toBe("FIRST");
    machine.kill("power", "drop");
    expect(text(machine.disk.contents("a"))).toBe("first");
  });

  test("survive two processes, and are synced by the third", async () => {
    const machine = await withFirst(1);
    await machine.run(async ({ disk }) => {
      (await disk.open("a", "write")).writeSync(bytes("FIRST"), 0);
    });
    machine.kill("process");
    await machine.run(async () => {});
    machine.kill("process");
    await machine.run(async ({ disk }) => (await disk.open("a", "write")).sync());
    machine.kill("power", "drop");
    expect(text(machine.disk.contents("a"))).toBe("FIRST");
  });
});

describe("what was under way when the process died", () => {
  test("happened or did not", async () => {
    const synced = new Set<string>();
    const renamed = new Set<string>();
    for (let seed = 0; seed < seeds; seed++) {
      const machine = await withFirst(seed);
      await machine.run(async ({ disk }) => {
        const file = await disk.open("a", "write");
        file.writeSync(bytes("FIRST"), 0);
        void file.sync();
        void disk.rename("a", "b");
      });
      machine.kill("process");
      await machine.run(async ({ disk }) => renamed.add((await disk.list("")).join()));
      machine.kill("power", "drop");
      synced.add(text(machine.disk.contents("a")));
    }
    expect([...synced].sort()).toEqual(["FIRST", "first"]);
    expect([...renamed].sort()).toEqual(["a", "b"]);
  });

  test("frees the lock", async () => {
    const machine = diskOnly({ seed: 1, turn });
    await machine.run(async ({ disk }) => {
      await disk.lock();
    });
    machine.kill("process");
    const outcome = await machine.run(async ({ disk }) => (await disk.lock()).release());
    expect(outcome.kind).toBe("finished");
  });
});

describe("a dead process", () => {
  test("hears nothing: no promise settles, no timer fires, and what it calls changes nothing and returns", async () => {
    const machine = diskOnly({ seed: 1, turn });
    const heard: string[] = [];
    const hear = (what: string) => () => heard.push(what);
    await machine.run(async (ports) => {
      const file = await ports.disk.open("a", "create");
      file.writeSync(bytes("alive"), 0);
      const store = await ports.openStore("s");
      const lock = await ports.disk.lock();
      ports.clock.setTimer(1, hear("timer before"));
      ports.clock.defer(hear("defer before"));
      void file.sync().then(hear("sync before"), hear("sync before"));
      void store.write([]).then(hear("write before"));
      machine.kill("process");
      file.writeSync(bytes("zombie"), 0);
      expect(file.size).toBe(6);
      ports.clock.setTimer(1, hear("timer"));
      ports.clock.defer(hear("defer"));
      ports.logger.error("who hears me?");
      ports.metrics.counter({ name: "varve_x", help: "x" }).add(1);
      const calls: readonly (() => Promise<unknown>)[] = [
        () => file.write(bytes("zombie"), 0),
        () => file.sync(),
        () => file.truncate(0),
        () => file.read(new Uint8Array(1), 0),
        () => file.close(),
        () => ports.disk.open("b", "create"),
        () => ports.disk.open("a", "read"),
        () => ports.disk.rename("a", "c"),
        () => ports.disk.unlink("a"),
        () => ports.disk.list(""),
        () => ports.disk.makeFolder("f"),
        () => ports.disk.removeFolder("f"),
        () => ports.disk.syncFolder(""),
        () => ports.disk.modifiedMs("a"),
        () => ports.disk.space(),
        () => ports.disk.lock(),
        () => lock.release(),
        () => ports.openStore("t"),
        () => store.get("k"),
        () => store.write([{ type: "put", key: "k", value: bytes("v") }]),
        () => store.close(),
      ];
      for (const [at, call] of calls.entries()) call().then(hear(`call ${at}`), hear(`call ${at}`));
      expect(ports.metrics.value("varve_x")).toBe(0);
    });
    const effects = machine.disk.effects;
    await machine.run(async ({ disk, clock, openStore }) => {
      await new Promise<void>((resolve) => clock.setTimer(10_000, resolve));
      expect(await disk.list("")).toEqual(["a", "s"]);
      expect(await (await openStore("s")).get("k")).toBeUndefined();
    });
    expect(text(machine.disk.contents("a"))).toBe("alive");
    expect(machine.disk.effects - effects).toBe(1);
    expect(heard).toEqual([]);
    expect(machine.machine.logBook.lines).toEqual([]);
  });
});
