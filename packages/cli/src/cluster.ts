// The connection of a command to its cluster, closed when the command is done.

import type { Varve } from "@varve/client";

interface Call {
  readonly flags: { readonly bootstrap: string; readonly timeout: number };
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** @throws {ClusterError} NETWORK_EXCEPTION when no broker answers within --timeout; what `work` throws. */
export async function withCluster<T>({ flags, say, signal }: Call, work: (varve: Varve) => Promise<T>): Promise<T> {
  const { connect } = await import("@varve/client");
  const slow = setTimeout(() => say(`varve: no answer from ${flags.bootstrap} yet; still trying`), patienceMs);
  const requestTimeoutMs = Math.min(flags.timeout, requestMsMax);
  const varve = await connect(flags.bootstrap, { requestTimeoutMs, signal }).finally(() => clearTimeout(slow));
  try {
    return await work(varve);
  } finally {
    // What is unsent now was told as a failure before, or was given up by the person.
    await varve.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  }
}

/** The client's bound. */
const requestMsMax = 600_000;
/** A person who waits for longer is told what for. */
const patienceMs = 1_500;
