// Waiting with an end: a piece of work is given a signal that aborts when the caller's does, or when the time is up.

import { ClusterError } from "@varve/model";
import type { Clock } from "@varve/runtime";

/**
 * @param work must settle soon after its signal has aborted.
 * @throws the caller's reason when its signal aborts, REQUEST_TIMED_OUT past `timeoutMs`, else what `work` throws.
 */
export async function withDeadline<T>(
  clock: Clock,
  timeoutMs: number,
  what: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const timer = clock.setTimer(timeoutMs, () => {
    controller.abort(new ClusterError("REQUEST_TIMED_OUT", `${what}: not done after ${timeoutMs} ms`));
  });
  try {
    return await work(controller.signal);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", abort);
  }
}

/** Settles as `promise` does, or with the signal's reason as soon as it aborts. What the promise stands for goes on. */
export function abandonable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
