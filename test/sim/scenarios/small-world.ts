// A server and a client in a world of their own, for stories that are told step by step.

import { type ClientPorts, connect, type Varve } from "@varve/client";
import { defaults, type ServerConfig, serverConfigTable } from "@varve/model";
import { nodeCompression } from "@varve/runtime/node";
import { createWorld, noFaults, type SimNode, type World, type WorldFaults } from "@varve/sim";
import { History } from "../../workload/history.ts";
import { SupervisedServer } from "../server.ts";
import { turn } from "../turn.ts";

/** A ring of the usual size is hundreds of megabytes of zeros in memory. */
const smallJournal: Partial<ServerConfig> = { "journal.files": 2, "journal.file.bytes": 262_144 };
const address = "broker:7070";

export interface SmallWorld {
  readonly world: World;
  readonly broker: SimNode;
  readonly server: SupervisedServer;
  readonly varve: Varve;
  /** The client's own: for its clock. */
  readonly ports: ClientPorts;
  /** What went wrong with the server. */
  readonly complaints: readonly string[];
}

/** Runs `story` with a server that is up and a client that has reached it. */
export async function inSmallWorld(
  seed: number,
  story: (small: SmallWorld) => Promise<void>,
  faults: WorldFaults = noFaults,
): Promise<void> {
  const complaints: string[] = [];
  let watched: SupervisedServer | undefined;
  using world = createWorld({
    seed,
    turn,
    compression: nodeCompression,
    faults,
    unhandledRejections: (hear) => {
      process.on("unhandledRejection", hear);
      return () => process.off("unhandledRejection", hear);
    },
    invariants: () => watched?.watch(),
  });
  const broker = world.node("broker");
  const server = new SupervisedServer({
    world,
    node: broker,
    config: { ...defaults(serverConfigTable), "data.dir": "", listener: address, "http.listener": "", ...smallJournal },
    history: new History(() => world.nowMs),
    random: world.random.stream("supervisor"),
    restartMs: 10,
    proof: undefined,
    mayFail: () => false,
    report: (what) => complaints.push(what),
  });
  watched = server;
  server.start();
  await world.runUntil(() => server.isUp, 60_000);
  const { ports } = world.node("client");
  const varve = await world.run(connect(address, { ports }));
  await story({ world, broker, server, varve, ports, complaints });
}
