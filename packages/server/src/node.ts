// A server on Node: the ports of this process, HTTP for probes and metrics, and what a broken promise does to the process.
// Signals and printing are the command's (packages/cli).

import { monitorEventLoopDelay } from "node:perf_hooks";
import { CorruptionError, type ServerConfig } from "@varve/model";
import { nodeCompression, nodeLogger, nodeMetrics, nodePorts } from "@varve/runtime/node";
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
 * When V8 marks all of its heap. Every message is a buffer, and at V8's own pace the whole heap would be marked for every 64 MB of them: a
 * quarter to a half of the broker's processor time. So buffers count in one limit with the heap (`external-memory-accounted-in-global-limit`),
 * and that limit lies well above what a marking left: the heap may grow fivefold, the buffers twofold. Measured with fetches of 1 MiB, CPU
 * seconds per GB: 1.4 to 1.6 before the first two flags, 0.8 to 1.0 after, with the same resident memory; none of it is used when idle.
 */
const memoryFlags = [
  "--external-memory-accounted-in-global-limit",
  "--external-memory-max-growing-factor=2.0",
  "--heap-growing-percent=400",
];

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
  const ports = nodePorts({ dataFolder: config["data.dir"], compression: nodeCompression, logger, metrics });
  const hooks = { fatal, serveHttp, exposeMetrics: () => metrics.expose(), loopDelayMs };
  const server = await startServer(config, { ...ports, loadNetwork: loadGrpcNetwork }, hooks, signal);
  // Loaded only now: it takes 4 ms of a start, and what it sets matters under load.
  const { setFlagsFromString } = await import("node:v8");
  for (const flag of memoryFlags) setFlagsFromString(flag);
  return server;
}
