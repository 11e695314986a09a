// One server process out of its parts, in the order of their start; `stop` closes whoever uses a part before the part. It runs over any
// ports: Node's in a process (node.ts), a seed's in the simulator. What it needs beyond the ports is in the hooks.

import { type Broker, createBroker } from "@varve/broker";
import { type Controller, openController } from "@varve/controller";
import { DataDirectoryError, type LogStore, openLogStore } from "@varve/log";
import { type ServerConfig, uuidToText } from "@varve/model";
import type { MessageNetwork, Ports } from "@varve/runtime";
import { type GrpcListener, Health, serveGrpc } from "@varve/transport-grpc";
import type { ExitReason } from "./exit-codes.ts";
import type { HttpListener, Observed } from "./observed.ts";
import { readinessChecks } from "./readiness.ts";
import { controllerOptions, logStoreOptions, transportLimits } from "./settings.ts";

/** What a server runs over. The network comes when it is asked for: over Node it is a library to be loaded. */
export interface ServerPorts extends Omit<Ports, "network"> {
  readonly loadNetwork: () => Promise<MessageNetwork>;
}

export interface ServerHooks {
  /** Nothing more may be answered: the process must end, at once and without a shutdown. */
  readonly fatal: (reason: ExitReason, error: Error) => void;
  /** Serves health and metrics; absent where nobody asks. */
  readonly serveHttp?: (address: string, observed: Observed) => Promise<HttpListener>;
  /** What a scrape answers. */
  readonly exposeMetrics?: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** The event loop's recent delay at its 99th percentile, in milliseconds. */
  readonly loopDelayMs?: () => number;
}

export interface RunningServer {
  readonly clusterId: string;
  /** Where clients connect, with the real port. */
  readonly address: string;
  readonly httpAddress: string | undefined;
  /** Whether the life before ended by `stop`. */
  readonly startedClean: boolean;
  readonly partitionCount: number;
  /** Requests in flight are answered, for at most `shutdown.grace.ms`; then everything is synced and closed. */
  stop(): Promise<void>;
}

/** What has been started, to be closed in reverse when a later part does not start. */
type Close = () => Promise<void> | void;

/**
 * Resolves when clients are served.
 * @throws {DataDirectoryError} the directory is another's. {CorruptionError} what is on the disk is not what was written.
 *   {Error} an address is taken, or the signal's reason.
 */
export async function startServer(
  config: ServerConfig,
  ports: ServerPorts,
  hooks: ServerHooks,
  signal: AbortSignal,
): Promise<RunningServer> {
  const started: Close[] = [];
  try {
    return await start(config, ports, hooks, signal, started);
  } catch (error) {
    for (const close of started.reverse()) await close();
    throw error;
  }
}

async function start(
  config: ServerConfig,
  ports: ServerPorts,
  hooks: ServerHooks,
  signal: AbortSignal,
  started: Close[],
): Promise<RunningServer> {
  const { logger, entropy } = ports;
  const logs: LogStore = await openLogStore(
    ports,
    logStoreOptions(config, (error) => hooks.fatal("diskFailed", error)),
    signal,
  );
  started.push(() => logs.close());
  const { clusterId, nodeId } = logs.identity;
  const onStorageFailure = (error: Error) => hooks.fatal("diskFailed", error);
  const controller: Controller = await openController(ports, { nodeId, clusterId, ...controllerOptions(config), onStorageFailure }, signal);
  started.push(() => controller.close());
  if (controller.image.clusterId !== clusterId) throw foreignMetadata(clusterId, controller.image.clusterId);
  const broker: Broker = createBroker(ports, logs, controller, { nodeId, incarnation: uuidToText(entropy.bytes(16)) });
  started.push(() => broker.close());
  const health = new Health();
  const { clock, metrics } = ports;
  const listener: GrpcListener = await serveGrpc({
    network: await ports.loadNetwork(),
    api: broker.api,
    address: config.listener,
    limits: transportLimits(config),
    health,
    clock,
    logger,
    metrics,
  });
  started.push(() => listener.drain(0));
  // The address is known only now; requests are refused until the broker leads what is its.
  const [begun, probed] = await Promise.allSettled([
    broker.start(config["advertised.listener"] || listener.address, signal),
    serveHttp(config, ports, hooks, { logs, health }),
  ]);
  const http = probed.status === "fulfilled" ? probed.value : undefined;
  if (http !== undefined) started.push(() => http.close());
  for (const result of [begun, probed]) if (result.status === "rejected") throw result.reason;
  health.set(true);
  logger.info("serving", {
    address: listener.address,
    node: nodeId,
    cluster: clusterId,
    partitions: broker.partitionCount,
    clean: logs.startedClean,
  });

  let stopping: Promise<void> | undefined;
  return {
    clusterId,
    address: listener.address,
    httpAddress: http?.address,
    startedClean: logs.startedClean,
    get partitionCount() {
      return broker.partitionCount;
    },
    stop() {
      stopping ??= stop(config, { logs, controller, broker, listener, http });
      return stopping;
    },
  };
}

interface Parts {
  readonly logs: LogStore;
  readonly controller: Controller;
  readonly broker: Broker;
  readonly listener: GrpcListener;
  readonly http: HttpListener | undefined;
}

async function stop(config: ServerConfig, { logs, controller, broker, listener, http }: Parts): Promise<void> {
  // Clients get their answers first; only then are the logs closed, under nobody's feet.
  await listener.drain(config["shutdown.grace.ms"]);
  broker.close();
  await controller.close();
  await http?.close();
  await logs.close();
}

async function serveHttp(
  config: ServerConfig,
  { logger }: ServerPorts,
  hooks: ServerHooks,
  { logs, health }: { readonly logs: LogStore; readonly health: Health },
): Promise<HttpListener | undefined> {
  const address = config["http.listener"];
  if (address === "" || hooks.serveHttp === undefined) return undefined;
  return hooks.serveHttp(address, {
    logger,
    exposeMetrics: hooks.exposeMetrics ?? (async () => ({ contentType: "text/plain", text: "" })),
    readiness: () => readinessChecks({ isServing: health.isServing, logs, loopDelayMs: hooks.loopDelayMs?.() }),
  });
}

function foreignMetadata(clusterId: string, metadataClusterId: string | undefined): DataDirectoryError {
  const what = `the data directory belongs to cluster ${clusterId}, the metadata in it to ${metadataClusterId}; put back the folder that belongs here`;
  return new DataDirectoryError("other-cluster", what);
}
