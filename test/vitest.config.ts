// How vitest finds and runs every test of the repository; `npm test` and a single file on the command line both use it.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// No statement about speed: it only ends a test that hangs, on a machine that has other work to do.
const TEST_MS_MAX = 120_000;

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: TEST_MS_MAX,
    hookTimeout: TEST_MS_MAX,
    teardownTimeout: TEST_MS_MAX,
    // A test that was narrowed down to while working on it must not narrow down everybody's run.
    allowOnly: false,
  },
});
