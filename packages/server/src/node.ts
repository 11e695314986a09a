// A server on Node: the ports of this process, HTTP for probes and metrics, and what a broken promise does to the process.
// Signals and printing are the command's (packages/cli).

import { isIPv6 } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { CorruptionError, type ServerConfig } from "@varve/model";
import type { MessageNetwork } from "@varve/runtime";
import { memoryFlags, nodeCompression, nodeLogger, nodeMetrics, nodePorts } from "@varve/runtime/node";
import { loadGrpcNetwork } from "@varve/transport-grpc";
import { type RunningServer, startServer } from "./compose.ts";
import { type ExitReason, exitCodes } from "./exit-codes.ts";
import { serveHttp } from "./http/listener.ts";

export interface NodeServerOptions {
  readonly config: ServerConfig;
  /** Log lines for a person instead of JSON. */
  readonly pretty: boolean;
}

/** How often the event loop's delay is sampled. */
const loopDelaySampleMs = 100;

/**
 * Resolves when clients are served. From then on a failed disk, a broken invariant or an error that nobody handles ends the process, with
 * the code that says which.
 * @throws as `startServer`.
 */
export async function startNodeServer({ config, pretty }: NodeServerOptions, signal: AbortSignal): Promise<RunningServer> {
  const level = config["log.level"];
  const logger = nodeLogger({ level, descriptor: 2, pretty });
  const metrics = nodeMetrics();
  const fatal = (reason: ExitReason, error: Error) => {
    logger.error(exitCodes[reason].about, { error });
    logger.flush();
    process.exit(exitCodes[reason].code);
  };
  process.on("uncaughtException", (error) => fatal(error instanceof CorruptionError ? "corrupt" : "failed", error));
  const loopDelay = monitorEventLoopDelay({ resolution: loopDelaySampleMs });
  loopDelay.enable();
  // A sample is the time from one timer to the next: on a loop that is never held up, exactly its resolution.
  const loopDelayMs = () => Math.max(0, loopDelay.percentile(99) / 1e6 - loopDelaySampleMs);
  metrics.gauge({ name: "varve_loop_delay_seconds", help: "Event loop delay, 99th percentile since the last scrape." }, () => {
    const seconds = loopDelayMs() / 1000;
    loopDelay.reset();
    return seconds;
  });
  let network: Promise<MessageNetwork> | undefined;
  const loadNetwork = () => {
    network ??= loadGrpcNetwork();
    return network;
  };
  // LevelDB is busy with the disk, this thread with nothing: it loads the network's code, and has Node compile what it asks of every
  // address that is listened on (5 ms). Who starts the server hears of it where loading fails.
  const whileStoreOpens = () =>
    void loadNetwork()
      .then(() => isIPv6("::1"))
      .catch(() => {});
  const ports = nodePorts({ dataFolder: config["data.dir"], compression: nodeCompression, logger, metrics, whileStoreOpens });
  const hooks = { fatal, serveHttp, exposeMetrics: () => metrics.expose(), loopDelayMs };
  const server = await startServer(config, { ...ports, loadNetwork }, hooks, signal);
  // Loaded only now: it takes 4 ms of a start, and what it sets matters under load.
  const { setFlagsFromString } = await import("node:v8");
  for (const flag of memoryFlags) setFlagsFromString(flag);
  return server;
}
