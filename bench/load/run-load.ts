// One cell of ours: a fresh broker process on a directory that has seen others, one load process, and both are gone again.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { memoryFlags } from "@varve/runtime/node";
import { type BrokerProcess, callerWhenListening, spawnBroker } from "../broker-process.ts";
import { homeIn, leaveHome } from "../home.ts";
import type { LoadAnswer, LoadJob } from "./protocol.ts";

/** What of a job does not come from the broker that it is run against. */
export type Load = LoadJob extends infer Job ? (Job extends LoadJob ? Omit<Job, "address" | "serverPid" | "httpAddress"> : never) : never;

/** Old segments of a log that is bounded go at once, not at the next of the default's five minutes. */
const brokerFlags = ["--log-retention-check-interval-ms", "100"];
/** Beyond its own seconds: starting two processes, filling a log. */
const overheadMsMax = 60_000;

/** @param folder where the broker's data directory lies. @throws when the load fails or does not end. */
export async function runLoad(load: Load, folder: string): Promise<LoadAnswer> {
  const broker = await spawnBroker({ folder, dataFolder: await homeIn(folder), flags: brokerFlags });
  try {
    const answer = await runLoadOn(broker, load);
    await deleteTopic(broker.address, load.topic);
    return answer;
  } catch (error) {
    leaveHome(folder);
    throw error;
  } finally {
    await broker.end("SIGTERM");
  }
}

async function deleteTopic(address: string, name: string): Promise<void> {
  const caller = await callerWhenListening(address);
  await caller.admin.deleteTopics([{ name }], new AbortController().signal);
  await caller.close();
}

export async function runLoadOn({ address, pid, httpAddress }: BrokerProcess, load: Load): Promise<LoadAnswer> {
  const job: LoadJob = { ...load, address, serverPid: pid, httpAddress };
  const program = [...memoryFlags, join(import.meta.dirname, "load-process.ts"), JSON.stringify(job)];
  const { stdout } = await promisify(execFile)(process.execPath, program, {
    timeout: (load.seconds + load.warmupSeconds) * 1_000 + overheadMsMax,
  });
  return JSON.parse(stdout) as LoadAnswer;
}
