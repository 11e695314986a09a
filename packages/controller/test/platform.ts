// A process on a simulated machine for a test to run in, with real checksums and everything else out of a seed.

import type { Compression } from "@varve/model";
import { nodeCompression } from "@varve/runtime/node";
import { type DiskOnly, diskOnly, type MachinePorts } from "@varve/sim";
import type { ControllerPorts, QuorumOfOnePorts } from "../src/index.ts";

export type TestPorts = ControllerPorts & QuorumOfOnePorts;

export const compression: Compression = nodeCompression;

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

export const machineOf = (seed: number): DiskOnly => diskOnly({ seed, turn });

export const portsOf = (ports: MachinePorts): TestPorts => ({ ...ports, compression });

/** Runs `script` in a process that nothing kills. */
export async function inProcess<Value>(script: (ports: TestPorts) => Promise<Value>, seed = 1): Promise<Value> {
  const outcome = await machineOf(seed).run((ports) => script(portsOf(ports)));
  if (outcome.kind === "died") throw new Error("nobody kills this process");
  return outcome.value;
}

/** The signal of someone who waits as long as it takes. */
export const patient: AbortSignal = new AbortController().signal;
