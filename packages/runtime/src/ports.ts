// The outside world of one process, whole.

import type { Compression } from "@varve/model";
import type { Clock } from "./clock.ts";
import type { Disk } from "./disk.ts";
import type { Entropy } from "./entropy.ts";
import type { OpenKeyValueStore } from "./key-value-store.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { MessageNetwork } from "./network.ts";

export interface Ports {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly disk: Disk;
  readonly network: MessageNetwork;
  readonly openStore: OpenKeyValueStore;
  readonly compression: Compression;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
