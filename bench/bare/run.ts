// The command that runs one cell: see protocol.ts.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runFetch } from "./fetch-client.ts";
import { runFileRounds } from "./file-rounds.ts";
import { runNodeStart } from "./node-start.ts";
import { runProduce } from "./produce-client.ts";
import { type BareLoop, type BareOptions, type BareResult, parseCommand } from "./protocol.ts";
import { runTcp } from "./tcp-client.ts";

// The pool syncs files side by side. Eight threads were the fastest for a hundred files; it must be said before the first of them starts.
process.env.UV_THREADPOOL_SIZE ??= "8";

const runs: Readonly<Record<BareLoop, (options: BareOptions) => BareResult | Promise<BareResult>>> = {
  tcp: runTcp,
  produce: runProduce,
  fetch: runFetch,
  "file-rounds": runFileRounds,
  "node-start": runNodeStart,
};

const [name = "", ...flags] = process.argv.slice(2);
const { loop, options } = parseCommand(name, flags);
const folder = mkdtempSync(join(options.folder || tmpdir(), "varve-bare-"));
try {
  process.stdout.write(`${JSON.stringify(await runs[loop]({ ...options, folder }))}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
