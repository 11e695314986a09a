// Whether this server should be sent requests: what a probe asks, check by check.

import type { LogStore } from "@varve/log";
import type { ReadinessCheck } from "./observed.ts";

/** A loop that is held up for longer answers nobody in time. */
export const loopDelayMsMax = 1000;

export interface ReadinessParts {
  readonly isServing: boolean;
  readonly logs: Pick<LogStore, "writeRefusal" | "logs">;
  /** Undefined where it is not measured. */
  readonly loopDelayMs: number | undefined;
}

export function readinessChecks({ isServing, logs, loopDelayMs }: ReadinessParts): readonly ReadinessCheck[] {
  const offline = [...logs.logs()].filter((log) => log.offline !== undefined);
  const slow = loopDelayMs !== undefined && loopDelayMs > loopDelayMsMax;
  return [
    { name: "listener", problem: isServing ? undefined : "no requests are taken" },
    { name: "disk space", problem: logs.writeRefusal?.message },
    {
      name: "logs",
      problem: offline.length === 0 ? undefined : `${offline.length} partitions are offline; the first: ${offline[0]!.offline!.message}`,
    },
    { name: "event loop", problem: slow ? `held up for ${Math.round(loopDelayMs)} ms` : undefined },
  ];
}
