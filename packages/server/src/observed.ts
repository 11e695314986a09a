// What a server shows of itself to probes and to Prometheus.

import type { Logger } from "@varve/runtime";

export interface ReadinessCheck {
  readonly name: string;
  /** Why it does not hold; undefined when it does. */
  readonly problem: string | undefined;
}

export interface Observed {
  readonly logger: Logger;
  /** What a scrape answers. */
  exposeMetrics(): Promise<{ readonly contentType: string; readonly text: string }>;
  readiness(): readonly ReadinessCheck[];
}

export interface HttpListener {
  readonly address: string;
  close(): Promise<void>;
}
