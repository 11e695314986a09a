// A server for the bench as a process of its own: `node bench/serve.ts --data-dir folder --listener host:port …`, the settings of `varve
// server` as flags. It leaves out the command around it, so that a row shows the server's own figures.

import { loadServerConfig } from "@varve/server";
import { startNodeServer } from "@varve/server/node";

const flags = new Map<string, string>();
const words = process.argv.slice(2);
for (let at = 0; at < words.length; at += 2) flags.set(words[at]!.slice(2).replaceAll("-", "."), words[at + 1] ?? "");
const loaded = loadServerConfig({ environment: new Map(), flags });
if (loaded.kind === "problems") throw new Error(loaded.problems.join("\n"));
const server = await startNodeServer({ config: loaded.config, pretty: false }, new AbortController().signal);
process.once("SIGTERM", () => {
  void server.stop().then(() => process.exit(0));
});
