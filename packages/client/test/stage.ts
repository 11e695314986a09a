// A simulated world with a fake cluster on one node and a client on another, for the tests of this package.

import { type Compression, codecs } from "@varve/model";
import { nodeCompression } from "@varve/runtime/node";
import { createWorld, noFaults, type SimNode, type World, type WorldFaults } from "@varve/sim";
import { type GrpcListener, Health, serveGrpc } from "@varve/transport-grpc";
import { type ConnectOptions, connect, type Varve } from "../src/index.ts";
import { FakeCluster } from "./fake-cluster.ts";

/** Codecs that were loaded here, outside of any simulation. */
export const compression: Compression = nodeCompression;
for (const codec of codecs)
  if (codec !== "none") nodeCompression.decompress(codec, nodeCompression.compress(codec, new Uint8Array(10)), 10);

export interface Stage {
  readonly world: World;
  readonly broker: SimNode;
  readonly client: SimNode;
  readonly cluster: FakeCluster;
  readonly varve: Varve;
  /** Waits in the world's time. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** Serves the cluster again, after the broker's process has died. */
  serveAgain(): Promise<void>;
  close(): Promise<void>;
}

const address = "broker:7070";
/** Of the world's time: whatever takes longer hangs. */
const runMsMax = 600_000;

export async function stage(options: { seed?: number; faults?: WorldFaults; connect?: ConnectOptions } = {}): Promise<Stage> {
  const world = createWorld({
    seed: options.seed ?? 1,
    turn: () => new Promise((done) => setImmediate(done)),
    compression,
    faults: options.faults ?? noFaults,
    unhandledRejections: (hear) => {
      process.on("unhandledRejection", hear);
      return () => process.off("unhandledRejection", hear);
    },
  });
  const broker = world.node("broker");
  const client = world.node("client");
  const cluster = new FakeCluster(broker.ports.clock, compression, () => address);
  const serve = async (): Promise<GrpcListener> => {
    const { clock, network, logger, metrics } = broker.ports;
    const health = new Health();
    health.set(true);
    return serveGrpc({ network, api: cluster.api, address, health, clock, logger, metrics });
  };
  await world.run(serve(), runMsMax);
  const varve = await world.run(connect(address, { ports: client.ports, ...options.connect }), runMsMax);
  return {
    world,
    broker,
    client,
    cluster,
    varve,
    run: (promise) => world.run(promise, runMsMax),
    async serveAgain() {
      await world.run(serve(), runMsMax);
    },
    async close() {
      await world.run(varve.close(), runMsMax);
      world[Symbol.dispose]();
    },
  };
}

/** Runs `act` on a stage of its own. */
export async function onStage(act: (stage: Stage) => Promise<void>, options: Parameters<typeof stage>[0] = {}): Promise<void> {
  const made = await stage(options);
  try {
    await act(made);
  } finally {
    made.world[Symbol.dispose]();
  }
}
