// Shows that a world is one with its seed: the same events, bytes and faults each time; and that what goes wrong in a node's code
// ends the run with the seed and the time, unless the node was dead.

import { type Clock, type MessageNetwork, type StreamStatus, sleep } from "@varve/runtime";
import { createWorld, drawFaults, noFaults, SimulationError, simulationStartMs, type World, type WorldFaults } from "@varve/sim";
import { describe, expect, test } from "vitest";
import { noCompression, turn, unhandledRejections } from "./platform.ts";

const method = "/varve.test.Log/Append";

function world(seed: number, faults: WorldFaults = noFaults): World {
  return createWorld({ seed, turn, compression: noCompression, faults });
}

/** A server that writes each message to its disk, syncs it and answers with its number. */
async function serve(world: World, name: string): Promise<void> {
  const { network, disk } = world.node(name).ports;
  const present = (await disk.list("")).includes("log");
  const file = await disk.open("log", present ? "write" : "create");
  await disk.syncFolder("");
  await network.listen(
    { address: `${name}:9000`, messageBytesMax: 1_000_000, streamsPerConnectionMax: 10, methods: [method], bulkMethods: [] },
    (stream) => ({
      message: (bytes) => {
        file.writeSync(bytes, file.size);
        void file.sync().then(
          () => stream.write(bytes.subarray(0, 1)),
          () => {},
        );
      },
      room: () => {},
      ended: () => stream.finish({ status: "OK", message: "" }),
      closed: () => {},
    }),
  );
}

/** Calls again and again, and counts answers. */
async function call(network: MessageNetwork, clock: Clock, address: string, until: { isOver: boolean }): Promise<number> {
  const connection = network.connect(address, { messageBytesMax: 1_000_000 });
  let answers = 0;
  for (let round = 0; !until.isOver; round++) {
    await new Promise<StreamStatus>((closed) => {
      const stream = connection.open(method, { message: () => answers++, room: () => {}, ended: () => {}, closed });
      for (let at = 0; at < 5; at++) stream.write(new Uint8Array(1_000 * at).fill(round));
      stream.end();
      clock.setTimer(2_000, () => stream.cancel());
    });
    await sleep(clock, 20);
  }
  return answers;
}

/** Twenty seconds of three nodes, with deaths. */
async function play(seed: number, faults: WorldFaults): Promise<{ readonly world: World; readonly answers: number }> {
  const played = world(seed, faults);
  const until = { isOver: false };
  await played.run(serve(played, "a"));
  await played.run(serve(played, "b"));
  const client = played.node("client").ports;
  const calls = Promise.all(["a:9000", "b:9000"].map((address) => call(client.network, client.clock, address, until)));
  const random = played.random.stream("test");
  for (let second = 0; second < 20; second++) {
    await played.runFor(1_000);
    const node = played.node(random.pick(["a", "b"]));
    if (random.chance(0.3)) {
      node.restart(random.pick(["process", "power"]));
      await played.run(serve(played, node.name));
    }
    if (random.chance(0.2)) node.pause(random.integer(1, 2_000));
    if (random.chance(0.2)) played.network.cut("client", node.name, random.pick(["both", "one"]));
    else played.network.mend("client", node.name);
  }
  played.setFaults(noFaults);
  played.network.mendAll();
  until.isOver = true;
  const answers = (await played.run(calls)).reduce((sum, count) => sum + count, 0);
  return { world: played, answers };
}

describe("a seed", () => {
  test.each([
    ["without faults", () => noFaults],
    ["with the faults that it draws", drawFaults],
  ])("gives the same hash, counts and answers each time, and another seed others, %s", async (_, faultsOf) => {
    for (const seed of [1, 2, 3]) {
      const [first, again, other] = [
        await play(seed, faultsOf(seed)),
        await play(seed, faultsOf(seed)),
        await play(seed + 100, faultsOf(seed)),
      ];
      expect(first.answers).toBeGreaterThan(0);
      expect(again.answers).toBe(first.answers);
      expect(again.world.trace.hash).toBe(first.world.trace.hash);
      expect(again.world.trace.tail()).toEqual(first.world.trace.tail());
      expect([...again.world.trace.counts]).toEqual([...first.world.trace.counts]);
      expect(other.world.trace.hash).not.toBe(first.world.trace.hash);
    }
  });

  test("among forty lets every fault of network and machine happen", async () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 40; seed++) {
      const played = await play(seed, drawFaults(seed));
      for (const [kind, count] of played.world.trace.counts) counts.set(kind, (counts.get(kind) ?? 0) + count);
    }
    for (const kind of [
      "network.fault.lost",
      "network.fault.cut-off",
      "network.fault.duplicated",
      "network.fault.repeat-discarded",
      "network.fault.reordered",
      "network.fault.refused",
      "network.fault.break-heard",
      "network.fault.break-silent",
      "network.clog",
      "network.cut",
      "network.mend",
      "network.resent",
      "network.keepalive-lost",
      "machine.power-death",
      "machine.process-death",
      "machine.pause",
      "disk.fault.stall",
      "disk.fault.power-cut",
      "disk.fault.dropped",
    ]) {
      expect(counts.get(kind), kind).toBeGreaterThan(0);
    }
  });
});

describe("a run", () => {
  test("ends with seed, time and node when the node's code throws where nobody catches", async () => {
    const failing = world(4711);
    failing.node("a").ports.clock.setTimer(250, () => {
      throw new TypeError("not so");
    });
    const failure = await failing.runFor(1_000).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SimulationError);
    expect(failure).toMatchObject({
      seed: 4711,
      message: expect.stringMatching(/^seed 4711 at 250\.\d+ ms: node a threw: TypeError: not so$/),
    });
  });

  test("ends when a rejection is left unhandled, unless the process was dead by then", async () => {
    const heard: ((reason: unknown) => void)[] = [];
    using failing = createWorld({
      seed: 1,
      turn,
      compression: noCompression,
      unhandledRejections: (hear) => {
        heard.push(hear);
        return () => heard.pop();
      },
    });
    const node = failing.node("a");
    node.ports.clock.setTimer(5, () => {
      node.kill("process");
      heard[0]?.(new Error("the dead may"));
    });
    await failing.runFor(10);
    expect(failing.trace.counts.get("machine.rejected-after-death")).toBe(1);
    node.restart().clock.setTimer(5, () => heard[0]?.(new Error("the living must not")));
    await expect(failing.runFor(10)).rejects.toThrow("node a left a rejection unhandled: Error: the living must not");
    failing[Symbol.dispose]();
    expect(heard).toEqual([]);
  });

  test("hears of rejections from the platform", async () => {
    const own = process.listeners("unhandledRejection");
    // The test runner takes them for its own.
    for (const listener of own) process.off("unhandledRejection", listener);
    try {
      using failing = createWorld({ seed: 1, turn, compression: noCompression, unhandledRejections });
      failing.node("a").ports.clock.setTimer(5, () => void Promise.reject(new Error("dropped")));
      await expect(failing.runFor(10)).rejects.toThrow("node a left a rejection unhandled: Error: dropped");
    } finally {
      for (const listener of own) process.on("unhandledRejection", listener);
    }
    expect(process.listeners("unhandledRejection")).toEqual(own);
  });

  test("ends when an invariant does not hold after an event, or a check that was planned fails", async () => {
    let isBroken = false;
    const failing = createWorld({
      seed: 3,
      turn,
      compression: noCompression,
      invariants: () => {
        if (isBroken) throw new Error("two leaders");
      },
    });
    failing.node("a").ports.clock.setTimer(7, () => {
      isBroken = true;
    });
    await expect(failing.runFor(10)).rejects.toThrow(/^seed 3 at 7\.\d+ ms: Error: two leaders$/);
    const checked = world(3);
    checked.after(5, () => {
      throw new Error("too few replicas");
    });
    await expect(checked.runFor(10)).rejects.toThrow("seed 3 at 5.000 ms: Error: too few replicas");
  });

  test("ends when nothing is left to happen, when the time is over, and when there are too many events", async () => {
    await expect(world(1).run(new Promise(() => {}))).rejects.toThrow("nothing is left to happen");
    const slow = world(1);
    slow.node("a").ports.clock.setTimer(500, () => {});
    await expect(slow.runUntil(() => false, 100)).rejects.toThrow("did not come about within 100 ms");
    const busy = createWorld({ seed: 1, turn, compression: noCompression, eventsMax: 100 });
    const { clock } = busy.node("a").ports;
    const again = () => clock.defer(again);
    again();
    await expect(busy.runUntil(() => false)).rejects.toThrow("events");
  });
});

describe("time", () => {
  test("passes at once where nothing happens, and stands still while code runs but for what reading the clock takes", async () => {
    const timed = world(1);
    const { clock } = timed.node("a").ports;
    await timed.run(sleep(clock, 3_600_000));
    expect(timed.nowMs).toBeGreaterThanOrEqual(3_600_000);
    expect(timed.nowMs).toBeLessThan(3_600_001);
    const startMs = clock.monotonicMs();
    let readings = 0;
    while (clock.monotonicMs() - startMs < 2) readings++;
    expect(readings).toBeGreaterThan(10);
    expect(readings).toBeLessThan(1_000);
  });

  test("runs fast and slow on drifting clocks, and timers follow their own clock", async () => {
    const timed = world(1);
    const [fast, slow] = [timed.node("fast"), timed.node("slow")];
    const fired: string[] = [];
    fast.clock.setRate(2);
    fast.ports.clock.setTimer(1_000, () => fired.push(`fast at ${Math.round(timed.nowMs)}`));
    slow.ports.clock.setTimer(1_000, () => fired.push(`slow at ${Math.round(timed.nowMs)}`));
    await timed.runFor(200);
    slow.clock.setRate(0.5);
    await timed.runFor(3_000);
    expect(fired).toEqual(["fast at 500", "slow at 1800"]);
  });

  test("of the wall jumps either way, and the monotonic one does not", async () => {
    const timed = world(1);
    const node = timed.node("a");
    const { clock } = node.ports;
    expect(clock.wallMs()).toBe(simulationStartMs);
    const beforeMs = clock.monotonicMs();
    node.clock.jump(-3_600_000);
    expect(clock.wallMs()).toBe(simulationStartMs - 3_600_000);
    expect(clock.monotonicMs() - beforeMs).toBeLessThan(1);
  });

  test("begins anew for the monotonic clock of each life", async () => {
    const timed = world(1);
    const node = timed.node("a");
    await timed.run(sleep(node.ports.clock, 5_000));
    expect(node.restart().clock.monotonicMs()).toBeLessThan(1);
    expect(node.ports.clock.wallMs()).toBeGreaterThanOrEqual(simulationStartMs + 5_000);
  });

  test("stands still for a process that stalls: then everything that came meanwhile comes at once, in its order", async () => {
    const timed = world(1);
    const node = timed.node("a");
    const heard: string[] = [];
    const hear = (what: string) => () => heard.push(`${what} at ${Math.floor(timed.nowMs)}`);
    const { clock } = node.ports;
    clock.setTimer(30, hear("second"));
    clock.setTimer(10, hear("first"));
    clock.setTimer(150, hear("third"));
    const cancelled = clock.setTimer(20, hear("cancelled"));
    node.pause(100);
    clock.setTimer(10, () => cancelled.cancel());
    node.pause(50);
    await timed.runFor(200);
    expect(heard).toEqual(["first at 100", "second at 100", "third at 150"]);
  });
});
