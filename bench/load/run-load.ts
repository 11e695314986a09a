// One cell of ours: a fresh broker on an empty directory, one load process, and both are gone again.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BrokerOptions, type BrokerProcess, spawnBroker } from "../broker-process.ts";
import type { LoadAnswer, LoadJob } from "./protocol.ts";

/** What of a job does not come from the broker that it is run against. */
export type Load = LoadJob extends infer Job ? (Job extends LoadJob ? Omit<Job, "address" | "serverPid" | "httpAddress"> : never) : never;

/** Beyond its own seconds: starting two processes, filling a log. */
const overheadMsMax = 60_000;

/** @throws when the load fails or does not end. */
export async function runLoad(load: Load, options: BrokerOptions): Promise<LoadAnswer> {
  const broker = await spawnBroker(options);
  try {
    return await runLoadOn(broker, load);
  } finally {
    await broker.remove();
  }
}

export async function runLoadOn({ address, pid, httpAddress }: BrokerProcess, load: Load): Promise<LoadAnswer> {
  const job: LoadJob = { ...load, address, serverPid: pid, httpAddress };
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "load-process.ts"), JSON.stringify(job)], {
    timeout: (load.seconds + load.warmupSeconds) * 1_000 + overheadMsMax,
  });
  return JSON.parse(stdout) as LoadAnswer;
}
