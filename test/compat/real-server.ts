// A whole server for a test: `server`'s own composition over a real disk, in a folder of its own, and real gRPC on the loopback.
// It also says what a bad client may have left behind: errors in the log, gauges, and whether the process would have had to end.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaults, type ServerConfig, serverConfigTable, type TopicId } from "@varve/model";
import type { Logger, Metrics } from "@varve/runtime";
import { nodeClock, nodeCompression, nodePorts } from "@varve/runtime/node";
import { startServer } from "@varve/server";
import { type GrpcCaller, grpcCaller, loadGrpcNetwork } from "@varve/transport-grpc";

/** How long the other side may take before a test calls it lost. No statement about speed. */
const patienceMs = 30_000;

export interface RealServer {
  readonly address: string;
  readonly dataFolder: string;
  /** What the log said at level error, and why the process would have ended: a good server has none, whatever its clients do. */
  readonly errors: readonly string[];
  /** A gauge's value. */
  gauge(name: string): number;
  /** A client of ours with a connection of its own, closed at the end. */
  connect(): Promise<GrpcCaller>;
}

export const never: AbortSignal = new AbortController().signal;

/** Plays a scene with a server, stops it, and fails when it has logged an error. */
export async function onRealServer(play: (server: RealServer) => Promise<void>, changes: Partial<ServerConfig> = {}): Promise<void> {
  const dataFolder = await mkdtemp(join(tmpdir(), "varve-test-"));
  const errors: string[] = [];
  const gauges = new Map<string, () => number>();
  const callers: GrpcCaller[] = [];
  const config = { ...defaults(serverConfigTable), ...small, "data.dir": dataFolder, listener: "127.0.0.1:0", ...changes } as ServerConfig;
  const network = await loadGrpcNetwork();
  const ports = nodePorts({
    dataFolder,
    compression: nodeCompression,
    logger: loggerInto(errors),
    metrics: metricsInto(gauges),
  });
  try {
    const fatal = (reason: string, error: Error) => errors.push(`the process ends: ${reason}: ${error.stack ?? error.message}`);
    const running = await startServer(config, { ...ports, loadNetwork: async () => network }, { fatal }, never);
    try {
      await play({
        address: running.address,
        dataFolder,
        errors,
        gauge: (name) => gauges.get(name)?.() ?? Number.NaN,
        connect: async () => {
          const caller = grpcCaller({ network, address: running.address, clock: nodeClock });
          callers.push(caller);
          return caller;
        },
      });
    } finally {
      for (const caller of callers) await caller.close();
      await running.stop();
    }
  } finally {
    await rm(dataFolder, { recursive: true, force: true });
  }
  if (errors.length > 0) throw new Error(`the server logged errors:\n${errors.join("\n")}`);
}

/** What a test needs of a disk and of a shutdown is little. */
const small = {
  "http.listener": "",
  "journal.files": 2,
  "journal.file.bytes": 4_194_304,
  "disk.free.bytes": 0,
  "shutdown.grace.ms": 2_000,
};

function loggerInto(errors: string[]): Logger {
  const logger: Logger = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (message, fields) => errors.push(`${message} ${JSON.stringify(fields)}`),
    with: () => logger,
  };
  return logger;
}

function metricsInto(gauges: Map<string, () => number>): Metrics {
  return {
    counter: () => ({ add: () => {} }),
    gauge: (options, read) => void gauges.set(options.name, read),
    histogram: () => ({ observe: () => {} }),
  };
}

/** Makes a topic. @returns its id. */
export async function createTopic(caller: GrpcCaller, name: string, config: Readonly<Record<string, string>> = {}): Promise<TopicId> {
  const topic = { name, partitionCount: 1, replicationFactor: undefined, config: new Map(Object.entries(config)) };
  const [outcome] = await caller.admin.createTopics([topic], false, never);
  if (outcome?.kind !== "ok") throw new Error(`the topic ${name} was not made: ${outcome?.failure.message}`);
  return outcome.value.topicId;
}

/** The `.log` files of partition 0 of a topic, in the order of their offsets. */
export async function segmentPaths(dataFolder: string, topicId: TopicId): Promise<readonly string[]> {
  const paths = await readdir(dataFolder, { recursive: true });
  return paths
    .filter((path) => path.includes(`${topicId}-0`) && path.endsWith(".log"))
    .sort()
    .map((path) => join(dataFolder, path));
}

/** Resolves when `condition` holds. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const untilMs = nodeClock.monotonicMs() + patienceMs;
  while (!(await condition())) {
    if (nodeClock.monotonicMs() > untilMs) throw new Error(`did not come about: ${what}`);
    await new Promise((done) => setTimeout(done, 2));
  }
}
