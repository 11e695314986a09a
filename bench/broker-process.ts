// A broker as a process of its own: started on ports that are free, found by asking it, ended by a signal.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { cpuSeconds, ticksPerSecond } from "@varve/load";
import type { PartitionId } from "@varve/model";
import { nodeClock } from "@varve/runtime/node";
import { type GrpcCaller, grpcCaller, loadGrpcNetwork } from "@varve/transport-grpc";
import { type Program, programOf } from "../deploy/program.mjs";

export interface BrokerOptions {
  /** Where its data directory is made; a folder of the system's when it is empty. */
  readonly folder: string;
  /** An existing data directory, which stays when the broker is removed. */
  readonly dataFolder?: string;
  /** More settings, as flags. */
  readonly flags?: readonly string[];
  /** Arguments for Node in front of the program. */
  readonly nodeFlags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface BrokerProcess {
  readonly pid: number;
  readonly address: string;
  readonly httpAddress: string;
  readonly dataFolder: string;
  /** `performance.now()` just before the process was made. */
  readonly spawnedMs: number;
  /** Resolves when the process is gone. SIGTERM drains, SIGKILL is a crash. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** As `end`, and its data directory is removed unless it was given. */
  remove(): Promise<void>;
}

const repository = join(import.meta.dirname, "..");
const startMsMax = 60_000;
const pollMs = 2;

let program: Promise<Program> | undefined;

/** What `npm run varve` hands over to: the same bundle and the same environment. All of one bench is one program. */
async function findProgram(): Promise<Program> {
  const found = programOf(repository, "varve");
  if (found.isFresh) return found;
  await promisify(execFile)(process.execPath, [join(repository, "deploy", "warm.ts")]);
  return programOf(repository, "varve");
}

/** Starts a broker; it may not serve yet when this returns. */
export async function spawnBroker(options: BrokerOptions): Promise<BrokerProcess> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(options.folder || tmpdir(), "varve-bench-"));
  const [port, httpPort] = await Promise.all([freePort(), freePort()]);
  const address = `127.0.0.1:${port}`;
  const httpAddress = `127.0.0.1:${httpPort}`;
  program ??= findProgram();
  const { args, environment } = await program;
  const flags = ["--data-dir", dataFolder, "--listener", address, "--http-listener", httpAddress, "--log-level", "warn"];
  const spawnedMs = performance.now();
  const words = [...(options.nodeFlags ?? []), ...args, "server", ...flags, ...(options.flags ?? [])];
  const child: ChildProcess = spawn(process.execPath, words, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...environment, ...options.environment },
  });
  const exit = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    child.kill(signal);
    await exit;
    process.off("exit", kill);
  };
  const remove = async () => {
    await end("SIGKILL");
    if (options.dataFolder === undefined) rmSync(dataFolder, { recursive: true, force: true });
  };
  return { pid: child.pid as number, address, httpAddress, dataFolder, spawnedMs, end, remove };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Calls until it succeeds: for a broker that is starting. @throws the last error after `startMsMax`. */
export async function retry<T>(call: () => Promise<T>): Promise<T> {
  const giveUpMs = performance.now() + startMsMax;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > giveUpMs) throw error;
      await delay(pollMs);
    }
  }
}

const settleStepMs = 200;
const settleMsMax = 10_000;
/** Hundredths of a second: a process that uses no more of one step has nothing to do. */
const settledTicks = 1;

/** Waits until a broker has nothing more to do of its own accord: a fresh one makes its journal's files in the background. */
export async function settled(pid: number): Promise<void> {
  const giveUpMs = performance.now() + settleMsMax;
  for (let before = cpuSeconds(pid); performance.now() < giveUpMs; ) {
    await delay(settleStepMs);
    const now = cpuSeconds(pid);
    if (Math.round((now - before) * ticksPerSecond) <= settledTicks) return;
    before = now;
  }
}

/** A caller to a broker that takes connections; the caller is the asker's to close. */
export async function callerWhenListening(address: string): Promise<GrpcCaller> {
  const [host, port] = address.split(":");
  const network = await loadGrpcNetwork();
  await retry(() => probe(host!, Number(port)));
  return grpcCaller({ network, address, clock: nodeClock });
}

async function probe(host: string, port: number): Promise<void> {
  const { connect } = await import("node:net");
  const socket = connect({ host, port });
  try {
    await once(socket, "connect");
  } finally {
    socket.destroy();
  }
}

/** @returns the topic's partitions in order. */
export async function createTopic(
  caller: GrpcCaller,
  name: string,
  partitionCount: number,
  config: Readonly<Record<string, string>>,
): Promise<readonly PartitionId[]> {
  const topic = { name, partitionCount, replicationFactor: 1, config: new Map(Object.entries(config)) };
  const [outcome] = await retry(() => caller.admin.createTopics([topic], false, new AbortController().signal));
  if (outcome?.kind !== "ok") throw new Error(`topic ${name}: ${outcome?.failure.message ?? "no answer"}`);
  const { topicId } = outcome.value;
  return Array.from({ length: partitionCount }, (_, partition) => ({ topicId, partition }));
}
