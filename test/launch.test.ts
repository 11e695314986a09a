// Shows what the launcher promises: it installs when and only when a manifest changed, keeps stdout clean, and is as good as
// the command itself to whoever watches exit codes, signals and streams. `npx` is a stand-in here, so no network is needed.

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";

// As in the launcher: signals of one kind that follow each other faster are one.
const repeatedSignalMs = 500;

let clone = "";

const launcher = () => join(clone, "deploy", "launch.mjs");
const bundles = () => readFileSync(join(clone, "bundles"), "utf8").trim().split("\n");
const installs = () => readFileSync(join(clone, "installs"), "utf8").trim().split("\n");

// As `varve`, a program that does what its first argument says.
const command = `
const [what, ...rest] = process.argv.slice(2);
if (what === "echo") process.stdin.pipe(process.stdout);
if (what === "exit") process.exitCode = Number(rest[0]);
if (what === "die") process.kill(process.pid, "SIGKILL");
if (what === "say") console.log(JSON.stringify({ rest, threads: process.env.UV_THREADPOOL_SIZE, cache: process.env.NODE_COMPILE_CACHE }));
if (what === "stay") {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => console.log(signal));
  process.on("SIGHUP", () => process.exit(7));
  setInterval(() => {}, 1000);
  console.log("ready");
}
`;

// As the program that bundles: what it makes says that it is a bundle, and `broken-bundle` how it ends instead.
const warm = `
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundlesFolder, bundleStamp, sourcesFingerprint } from "./program.mjs";
const root = join(import.meta.dirname, "..");
const fingerprint = sourcesFingerprint(root);
appendFileSync(join(root, "bundles"), "made\\n");
mkdirSync(join(bundlesFolder(root), "one"), { recursive: true });
const end = existsSync(join(root, "broken-bundle")) ? readFileSync(join(root, "broken-bundle"), "utf8") : "";
if (end === "error") throw new Error("it does not work");
if (end !== "") {
  process.kill(process.pid, end);
  setInterval(() => {}, 1000);
}
writeFileSync(bundleStamp(root), JSON.stringify({ fingerprint, folder: "one" }));
writeFileSync(join(bundlesFolder(root), "one", "varve.cjs"), 'console.log("bundled", process.env.NODE_COMPILE_CACHE)');
`;

// As `bundle.ts` and what it makes: a server that refuses every setting of its environment, as the real one does one that it does not know.
const bundler = `
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundlesFolder } from "./program.mjs";
export async function makeBundle(root, name) {
  const folder = join(bundlesFolder(root), name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "varve.cjs"), \`
    const settings = Object.entries(process.env).filter(([name]) => name.startsWith("VARVE_"));
    if (process.argv[2] !== "server") console.log("bundled, with", settings.join().replace(",", "="));
    else if (settings.length > 0) process.exit(78);
    else {
      process.on("SIGTERM", () => process.exit(0));
      setInterval(() => {}, 1000);
      console.log(JSON.stringify({ address: "127.0.0.1:1" }));
    }
  \`);
  return folder;
}
export function removeOldBundles() {}
`;

// As the client: all that is asked of it works.
const client = `
export async function connect() {
  return { admin: { async createTopic() {} }, async send() {}, async *consume() { yield 1; }, async close() {} };
}
`;

// As `npx`: notes that it ran, and leaves behind what an install leaves behind as far as the launcher looks.
const npx = `#!/bin/sh
echo "$@" >> installs
[ ! -e broken ] || { echo "what pnpm says on stdout"; echo "and on stderr" >&2; exit 3; }
mkdir -p node_modules/.bin && ln -sf "$REAL_NODE" node_modules/.bin/node
`;

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "varve-launch-"));
  for (const folder of ["deploy", "bin", "packages/cli/src"]) mkdirSync(join(clone, folder), { recursive: true });
  for (const name of ["launch.mjs", "program.mjs"])
    copyFileSync(join(import.meta.dirname, "..", "deploy", name), join(clone, "deploy", name));
  writeFileSync(join(clone, "package.json"), JSON.stringify({ packageManager: "pnpm@12.0.0" }));
  writeFileSync(join(clone, "packages", "cli", "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(clone, "packages", "cli", "src", "main.ts"), command);
  writeFileSync(join(clone, "bin", "npx"), npx);
  chmodSync(join(clone, "bin", "npx"), 0o755);
});

afterEach(() => rmSync(clone, { recursive: true, force: true }));

function environment(): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: _cache, UV_THREADPOOL_SIZE: _threads, npm_lifecycle_event: _event, ...rest } = process.env;
  return { ...rest, PATH: [join(clone, "bin"), process.env.PATH].join(delimiter), REAL_NODE: process.execPath };
}

function launch(args: readonly string[], more: { readonly input?: string; readonly environment?: NodeJS.ProcessEnv } = {}) {
  const env = { ...environment(), ...more.environment };
  return spawnSync(process.execPath, [launcher(), ...args], { env, cwd: clone, encoding: "utf8", input: more.input ?? "" });
}

/** As a file system that does not let the launcher make its lock. Whoever is root may write anywhere, so permissions would not do. */
function refusingLock(code: string): NodeJS.ProcessEnv {
  const path = join(clone, "refuse.mjs");
  writeFileSync(
    path,
    `import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const open = fs.openSync;
    fs.openSync = (path, ...rest) => {
      if (String(path).endsWith(".lock")) throw Object.assign(new Error("${code}: open"), { code: "${code}" });
      return open(path, ...rest);
    };
    syncBuiltinESMExports();`,
  );
  return { NODE_OPTIONS: `--import ${pathToFileURL(path).href}` };
}

/** The program that bundles is the real one, and what it calls a stand-in. */
function layOutWarmUp(bundle: string): void {
  copyFileSync(join(import.meta.dirname, "..", "deploy", "warm.ts"), join(clone, "deploy", "warm.ts"));
  const parts = {
    "deploy/bundle.ts": bundle,
    "deploy/inventory.ts": "export {};",
    "packages/cli/src/index.ts": "export const tree = [];",
    "packages/client/src/index.ts": client,
    "packages/server/src/node.ts": "export {};",
    "packages/transport-grpc/src/index.ts": "export const loadGrpcNetwork = async () => {};",
  };
  for (const [path, text] of Object.entries(parts)) {
    mkdirSync(join(clone, path, ".."), { recursive: true });
    writeFileSync(join(clone, path), text);
  }
}

/** Resolves with what the program has printed once that matches. */
function printed(child: ChildProcessWithoutNullStreams, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (pattern.test(text)) resolve(text);
    });
    child.on("exit", () => reject(new Error(`ended before it printed ${pattern}: ${text}`)));
  });
}

const ended = (child: ChildProcessWithoutNullStreams): Promise<number | null> => new Promise((resolve) => child.on("exit", resolve));

test("the first run installs what the lockfile pins, the second one does not", () => {
  expect(launch(["varve", "say"]).stderr).toMatch(/^varve: installing dependencies with pnpm@12\.0\.0 … done in [\d.]+ s\n$/);
  expect(launch(["varve", "say"]).stderr).toBe("");
  expect(installs()).toEqual([expect.stringMatching(/^-y pnpm@12\.0\.0 install --frozen-lockfile /)]);
});

test.each(["pnpm-lock.yaml", "pnpm-workspace.yaml", "packages/log/package.json"])("a change of %s installs again", (path) => {
  launch(["varve", "say"]);
  mkdirSync(join(clone, path, ".."), { recursive: true });
  writeFileSync(join(clone, path), "{}");
  launch(["varve", "say"]);
  expect(installs()).toHaveLength(2);
});

test("a failed install shows what pnpm said on stderr, runs nothing, and is tried again", () => {
  launch(["varve", "say"]);
  writeFileSync(join(clone, "pnpm-lock.yaml"), "changed");
  writeFileSync(join(clone, "broken"), "");
  const failed = launch(["varve", "say"]);
  expect(failed.status).toBe(1);
  expect(failed.stdout).toBe("");
  expect(failed.stderr).toContain("what pnpm says on stdout\nand on stderr\n");
  expect(failed.stderr).toContain("exit code 3");
  rmSync(join(clone, "pnpm-lock.yaml"));
  expect(launch(["varve", "say"]).status).toBe(1);
  rmSync(join(clone, "broken"));
  expect(launch(["varve", "say"]).status).toBe(0);
});

test("the lock of a launcher that was killed does not stop the next one", () => {
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  mkdirSync(join(clone, "node_modules"));
  writeFileSync(join(clone, "node_modules", ".varve-install.lock"), String(dead));
  expect(launch(["varve", "say"]).status).toBe(0);
  expect(existsSync(join(clone, "node_modules", ".varve-install.lock"))).toBe(false);
});

test("two launchers at once install once", async () => {
  const both = [1, 2].map(() => spawn(process.execPath, [launcher(), "varve", "say"], { env: environment(), cwd: clone }));
  expect(await Promise.all(both.map(ended))).toEqual([0, 0]);
  expect(installs()).toHaveLength(1);
});

test("the command gets its arguments, the thread pool and the compile cache; stdout is its own alone", () => {
  const { stdout } = launch(["varve", "say", "--flag", "two words"]);
  const cache = join(clone, "node_modules", ".cache", "varve-compile");
  expect(JSON.parse(stdout)).toEqual({ rest: ["--flag", "two words"], threads: "8", cache });
});

test("the bundle of the sources is run, with its own compile cache, and made anew when a source has changed", () => {
  writeFileSync(join(clone, "deploy", "warm.ts"), warm);
  const bundled = `bundled ${join(clone, "node_modules", ".cache", "varve-bundle", "one", "compiled")}\n`;
  expect(launch(["varve", "say"]).stdout).toBe(bundled);
  expect(launch(["varve", "say"])).toMatchObject({ stdout: bundled, stderr: "" });
  expect(bundles()).toHaveLength(1);
  writeFileSync(join(clone, "packages", "cli", "src", "main.ts"), `${command}\n`);
  expect(launch(["varve", "say"])).toMatchObject({
    stdout: bundled,
    stderr: expect.stringMatching(/^varve: the sources have changed; bundling … done in/),
  });
  expect(bundles()).toHaveLength(2);
});

test.each([
  { end: "error", told: "starts will be slower: Error: it does not work)" },
  // As by its time limit.
  { end: "SIGTERM", told: "starts will be slower: ended by SIGTERM)" },
])("where making a bundle ends with $end the sources are run, and nobody tries again before they change", ({ end, told }) => {
  writeFileSync(join(clone, "deploy", "warm.ts"), warm);
  writeFileSync(join(clone, "broken-bundle"), end);
  expect(launch(["varve", "exit", "6"])).toMatchObject({ status: 6, stderr: expect.stringContaining(told) });
  expect(launch(["varve", "exit", "6"])).toMatchObject({ status: 6, stderr: "" });
  expect(bundles()).toHaveLength(1);
  writeFileSync(join(clone, "packages", "cli", "src", "main.ts"), `${command}\n`);
  expect(launch(["varve", "exit", "6"])).toMatchObject({ status: 6, stderr: expect.stringContaining(told) });
});

test.each(["EACCES", "EPERM", "EROFS"])("who may not write to node_modules (%s) runs the sources when the bundle is stale", (code) => {
  writeFileSync(join(clone, "deploy", "warm.ts"), warm);
  launch(["varve", "say"]);
  writeFileSync(join(clone, "packages", "cli", "src", "main.ts"), `${command}\n`);
  expect(launch(["varve", "exit", "6"], { environment: refusingLock(code) })).toMatchObject({
    status: 6,
    stderr: expect.stringMatching(new RegExp(`^varve: the sources have changed and are run without a bundle, .* ${code}.*\\n$`)),
  });
  expect(bundles()).toHaveLength(1);
});

test("who may not write to node_modules is told so when an install is needed", () => {
  const { status, stderr } = launch(["varve", "say"], { environment: refusingLock("EACCES") });
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/^varve: cannot write to .*node_modules: EACCES.*\n$/) });
});

test("a link that leads nowhere, as editors leave them beside a file, is no source", () => {
  writeFileSync(join(clone, "deploy", "warm.ts"), warm);
  launch(["varve", "say"]);
  symlinkSync("somebody@somewhere.4711:1700000000", join(clone, "packages", "cli", "src", ".#main.ts"));
  expect(launch(["varve", "say"])).toMatchObject({ status: 0, stderr: "", stdout: expect.stringMatching(/^bundled /) });
});

test("what a person has set of Varve's is kept from the server that tries the bundle", () => {
  layOutWarmUp(bundler);
  const { stdout, stderr } = launch(["varve", "say"], { environment: { VARVE_NONSENSE: "1" } });
  expect({ stdout, stderr }).toEqual({ stdout: "bundled, with VARVE_NONSENSE=1\n", stderr: expect.not.stringContaining("failed") });
});

test("where what makes the bundle cannot be loaded the sources are run, and nobody tries again before they change", () => {
  layOutWarmUp(`${bundler}throw new Error("no native binding");`);
  expect(launch(["varve", "exit", "6"])).toMatchObject({ status: 6, stderr: expect.stringContaining("Error: no native binding") });
  expect(launch(["varve", "exit", "6"])).toMatchObject({ status: 6, stderr: "" });
});

test("stdin, stdout, the exit code and death by a signal pass through", () => {
  expect(launch(["varve", "echo"], { input: "a\nb\n" }).stdout).toBe("a\nb\n");
  expect(launch(["varve", "exit", "6"]).status).toBe(6);
  expect(launch(["varve", "die"]).status).toBe(128 + 9);
});

test("a signal reaches the command once, however often it arrives within a moment", async () => {
  launch(["varve", "say"]);
  const child = spawn(process.execPath, [launcher(), "varve", "stay"], { env: environment(), cwd: clone });
  onTestFinished(() => void child.kill("SIGHUP"));
  await printed(child, /ready/);
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  // Two kinds that arrive together are handed over in any order.
  const gotBoth = printed(child, /SIGINT.*SIGTERM|SIGTERM.*SIGINT/s);
  // One after the other in one go, as from a terminal and from npm.
  const startedAtMs = performance.now();
  for (let times = 0; times < 3; times++) child.kill("SIGINT");
  // Were we held up for so long that they no longer look like one, more may pass.
  const interruptsMax = 1 + Math.floor((performance.now() - startedAtMs) / repeatedSignalMs);
  child.kill("SIGTERM");
  await gotBoth;
  const closed = once(child, "close");
  child.kill("SIGHUP");
  expect((await closed)[0]).toBe(7);
  const signals = text.trim().split("\n");
  expect(signals.filter((signal) => signal === "SIGTERM")).toHaveLength(1);
  const interrupts = signals.filter((signal) => signal === "SIGINT").length;
  expect(interrupts).toBeGreaterThanOrEqual(1);
  expect(interrupts).toBeLessThanOrEqual(interruptsMax);
});

test("an unknown command is answered with the known ones and exit code 2", () => {
  expect(launch(["serve"])).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("start|test|sim|bench|varve") });
});

test("a command whose entry this clone lacks says which file is missing", () => {
  expect(launch(["bench"])).toMatchObject({ status: 1, stderr: expect.stringContaining("bench/main.ts is not in this clone") });
});
