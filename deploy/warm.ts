// Run once after an install: loads what the commands load, so that Node's compile cache has it when a person starts them the first time.
// It opens nothing and serves nothing.

import { flushCompileCache } from "node:module";
import { tree } from "../packages/cli/src/index.ts";

for (const command of tree) await command.load();
await Promise.all([import("../packages/server/src/node.ts"), import("../packages/client/src/index.ts"), import("./inventory.ts")]);
const { loadGrpcNetwork } = await import("../packages/transport-grpc/src/index.ts");
await loadGrpcNetwork();
flushCompileCache();
