// What the parts of one client share: the outside world, the brokers, what is known of topics.

import type { Ports } from "@varve/runtime";
import type { Brokers } from "./brokers.ts";
import type { MetadataCache } from "./metadata-cache.ts";

/** The outside world of a client. Nothing of Node is loaded when it is given. */
export type ClientPorts = Pick<Ports, "clock" | "entropy" | "network" | "compression">;

export interface ClientContext {
  readonly ports: ClientPorts;
  readonly brokers: Brokers;
  readonly metadata: MetadataCache;
  readonly requestTimeoutMs: number;
  readonly unknownTopicMs: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMsMax: number;
}
