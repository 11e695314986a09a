// The log of a store on the simulated disk and on a real one passes the contract of every log.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger, Metrics } from "@varve/runtime";
import { nodeClock, nodeCompression, nodeDisk, nodeEntropy } from "@varve/runtime/node";
import { logContract } from "../src/contract/index.ts";
import { openLogStore } from "../src/open-store.ts";
import { machine, open, partition, storeOptions } from "./harness.ts";
import { scriptCompression } from "./history/batches.ts";

logContract("simulated disk", async (config, script) => {
  await machine().run(async (ports) => {
    const store = await open(ports, { configOf: () => config });
    const log = await store.create(partition(0), "orders", config);
    await script({ log, clock: ports.clock, compression: scriptCompression });
    await store.close();
  });
});

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };
const uncounted: Metrics = { counter: () => ({ add: () => {} }), gauge: () => {}, histogram: () => ({ observe: () => {} }) };

logContract("Node's disk", async (config, script) => {
  const folder = await mkdtemp(join(tmpdir(), "varve-log-"));
  const ports = {
    clock: nodeClock,
    disk: nodeDisk(folder),
    entropy: nodeEntropy(),
    compression: nodeCompression,
    logger: silent,
    metrics: uncounted,
  };
  const store = await openLogStore(
    ports,
    { ...storeOptions, configOf: () => config, tuning: { unsyncedMsMax: 20 } },
    new AbortController().signal,
  );
  try {
    const log = await store.create(partition(0), "orders", config);
    await script({ log, clock: ports.clock, compression: nodeCompression });
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
});
