// A process that runs the seeds that it is sent, one after the other, and answers with what came of each.

import { runSeed } from "./run-seed.ts";

process.on("message", (seed: number) => {
  void runSeed(seed).then(({ outcome }) => process.send?.(outcome));
});
// The parent is gone: nobody wants the answers.
process.on("disconnect", () => process.exit(0));
