#!/usr/bin/env node
// The `varve` command as a process: signals, standard streams, the exit code. What the words mean is program.ts.
// Only Node's own modules are imported up here: what is loaded before the first line runs can start the thread pool.

import { readFileSync } from "node:fs";
import process from "node:process";

/** fdatasync, cold reads, zlib and DNS share the pool; libuv's four would let one slow disk starve the rest. */
process.env.UV_THREADPOOL_SIZE ??= "8";

const words = process.argv.slice(2);
if (words.length === 1 && (words[0] === "--version" || words[0] === "-V")) {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  process.stdout.write(`${version}\n`);
} else {
  // Not awaited: CommonJS, which it is bundled as, knows no waiting at the top.
  void main();
}

async function main(): Promise<void> {
  const [{ run }, { exitCodes }, { Output }] = await Promise.all([
    import("./program.ts"),
    import("./exit-codes.ts"),
    import("./output.ts"),
  ]);
  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // The second one does not wait for anything.
      if (interruption.signal.aborted) process.exit(exitCodes.interrupted.code);
      interruption.abort(new Error(`ended by ${signal}`));
    });
  }
  const output = new Output(
    process.stdout,
    // `varve consume … | head`: the reader has what it wanted, and that is no failure.
    () => process.exit(exitCodes.ok.code),
    (error) => {
      process.stderr.write(`varve: standard output: ${error.message}\n`);
      process.exit(exitCodes.failed.code);
    },
  );
  const environment = new Map(Object.entries(process.env).flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const])));
  const exitCode = await run(words, { output, sayRaw: (text) => process.stderr.write(text), environment, signal: interruption.signal });
  await output.flush();
  process.exit(exitCode);
}
