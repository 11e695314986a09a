// Shows what peers hear when a process dies, a machine loses its power, wires are cut or connections break; and that a bad network
// changes nothing about what streams promise: the contract suite again, over one.

import type { OutgoingStream, Ports, StreamStatus } from "@varve/runtime";
import { type NetworkStage, networkContract, type Rig } from "@varve/runtime/contract";
import { createWorld, drawNetworkFaults, noFaults, Random, soundNetwork, type World } from "@varve/sim";
import { describe, expect, test } from "vitest";
import { noCompression, turn } from "./platform.ts";

const method = "/varve.test.Talk/Talk";

/** One stream between two nodes, and what both ends were told. */
class Talk {
  readonly world: World;
  readonly heardByClient: string[] = [];
  readonly heardByServer: string[] = [];
  clientStatus: (StreamStatus & { readonly atMs: number }) | undefined;
  serverStatus: (StreamStatus & { readonly atMs: number }) | undefined;
  stream!: OutgoingStream;

  private constructor(world: World) {
    this.world = world;
  }

  static async begin(seed = 1): Promise<Talk> {
    const talk = new Talk(createWorld({ seed, turn, compression: noCompression }));
    const { world } = talk;
    await world.run(talk.#listen(world.node("server").ports));
    talk.#open(world.node("client").ports);
    await world.runUntil(() => talk.heardByServer.length > 0);
    return talk;
  }

  async #listen({ network }: Ports): Promise<void> {
    await network.listen(
      { address: "server:1", messageBytesMax: 10_000_000, streamsPerConnectionMax: 10, methods: [method], bulkMethods: [] },
      (stream) => {
        this.heardByServer.push("open");
        return {
          message: (bytes) => {
            this.heardByServer.push(`${bytes.length} bytes`);
            stream.write(bytes);
          },
          room: () => {},
          ended: () => {},
          closed: (status) => {
            this.serverStatus = { ...status, atMs: this.world.nowMs };
          },
        };
      },
    );
  }

  #open({ network }: Ports): void {
    this.stream = network.connect("server:1", { messageBytesMax: 10_000_000 }).open(method, {
      message: (bytes) => this.heardByClient.push(`${bytes.length} bytes`),
      room: () => {},
      ended: () => {},
      closed: (status) => {
        this.clientStatus = { ...status, atMs: this.world.nowMs };
      },
    });
  }
}

describe("a peer", () => {
  test("whose process dies resets its connections: the other side hears of it within milliseconds", async () => {
    const talk = await Talk.begin();
    const beforeMs = talk.world.nowMs;
    talk.world.node("server").kill("process");
    await talk.world.runUntil(() => talk.clientStatus !== undefined, 1_000);
    expect(talk.clientStatus).toMatchObject({ status: "UNAVAILABLE", message: expect.stringContaining("reset by the other side") });
    expect((talk.clientStatus?.atMs as number) - beforeMs).toBeLessThan(10);
    expect(talk.serverStatus).toBeUndefined();
  });

  test("whose machine loses its power is silent: the other side hears of it when pings stay unanswered", async () => {
    const talk = await Talk.begin();
    talk.world.node("server").kill("power");
    await talk.world.runUntil(() => talk.clientStatus !== undefined, 60_000);
    expect(talk.clientStatus?.message).toContain("does not answer pings");
    expect(talk.clientStatus?.atMs).toBeGreaterThan(5_000);
    expect(talk.clientStatus?.atMs).toBeLessThan(30_000);
  });

  test("that comes back after a power cut resets what reaches it of its former life", async () => {
    const talk = await Talk.begin();
    talk.world.node("server").restart("power");
    talk.stream.write(new Uint8Array(10));
    await talk.world.runUntil(() => talk.clientStatus !== undefined, 1_000);
    expect(talk.clientStatus?.message).toContain("reset by the other side");
  });

  test("that dies with its client's answer under way is told nothing more, and the server hears of it", async () => {
    const talk = await Talk.begin();
    talk.stream.write(new Uint8Array(100_000));
    talk.world.node("client").kill("process");
    await talk.world.runFor(60_000);
    expect(talk.heardByClient).toEqual([]);
    expect(talk.clientStatus).toBeUndefined();
    expect(talk.serverStatus?.status).toBe("CANCELLED");
  });

  test("that is dead sends nothing and is told nothing, whatever its code still calls", async () => {
    const talk = await Talk.begin();
    const { network } = talk.world.node("client").ports;
    talk.world.node("client").kill("process");
    const heard: string[] = [];
    talk.stream.write(new Uint8Array(3));
    talk.stream.end();
    talk.stream.cancel();
    const late = network.connect("server:1", { messageBytesMax: 1 });
    late.open(method, {
      message: () => heard.push("message"),
      room: () => heard.push("room"),
      ended: () => heard.push("ended"),
      closed: () => heard.push("closed"),
    });
    const options = { address: "client:2", messageBytesMax: 1, streamsPerConnectionMax: 1, methods: [], bulkMethods: [] };
    void network.listen(options, () => ({ status: "OK", message: "" })).then(() => heard.push("listening"));
    void late.close().then(() => heard.push("late closed"));
    await talk.world.runFor(60_000);
    expect(heard).toEqual([]);
    expect(talk.heardByServer).toEqual(["open"]);
    expect(talk.clientStatus).toBeUndefined();
  });

  test("that stalls for less than the pings allow loses nothing; one that stalls for longer is taken for dead", async () => {
    for (const [stallMs, status] of [
      [8_000, undefined],
      [40_000, "UNAVAILABLE"],
    ] as const) {
      const talk = await Talk.begin();
      talk.stream.write(new Uint8Array(7));
      talk.world.node("server").pause(stallMs);
      await talk.world.runFor(60_000);
      expect(talk.clientStatus?.status).toBe(status);
      if (status === undefined) expect(talk.heardByClient).toEqual(["7 bytes"]);
    }
  });
});

describe("a wire", () => {
  test("that is cut and mended in time delays what was sent, and loses nothing", async () => {
    const talk = await Talk.begin();
    talk.world.network.cut("client", "server");
    talk.stream.write(new Uint8Array(50_000));
    await talk.world.runFor(2_000);
    expect(talk.heardByServer).toEqual(["open"]);
    talk.world.network.mend("client", "server");
    await talk.world.runUntil(() => talk.heardByClient.length > 0, 10_000);
    expect(talk.heardByClient).toEqual(["50000 bytes"]);
    expect(talk.world.trace.counts.get("network.fault.cut-off")).toBeGreaterThan(0);
    expect(talk.world.trace.counts.get("network.resent")).toBeGreaterThan(0);
  });

  test("that is cut one way lets requests through and no answers, until the pings give up", async () => {
    const talk = await Talk.begin();
    talk.world.network.cut("server", "client", "one");
    talk.stream.write(new Uint8Array(5));
    await talk.world.runFor(60_000);
    expect(talk.heardByServer).toEqual(["open", "5 bytes"]);
    expect(talk.heardByClient).toEqual([]);
    expect(talk.clientStatus?.status).toBe("UNAVAILABLE");
    expect(talk.serverStatus?.status).toBe("CANCELLED");
  });

  test("that is clogged holds everything back for a while", async () => {
    const talk = await Talk.begin();
    const beforeMs = talk.world.nowMs;
    talk.world.network.wires.clog("client", "server", 3_000);
    talk.stream.write(new Uint8Array(5));
    await talk.world.runUntil(() => talk.heardByClient.length > 0);
    expect(talk.world.nowMs - beforeMs).toBeGreaterThan(3_000);
  });

  test("between groups is cut by a partition, within a group not", async () => {
    const talk = await Talk.begin();
    const { network } = talk.world;
    network.partition(["client"], ["server", "other"]);
    expect([
      network.wires.isCut("client", "server"),
      network.wires.isCut("other", "client"),
      network.wires.isCut("server", "other"),
    ]).toEqual([true, true, false]);
    network.mendAll();
    expect(network.wires.isCut("client", "server")).toBe(false);
  });
});

describe("a connection", () => {
  test("that breaks silently is noticed by both sides from unanswered pings", async () => {
    const talk = await Talk.begin();
    talk.world.network.breakConnections("silent");
    talk.stream.write(new Uint8Array(5));
    await talk.world.runFor(1_000);
    expect(talk.clientStatus).toBeUndefined();
    await talk.world.runUntil(() => talk.clientStatus !== undefined && talk.serverStatus !== undefined, 60_000);
    expect(talk.heardByServer).toEqual(["open"]);
  });

  test("is not made to a wire that is cut, nor to a machine without power: the caller hears so after some seconds", async () => {
    for (const prepare of [(world: World) => world.network.cut("client", "server"), (world: World) => world.node("server").kill("power")]) {
      const talk = await Talk.begin();
      prepare(talk.world);
      let status: StreamStatus | undefined;
      talk.world
        .node("client")
        .ports.network.connect("server:1", { messageBytesMax: 1 })
        .open(method, {
          message: () => {},
          room: () => {},
          ended: () => {},
          closed: (closed) => {
            status = closed;
          },
        });
      await talk.world.runUntil(() => status !== undefined, 10_000);
      expect(status).toEqual({ status: "UNAVAILABLE", message: "server:1: no answer" });
    }
  });

  test("reaches what listens on a loopback address from its own machine only", async () => {
    const world = createWorld({ seed: 1, turn, compression: noCompression });
    const options = { address: "127.0.0.1:7", messageBytesMax: 1, streamsPerConnectionMax: 1, methods: [method], bulkMethods: [] };
    await world.run(world.node("a").ports.network.listen(options, () => ({ status: "ABORTED", message: "reached" })));
    const reach = (from: string, address: string) =>
      world.run(
        new Promise<string>((resolve) => {
          const connection = world.node(from).ports.network.connect(address, { messageBytesMax: 1 });
          connection.open(method, { message: () => {}, room: () => {}, ended: () => {}, closed: ({ status }) => resolve(status) });
        }),
      );
    expect(await reach("a", "127.0.0.1:7")).toBe("ABORTED");
    expect(await reach("a", "localhost:7")).toBe("ABORTED");
    expect(await reach("b", "a:7")).toBe("UNAVAILABLE");
    expect(await reach("b", "127.0.0.1:7")).toBe("UNAVAILABLE");
    expect(await reach("b", "nowhere:7")).toBe("UNAVAILABLE");
  });

  test("the faults of a seed are the same each time, and differ between seeds", () => {
    expect(drawNetworkFaults(new Random(5))).toEqual(drawNetworkFaults(new Random(5)));
    expect(new Set(Array.from({ length: 20 }, (_, seed) => JSON.stringify(drawNetworkFaults(new Random(seed))))).size).toBeGreaterThan(15);
  });
});

/** Late, lossy, repeating, with small windows: everything but breaks, which would end streams. */
const badNetwork = {
  ...soundNetwork,
  lossRate: 0.002,
  duplicateRate: 0.1,
  delayMsMin: 0.1,
  delayMsMean: 1,
  packetBytesMax: 16_384,
  streamWindowBytes: 65_536,
  streamBufferBytes: 1,
};

const overBadNetwork: Rig<NetworkStage> = async (script) => {
  using world = createWorld({ seed: 23, turn, compression: noCompression, faults: { ...noFaults, network: badNetwork } });
  const [server, client] = [world.node("server"), world.node("client")];
  await world.run(
    script(
      {
        server: server.ports.network,
        client: client.ports.network,
        listenAddress: "server:0",
        route: async (address) => address,
        cut: () => world.network.breakConnections("heard"),
        cutAfter: (bytes) => world.network.breakAfter("server", bytes),
      },
      client.ports.clock,
    ),
  );
};

networkContract("sim, a bad network", overBadNetwork);
