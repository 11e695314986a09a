// The one door to the repository: `node deploy/launch.mjs start|test|sim|bench|varve …args`, on any Node ≥ 20.
// It installs what the lockfile pins when that has changed, then hands over to the Node 26 among it: same standard
// streams, signals passed on, exit code passed back. What the commands do lies in the entries that the table names, or in the bundle
// that was made of them (program.mjs), which is made anew when the sources have changed.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundledSources, environmentOf, programOf, sourcesFingerprint, stampBundle } from "./program.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MODULES = join(ROOT, "node_modules");
const STAMP = join(MODULES, ".varve-install");
const LOCK = join(MODULES, ".varve-install.lock");

const ENTRIES = {
  start: bundledSources.start,
  test: "test/main.ts",
  sim: "test/sim/main.ts",
  bench: "bench/main.ts",
  varve: bundledSources.varve,
};
// Run after an install and when the sources have changed: makes the bundle, and leaves compiled code for the first real start.
const WARM_UP = "deploy/warm.ts";

const INSTALL = ["install", "--frozen-lockfile", "--reporter=append-only", "--config.confirmModulesPurge=false"];
const INSTALL_MS_MAX = 15 * 60_000;
const WARM_UP_MS_MAX = 60_000;
const LOCK_POLL_MS = 200;
// Ctrl-C in a terminal arrives once from the terminal and once more from npm; a person's second one comes later.
const REPEATED_SIGNAL_MS = 500;

function say(text) {
  process.stderr.write(text);
}

/** What went wrong outside this program, said without a stack. */
class LaunchError extends Error {}

/** Whoever runs this may not write where installs and bundles go. */
class ReadOnlyError extends LaunchError {}

/** Every file whose change makes an install necessary, in a fixed order. */
function manifests() {
  const files = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "test/package.json", "bench/package.json"];
  for (const name of readdirSync(join(ROOT, "packages")).sort()) files.push(`packages/${name}/package.json`);
  return files;
}

/** One hash over the manifests and the platform: the native modules of one platform are of no use on another. */
function fingerprint() {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}`);
  for (const file of manifests()) {
    const path = join(ROOT, file);
    hash.update(`\0${file}\0`);
    if (existsSync(path)) hash.update(readFileSync(path));
  }
  return hash.digest("hex");
}

/** The real path of the installed Node when the install is the one that `wanted` describes, else undefined. */
function installedNode(wanted) {
  try {
    const stamp = JSON.parse(readFileSync(STAMP, "utf8"));
    return stamp.fingerprint === wanted && existsSync(stamp.node) ? stamp.node : undefined;
  } catch {
    return undefined;
  }
}

function pnpmVersion() {
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return packageManager;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Runs `install` while no other launcher of this clone does; waits for the other one at most INSTALL_MS_MAX. */
function underLock(install) {
  try {
    takeLock();
  } catch (error) {
    if (["EACCES", "EPERM", "EROFS"].includes(error.code)) throw new ReadOnlyError(`cannot write to ${MODULES}: ${error.message}`);
    throw error;
  }
  try {
    return install();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function takeLock() {
  mkdirSync(MODULES, { recursive: true });
  const giveUpAt = Date.now() + INSTALL_MS_MAX;
  for (;;) {
    try {
      const file = openSync(LOCK, "wx");
      writeFileSync(file, String(process.pid));
      closeSync(file);
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = lockHolder();
    if (holder === "gone") rmSync(LOCK, { force: true });
    else if (Date.now() > giveUpAt) throw new LaunchError(`process ${holder} has been installing for too long; end it, or remove ${LOCK}`);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS);
  }
}

/** The pid that holds the lock, or "gone". A lock without a pid is taken as held while it is younger than a poll. */
function lockHolder() {
  try {
    const text = readFileSync(LOCK, "utf8");
    if (text === "") return Date.now() - statSync(LOCK).mtimeMs < 10 * LOCK_POLL_MS ? "unknown" : "gone";
    return isAlive(Number(text)) ? Number(text) : "gone";
  } catch {
    return "gone";
  }
}

/** Installs and returns the path of the Node to hand over to. Says one line on stderr; all of pnpm's words on failure. */
function install(wanted) {
  const pnpm = pnpmVersion();
  const startedAt = Date.now();
  // An install that is cut short leaves neither the old state nor the new one: no stamp may vouch for it.
  rmSync(STAMP, { force: true });
  say(`varve: installing dependencies with ${pnpm} …`);
  const run = spawnSync("npx", ["-y", pnpm, ...INSTALL], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    timeout: INSTALL_MS_MAX,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (run.status !== 0) {
    say(" failed\n");
    say(`${run.stdout ?? ""}${run.stderr ?? ""}`);
    const how = run.error?.message ?? (run.signal === null ? `exit code ${run.status}` : `ended by ${run.signal}`);
    throw new LaunchError(`\`npx -y ${pnpm} ${INSTALL.join(" ")}\` in ${ROOT}: ${how}`);
  }
  let node;
  try {
    node = realpathSync(join(MODULES, ".bin", "node"));
  } catch (error) {
    say(" failed\n");
    throw new LaunchError(`the install brought no Node: ${error.message}`);
  }
  if (existsSync(join(ROOT, WARM_UP))) warmUp(node);
  writeFileSync(STAMP, `${JSON.stringify({ fingerprint: wanted, node })}\n`);
  say(` done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
  return node;
}

/**
 * Makes bundle and compiled code. Nothing depends on them but the time of a start, so a failure is only told, and noted: however it came
 * about, nobody tries again before a source has changed.
 */
function warmUp(node) {
  const sources = sourcesFingerprint(ROOT);
  const run = spawnSync(node, [join(ROOT, WARM_UP)], {
    cwd: ROOT,
    env: { ...environmentOf(ROOT), ...process.env },
    encoding: "utf8",
    timeout: WARM_UP_MS_MAX,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (run.status === 0) return;
  say(` (${WARM_UP} failed, starts will be slower: ${failureIn(run)})`);
  try {
    stampBundle(ROOT, sources);
  } catch (error) {
    say(` (the next start tries again, for this cannot be noted: ${error.message})`);
  }
}

/** What ended a program from outside, as its time limit; else the line of its stack that says what it was. */
function failureIn({ stderr, error, signal, status }) {
  if (error !== undefined) return error.message;
  if (signal !== null) return `ended by ${signal}`;
  return /^\w*Error.*$/m.exec(stderr)?.[0] ?? (stderr.trim().split("\n").at(-1) || `exit code ${status}`);
}

/** What a command is run with. The bundle is made anew first when it is one of other sources. */
function programFor(node, command) {
  const isBundled = Object.hasOwn(bundledSources, command) && existsSync(join(ROOT, WARM_UP));
  if (!isBundled) return { args: [join(ROOT, ENTRIES[command])], environment: environmentOf(ROOT) };
  const program = programOf(ROOT, command);
  if (program.isFresh) return program;
  try {
    return underLock(() => {
      const made = programOf(ROOT, command);
      if (made.isFresh) return made;
      say("varve: the sources have changed; bundling …");
      const startedAt = Date.now();
      warmUp(node);
      say(` done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
      return programOf(ROOT, command);
    });
  } catch (error) {
    if (!(error instanceof ReadOnlyError)) throw error;
    say(`varve: the sources have changed and are run without a bundle, for this start ${error.message}\n`);
    return program;
  }
}

/** Where the command's relative paths start: npm moves to the root, but the person stood where INIT_CWD says. */
function workingDirectory(command) {
  if (command !== "varve") return ROOT;
  const isRunByNpm = process.env.npm_lifecycle_event === command && process.env.INIT_CWD !== undefined;
  return isRunByNpm ? process.env.INIT_CWD : process.cwd();
}

/** Becomes the command as far as the outside can tell. Never returns. */
function handOver(node, command, args) {
  const program = programFor(node, command);
  const child = spawn(node, [...program.args, ...args], {
    cwd: workingDirectory(command),
    env: { ...program.environment, ...process.env },
    stdio: "inherit",
    // Its own process group: a signal to the group of this launcher reaches the child through us, hence once.
    detached: true,
  });
  const passedAtMs = new Map();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) {
    process.on(signal, () => {
      const nowMs = performance.now();
      if (nowMs - (passedAtMs.get(signal) ?? -Infinity) < REPEATED_SIGNAL_MS) return;
      passedAtMs.set(signal, nowMs);
      child.kill(signal);
    });
  }
  child.on("error", (error) => giveUp(new LaunchError(`cannot run ${node}: ${error.message}`)));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function main(command, args) {
  if (command === undefined || !Object.hasOwn(ENTRIES, command)) {
    say(`usage: node deploy/launch.mjs ${Object.keys(ENTRIES).join("|")} [arguments]\n`);
    process.exit(2);
  }
  if (Number.parseInt(process.versions.node, 10) < 20) throw new LaunchError(`Node ${process.versions.node} is too old; take 20 or newer`);
  const wanted = fingerprint();
  const node = installedNode(wanted) ?? underLock(() => installedNode(wanted) ?? install(wanted));
  if (!existsSync(join(ROOT, ENTRIES[command]))) throw new LaunchError(`${ENTRIES[command]} is not in this clone`);
  handOver(node, command, args);
}

function giveUp(error) {
  if (!(error instanceof LaunchError)) throw error;
  say(`varve: ${error.message}\n`);
  process.exit(1);
}

try {
  const [command, ...args] = process.argv.slice(2);
  main(command, args);
} catch (error) {
  giveUp(error);
}
