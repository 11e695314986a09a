// Shows how a data directory is opened, shared, closed and refused, and what happens to its logs when they are made and removed.

import { partitionKey } from "@varve/model";
import { sleep } from "@varve/runtime";
import { expect, test } from "vitest";
import { DataDirectoryError } from "../src/data-directory.ts";
import { append, appendDurably, batch, contents, durable, machine, open, partition, topicConfig } from "./harness.ts";

test("a clean shutdown is told from a crash, and either way everything durable is there again", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    expect(store.startedClean).toBe(false);
    const log = await store.create(partition(0), "orders", topicConfig);
    await appendDurably(ports, log, batch(3));
    await store.close();
  });
  await under.run(async (ports) => {
    const store = await open(ports);
    expect([store.startedClean, store.get(partition(0))?.logEnd, store.get(partition(0))?.durableEnd]).toEqual([true, 3, 3]);
    await appendDurably(ports, store.get(partition(0))!);
  });
  under.machine.kill("power", "drop");
  await under.run(async (ports) => {
    const store = await open(ports);
    expect([store.startedClean, store.get(partition(0))?.logEnd]).toEqual([false, 4]);
  });
});

test("a clean start reads the segments of no log", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    const log = await store.create(partition(0), "orders", { ...topicConfig, "segment.bytes": 4_096 });
    for (let number = 0; number < 40; number++) await append(log, batch(1, 500));
    await durable(ports, log);
    await store.close();
  });
  await under.run(async (ports) => {
    const reads: string[] = [];
    const disk = new Proxy(ports.disk, {
      get: (target, name) =>
        name !== "open"
          ? Reflect.get(target, name).bind(target)
          : async (path: string, mode: "read" | "write" | "create") => {
              const file = await target.open(path, mode);
              return new Proxy(file, {
                get: (handle, call) => {
                  if (call === "read") reads.push(path);
                  const value = Reflect.get(handle, call);
                  return typeof value === "function" ? value.bind(handle) : value;
                },
              });
            },
    });
    await open({ ...ports, disk });
    expect(reads.filter((path) => path.endsWith(".log") || path.startsWith("journal/"))).toEqual([]);
  });
});

test("the directory's identity is drawn once and stays; an unknown cluster id takes what is there", async () => {
  const under = machine();
  const identities: unknown[] = [];
  for (const clusterId of ["cluster", "cluster", undefined]) {
    await under.run(async (ports) => {
      const store = await open(ports, { clusterId });
      identities.push(store.identity);
      await store.close();
    });
  }
  expect(identities[1]).toEqual(identities[0]);
  expect(identities[2]).toEqual(identities[0]);
  expect(identities[0]).toMatchObject({ clusterId: "cluster", nodeId: 1 });
});

test("a directory of another cluster, another node, another format, or without its identity is refused, and says why and what to do", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    await store.create(partition(0), "orders", topicConfig);
    await store.close();
  });
  const refusal = async (options: Parameters<typeof open>[1]) => {
    const opening = under.run((ports) => open(ports, options));
    await expect(opening).rejects.toBeInstanceOf(DataDirectoryError);
    under.machine.kill("process");
    return opening.catch((error: DataDirectoryError) => [error.problem, error.message]);
  };
  expect(await refusal({ clusterId: "other" })).toEqual([
    "other-cluster",
    expect.stringContaining("belongs to cluster cluster, this node to other"),
  ]);
  expect(await refusal({ nodeId: 2 })).toEqual(["other-node", expect.stringContaining("belongs to node 1, this is node 2")]);
  const identity = under.disk.contents("meta.properties");
  under.disk.overwrite("meta.properties", new TextDecoder().decode(identity).indexOf("version=") + 8, Uint8Array.of("9".charCodeAt(0)));
  expect(await refusal({})).toEqual(["other-format", expect.stringContaining("format 9, this program knows 1")]);
  await under.run(({ disk }) => disk.unlink("meta.properties"));
  expect(await refusal({})).toEqual(["damaged", expect.stringContaining("meta.properties is missing, yet there is data")]);
});

test("two stores over one directory: the second is refused while the first is open", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const first = await open(ports);
    await expect(open(ports)).rejects.toMatchObject({ problem: "locked", message: expect.stringContaining("another process") });
    await first.close();
    await (await open(ports)).close();
  });
});

test("a partition that is dropped and made again under its id shares nothing with its namesake, after a crash either", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    const first = await store.create(partition(0), "orders", topicConfig);
    await appendDurably(ports, first, batch(7));
    await first.raiseLogStart(2 as never);
    await store.drop(partition(0));
    expect(store.get(partition(0))).toBeUndefined();
    expect(first.offline?.code).toBe("UNKNOWN_TOPIC_ID");
    expect(() => first.read(2 as never, 100, 7 as never)).toThrowError(expect.objectContaining({ code: "UNKNOWN_TOPIC_ID" }));
    const second = await store.create(partition(0), "orders", topicConfig);
    expect([second.logStart, second.logEnd]).toEqual([0, 0]);
    await appendDurably(ports, second, batch(1));
  });
  under.machine.kill("power", "drop");
  await under.run(async (ports) => {
    const log = (await open(ports)).get(partition(0))!;
    expect([log.logStart, log.logEnd, (await contents(log)).length]).toEqual([0, 1, 1]);
  });
});

test("what is made twice, or dropped when it is not there, is refused", async () => {
  await machine().run(async (ports) => {
    const store = await open(ports);
    await store.create(partition(0), "orders", topicConfig);
    await expect(Promise.resolve().then(() => store.create(partition(0), "orders", topicConfig))).rejects.toMatchObject({
      code: "TOPIC_ALREADY_EXISTS",
    });
    await expect(store.drop(partition(1))).rejects.toMatchObject({ code: "UNKNOWN_TOPIC_ID" });
    expect([...store.logs()].map(({ id }) => id.partition)).toEqual([0]);
  });
});

test("a folder that nobody claims and that holds records is neither opened nor deleted", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    await store.create(partition(5), "orders", topicConfig);
    await ports.disk.makeFolder("AAAAAAAAAAAAAAAAAAAAAA-6");
    const file = await ports.disk.open("AAAAAAAAAAAAAAAAAAAAAA-6/00000000000000000000.log", "create");
    file.writeSync(batch(), 0);
    await file.close();
    await expect(store.create(partition(6), "orders", topicConfig)).rejects.toMatchObject({
      code: "KAFKA_STORAGE_ERROR",
      message: expect.stringContaining("the folder is nobody's"),
    });
    expect(store.get(partition(6))).toBeUndefined();
    await store.close();
  });
  await under.run(async (ports) => {
    expect([...(await open(ports)).logs()].map(({ id }) => id.partition)).toEqual([5]);
  });
  expect(under.disk.contents("AAAAAAAAAAAAAAAAAAAAAA-6/00000000000000000000.log").length).toBeGreaterThan(0);
});

test("a partition that cannot be made for want of a file or of room leaves no folder, and is made once it can be", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports, { journalFiles: 1 });
    const before = await ports.disk.list("");
    const { openFilesMax, capacityBytes } = under.disk;
    const room = { capacityBytes: under.disk.usedBytes + 64, openFilesMax };
    for (const limit of [{ capacityBytes, openFilesMax: 1 }, { capacityBytes, openFilesMax: 2 }, room]) {
      Object.assign(under.disk, limit);
      await expect(store.create(partition(0), "orders", topicConfig)).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
      expect(await ports.disk.list("")).toEqual(before);
      Object.assign(under.disk, { capacityBytes, openFilesMax });
    }
    await store.create(partition(0), "orders", topicConfig);
  });
});

test("a folder whose making a death has cut short is gone after the next start, clean or not", async () => {
  for (const isClean of [true, false]) {
    const under = machine();
    await under.run(async (ports) => {
      const store = await open(ports);
      await ports.disk.makeFolder(partitionKey(partition(0)));
      await (await ports.disk.open(`${partitionKey(partition(0))}/00000000000000000000.log`, "create")).close();
      if (isClean) await store.close();
    });
    under.machine.kill("process");
    await under.run(async (ports) => {
      await open(ports);
      expect(await ports.disk.list("")).not.toContain(partitionKey(partition(0)));
    });
  }
});

test("a store that has nothing to do does nothing: no timer runs but that of the retention check", async () => {
  await machine().run(async (ports) => {
    const timers = new Set<object>();
    const clock = {
      ...ports.clock,
      wallMs: () => ports.clock.wallMs(),
      monotonicMs: () => ports.clock.monotonicMs(),
      defer: (callback: () => void) => ports.clock.defer(callback),
      setTimer: (delayMs: number, callback: () => void) => {
        const timer = ports.clock.setTimer(delayMs, () => {
          timers.delete(timer);
          callback();
        });
        timers.add(timer);
        return {
          cancel: () => {
            timers.delete(timer);
            timer.cancel();
          },
        };
      },
    };
    const store = await open({ ...ports, clock }, { tuning: { unsyncedMsMax: 50 } });
    const log = await store.create(partition(0), "orders", topicConfig);
    await appendDurably(ports, log);
    await sleep(ports.clock, 5_000);
    expect(timers.size).toBe(1);
    await store.close();
    expect(timers.size).toBe(0);
  });
});

test("opening stops where its signal aborts, and the directory is free again", async () => {
  await machine().run(async (ports) => {
    const abort = new AbortController();
    abort.abort(new Error("enough"));
    await expect(open(ports, {}, abort.signal)).rejects.toThrow("enough");
    await (await open(ports)).close();
  });
});
