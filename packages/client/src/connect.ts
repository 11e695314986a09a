// From addresses to a handle: the outside world is put together (Node's, loaded when it is asked for, or the one that was given), and a
// broker is found that answers.

import { ClusterError } from "@varve/model";
import { grpcCaller, loadGrpcNetwork } from "@varve/transport-grpc";
import { Brokers } from "./brokers.ts";
import type { ClientPorts } from "./client-context.ts";
import { MetadataCache } from "./metadata-cache.ts";
import { connectBounds, withDefaults } from "./options.ts";
import { Varve } from "./varve.ts";

/** Defaults and bounds of the numbers are in `connectBounds`. */
export interface ConnectOptions {
  /** Ends the attempt to reach the cluster. */
  readonly signal?: AbortSignal | undefined;
  /** Node's, when they are not given. */
  readonly ports?: ClientPorts | undefined;
  /** How long a look-up or an administrative call may take in all. */
  readonly requestTimeoutMs?: number | undefined;
  readonly metadataMaxAgeMs?: number | undefined;
  /** How long a topic that no broker knows is waited for. */
  readonly unknownTopicMs?: number | undefined;
  readonly retryBackoffMs?: number | undefined;
  readonly retryBackoffMsMax?: number | undefined;
}

/** Where brokers listen for clients when an address names no port. */
export const defaultPort = 7_070;
/** Addresses in one call of `connect`. */
export const bootstrapMax = 100;

/**
 * Connects to a cluster by one or some of its brokers.
 *
 * ```ts
 * await using varve = await connect("varve://localhost:7070");
 * const { offset } = await varve.send("orders", { key: "c42", value: "first" });
 * ```
 *
 * @param bootstrap `varve://host:port,host:port`, the same without the scheme, or a list of them.
 * @throws {ClusterError} INVALID_CONFIG; NETWORK_EXCEPTION when no broker answers in `requestTimeoutMs`; the signal's reason.
 */
export async function connect(bootstrap: string | readonly string[], options: ConnectOptions = {}): Promise<Varve> {
  const { signal, ports: given, ...numbers } = options;
  const addresses = parseBootstrap(bootstrap);
  const settings = withDefaults(connectBounds, numbers);
  signal?.throwIfAborted();
  const ports = given ?? (await nodePorts());
  const { clock, entropy, network } = ports;
  const { requestTimeoutMs, retryBackoffMs, retryBackoffMsMax } = settings;
  const brokers = new Brokers({
    clock,
    entropy,
    bootstrap: addresses,
    requestTimeoutMs,
    retryBackoffMs,
    retryBackoffMsMax,
    dial: (address) => grpcCaller({ network, address, clock, callTimeoutMs: requestTimeoutMs }),
  });
  const { metadataMaxAgeMs, unknownTopicMs } = settings;
  const metadata = new MetadataCache({ clock, brokers, metadataMaxAgeMs, unknownTopicMs });
  const varve = new Varve({ ports, brokers, metadata, requestTimeoutMs, unknownTopicMs, retryBackoffMs, retryBackoffMsMax });
  try {
    const cluster = await varve.admin.describeCluster({ signal });
    brokers.learn(cluster.brokers.map(({ address }) => address));
  } catch (error) {
    await varve.close();
    throw error;
  }
  return varve;
}

async function nodePorts(): Promise<ClientPorts> {
  const [node, network] = await Promise.all([import("@varve/runtime/node"), loadGrpcNetwork()]);
  return { clock: node.nodeClock, entropy: node.nodeEntropy(), compression: node.nodeCompression, network };
}

const scheme = "varve://";
const hostAndPort = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]@]+)(?::(\d{1,5}))?$/;

/** @returns `host:port` of each. @throws {ClusterError} INVALID_CONFIG. */
export function parseBootstrap(bootstrap: string | readonly string[]): readonly string[] {
  const texts = typeof bootstrap === "string" ? [bootstrap] : bootstrap;
  const addresses = texts.flatMap((text) => (text.startsWith(scheme) ? text.slice(scheme.length) : text).split(",")).map(parseAddress);
  if (addresses.length === 0) throw new ClusterError("INVALID_CONFIG", "no broker is named: connect takes varve://host:port,host:port");
  if (addresses.length > bootstrapMax)
    throw new ClusterError("INVALID_CONFIG", `${addresses.length} brokers are named, at most ${bootstrapMax} are needed`);
  return addresses;
}

function parseAddress(text: string): string {
  const [, host, portText] = hostAndPort.exec(text.trim().replace(/\/$/, "")) ?? [];
  const port = portText === undefined ? defaultPort : Number(portText);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new ClusterError("INVALID_CONFIG", `"${text}" is no broker's address: it is host:port, as in varve://localhost:${defaultPort}`);
  }
  return `${host}:${port}`;
}
