// Run after an install, and when the sources have changed: makes the bundle of the commands, runs a server out of it that stores and gives
// back one record, and so leaves the code that a start needs compiled in Node's compile cache. Then the same for the sources, without a server.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tree } from "../packages/cli/src/index.ts";
import { connect } from "../packages/client/src/index.ts";
import { compileCacheIn, environmentOf, sourcesFingerprint, stampBundle } from "./program.mjs";

const root = join(import.meta.dirname, "..");
/** No statement about speed: it ends a server that does not come up. */
const serverMsMax = 30_000;

/** What a server says when it serves: its address. Its output stays open, for a server whose reader is gone ends. */
function addressOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    server.stdout!.on("data", (piece: Buffer) => {
      text += piece.toString();
      if (text.includes("\n")) resolve((JSON.parse(text) as { address: string }).address);
    });
    server.once("exit", (code, signal) => reject(new Error(`the bundled server ended with ${code ?? signal} before it served`)));
  });
}

/** One life of a server: what it runs is compiled, and its end writes that down. */
async function serveOnce(bundle: string): Promise<void> {
  const dataFolder = mkdtempSync(join(tmpdir(), "varve-warm-"));
  // What a person has set is for the commands that they run: it says nothing about the bundle.
  const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("VARVE_")));
  const environment = { ...bare, ...environmentOf(root), ...compileCacheIn(bundle) };
  const settings = ["--data-dir", dataFolder, "--listener", "127.0.0.1:0", "--http-listener", "127.0.0.1:0", "--log-level", "warn"];
  const server = spawn(process.execPath, [join(bundle, "varve.cjs"), "server", ...settings, "--format", "json"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: environment,
    timeout: serverMsMax,
  });
  const exit = once(server, "exit") as Promise<[number | null]>;
  try {
    await sendOne(await addressOf(server));
  } finally {
    server.kill("SIGTERM");
    await exit;
    rmSync(dataFolder, { recursive: true, force: true });
  }
  if (server.exitCode !== 0) throw new Error(`the bundled server ended with ${server.exitCode ?? server.signalCode}`);
}

/** One record to a topic of its own, and back. */
async function sendOne(address: string): Promise<void> {
  const varve = await connect(address);
  await varve.admin.createTopic({ name: "warm", partitions: 1 });
  await varve.send("warm", { key: "k", value: "v" });
  for await (const _ of varve.consume("warm", { from: "earliest", until: "end" })) break;
  await varve.close();
}

async function bundle(): Promise<void> {
  const fingerprint = sourcesFingerprint(root);
  const { folder, name, removeOldBundles } = await bundleOf(fingerprint);
  await serveOnce(folder);
  stampBundle(root, fingerprint, name);
  removeOldBundles(root);
}

async function bundleOf(fingerprint: string) {
  const name = `${fingerprint.slice(0, 8)}-${process.pid}`;
  try {
    // Loaded here, for what it is made with is native code, which may be missing.
    const { makeBundle, removeOldBundles } = await import("./bundle.ts");
    return { folder: await makeBundle(root, name), name, removeOldBundles };
  } catch (error) {
    stampBundle(root, fingerprint);
    throw error;
  }
}

/** What runs from the sources: tests, the simulator, and all commands where there is no bundle. */
async function warmSources(): Promise<void> {
  for (const command of tree) await command.load();
  await Promise.all([import("../packages/server/src/node.ts"), import("./inventory.ts")]);
  const { loadGrpcNetwork } = await import("../packages/transport-grpc/src/index.ts");
  await loadGrpcNetwork();
  flushCompileCache();
}

await warmSources();
await bundle();
