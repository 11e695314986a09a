// How a bare loop is run, by hand or by the bench: one process per cell, options as flags, one line of JSON as the answer.
//
//   node bench/bare/run.ts <cell or loop> [--flag value …]   the client; starts the loop's server, drives it, prints one BareResult
//   node bench/bare/<loop>-server.ts '<options as JSON>'      the server; prints {"port":n} when it listens, ends when its stdin ends
//
// `runCell` does the first from another program. Loopback only; every cell is bounded by its warm-up and its seconds.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** What the loops are, and what they leave out. */
export const bareLoops = {
  tcp: "raw TCP: socket, file write, 16 bytes of ack per frame; no framing, no checksum",
  produce: "grpc-js bidirectional stream up: CRC-32C of every message, one file write and one ack message per burst",
  fetch: "grpc-js server stream down: messages read from a warm file, CRC-32C of every batch in them",
  "file-rounds": "no network: a batch written to each of many files, then one fdatasync of each, again and again",
  "node-start": "no network: a Node process that does nothing, from spawn to exit",
} as const;
export type BareLoop = keyof typeof bareLoops;

export interface BareOptions {
  /** Where the loop's file lies: on the disk that is measured. Its files are removed at the end. */
  readonly folder: string;
  /** Bytes of a frame, of a message, or of a batch of file-rounds. */
  readonly bytes: number;
  /** Frames or messages in flight. */
  readonly depth: number;
  /** Answer only what an fdatasync that began after the write has covered. */
  readonly durable: boolean;
  /** With `durable`, sync in the loop's own thread instead of the pool: the fastest for one message in flight. */
  readonly blocking: boolean;
  /** Let the file grow to `ringBytes` and begin again from nothing, instead of overwriting it in place. */
  readonly extend: boolean;
  /** Length of the file that is written to or read from. */
  readonly ringBytes: number;
  /** Bytes of the batches that a fetched message consists of, each with a checksum of its own; 0: neither read from a file nor checked. */
  readonly batchBytes: number;
  /** Files of file-rounds; starts of node-start. */
  readonly count: number;
  /** HTTP/2 windows of both sides. */
  readonly windowBytes: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export const bareDefaults: BareOptions = {
  folder: "",
  bytes: 16_384,
  depth: 8,
  durable: false,
  blocking: false,
  extend: false,
  ringBytes: 134_217_728,
  batchBytes: 16_384,
  count: 100,
  windowBytes: 4_194_304,
  warmupSeconds: 0.5,
  seconds: 1.5,
};

export interface BareResult {
  readonly loop: BareLoop;
  readonly options: BareOptions;
  /** Length of the counted time. */
  readonly seconds: number;
  /** Acks, messages, rounds or starts in it. */
  readonly ops: number;
  readonly opsPerSecond: number;
  readonly bytesPerSecond: number;
  /** User and system time of the server process, from /proc/PID/stat, in hundredths of a second. */
  readonly serverCpuSeconds: number;
  /** Per 10^9 bytes. */
  readonly serverCpuSecondsPerGb: number;
  readonly clientCpuSeconds: number;
  readonly clientCpuSecondsPerGb: number;
  /** Where a loop times its operations one by one. */
  readonly latencyMicros?: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
}

/** The cells that the bench quotes. A change that improves a ratio never changes them. */
export const bareCells = {
  "tcp-16k": { loop: "tcp", options: { bytes: 16_384, depth: 8 } },
  "tcp-128k": { loop: "tcp", options: { bytes: 131_072, depth: 8 } },
  "tcp-16k-durable": { loop: "tcp", options: { bytes: 16_384, depth: 64, durable: true } },
  "produce-16k": { loop: "produce", options: { bytes: 16_384, depth: 8 } },
  "produce-128k": { loop: "produce", options: { bytes: 131_072, depth: 8 } },
  "produce-16k-durable": { loop: "produce", options: { bytes: 16_384, depth: 64, durable: true } },
  "fetch-1m-unread": { loop: "fetch", options: { bytes: 1_048_576, windowBytes: 1_048_576, batchBytes: 0 } },
  "fetch-1m": { loop: "fetch", options: { bytes: 1_048_576, windowBytes: 1_048_576 } },
  "round-trip-durable": { loop: "produce", options: { bytes: 1_024, depth: 1, durable: true, blocking: true, ringBytes: 1_048_576 } },
  "sync-each-of-100": { loop: "file-rounds", options: { bytes: 16_384, count: 100, extend: true } },
  "node-start": { loop: "node-start", options: { count: 20 } },
} as const satisfies Readonly<Record<string, { readonly loop: BareLoop; readonly options: Partial<BareOptions> }>>;
export type BareCell = keyof typeof bareCells;

/** Longest time that a cell may take beyond its own seconds: starting two processes and writing a file of zeros. */
const overheadMsMax = 60_000;

/** Runs one cell in processes of its own. @param options what to change of it. @throws when it fails or does not end. */
export async function runCell(cell: BareCell, options: Partial<BareOptions> = {}): Promise<BareResult> {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const seconds = (options.seconds ?? bareDefaults.seconds) + (options.warmupSeconds ?? bareDefaults.warmupSeconds);
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "run.ts"), cell, ...flags], {
    timeout: seconds * 1_000 + overheadMsMax,
  });
  return JSON.parse(stdout) as BareResult;
}

/** @returns what a command line asks for. @throws on a name or a flag that does not exist. */
export function parseCommand(name: string, flags: readonly string[]): { readonly loop: BareLoop; readonly options: BareOptions } {
  const cell: { readonly loop: BareLoop; readonly options: Partial<BareOptions> } | undefined =
    name in bareCells ? bareCells[name as BareCell] : name in bareLoops ? { loop: name as BareLoop, options: {} } : undefined;
  if (cell === undefined)
    throw new Error(`no such cell or loop: ${name}; there are ${[...Object.keys(bareCells), ...Object.keys(bareLoops)].join(", ")}`);
  const options: Record<string, string | number | boolean> = { ...bareDefaults, ...cell.options };
  for (let at = 0; at < flags.length; at += 2) {
    const [flag = "", value = ""] = flags.slice(at, at + 2);
    const option = flag.replace(/^--/, "");
    const was = options[option];
    if (was === undefined) throw new Error(`no such flag: ${flag}; there are ${Object.keys(bareDefaults).join(", ")}`);
    options[option] = typeof was === "string" ? value : typeof was === "boolean" ? value === "true" : Number(value);
  }
  return { loop: cell.loop, options: options as unknown as BareOptions };
}
