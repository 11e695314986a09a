// The contract suites of the ports, run on their Node implementations: real time, real files.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@varve/runtime";
import {
  clockContract,
  compressionContract,
  diskContract,
  entropyContract,
  keyValueStoreContract,
  type Rig,
} from "@varve/runtime/contract";
import { nodeClock, nodeCompression, nodeDisk, nodeEntropy, nodeStores } from "@varve/runtime/node";

/** Makes the port in a folder of its own, which is gone afterwards. */
function inFolder<Port>(make: (folder: string) => Port): Rig<Port> {
  return async (script: (port: Port, clock: Clock) => Promise<void>) => {
    const folder = mkdtempSync(join(tmpdir(), "varve-contract-"));
    try {
      await script(make(folder), nodeClock);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

clockContract("node", (script) => script(nodeClock, nodeClock));
entropyContract("node", nodeEntropy);
compressionContract("node", () => nodeCompression);
diskContract("node", inFolder(nodeDisk));
keyValueStoreContract("node", inFolder(nodeStores));
