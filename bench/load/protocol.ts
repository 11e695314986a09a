// What a load process is told, and what it answers: load-process.ts makes the load, run-load.ts starts it.

import type { LoadFigures } from "@varve/load";

interface Common {
  readonly address: string;
  readonly serverPid: number;
  /** Of the server's HTTP listener, where its metrics are read. */
  readonly httpAddress: string;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export interface ProduceJob extends Common {
  readonly kind: "produce";
  readonly topic: string;
  readonly partitionCount: number;
  readonly config: Readonly<Record<string, string>>;
  readonly batchBytes: number;
  readonly depth: number;
  readonly perSecond?: number;
  /** The topic is there; `config` is not looked at. */
  readonly isExisting?: boolean;
  /** The load ends when so much was written, whatever its seconds. */
  readonly bytesMax?: number;
}

export interface FetchJob extends Common {
  readonly kind: "fetch";
  readonly topic: string;
  readonly partitionCount: number;
  /** Of the log that is written before and read over and over, all partitions together. */
  readonly logBytes: number;
  readonly batchBytes: number;
  readonly maxBytes: number;
}

/** The SDK's `send`, one record after the other of each of `depth`. */
export interface SendJob extends Common {
  readonly kind: "send";
  readonly topic: string;
  readonly config: Readonly<Record<string, string>>;
  readonly valueBytes: number;
  readonly depth: number;
}

export type LoadJob = ProduceJob | FetchJob | SendJob;

export interface LoadAnswer extends LoadFigures {
  /** The server's event loop, 99th percentile while the load ran, where it says. */
  readonly loopDelayMs?: number;
}
