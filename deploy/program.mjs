// What the commands `varve` and `start` run: the bundle that the install has made of them, while it is one of the sources as they are now,
// else the sources. Making it is bundle.ts; the launcher, on any Node ≥ 20, and the bench ask here, so that both run the same thing.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What is bundled: the command's name → its source. */
export const bundledSources = { start: "deploy/start.ts", varve: "packages/cli/src/main.ts" };

/** fdatasync, reads of cold segments, zlib and DNS share this pool; libuv's four let one slow disk starve the rest. */
const threadpoolThreads = 8;
/** glibc would give each thread of the pool an arena of its own, and keep in each what was freed there. */
const mallocArenas = 2;

/** Where the bundles lie, each in a folder of its own; it says which one is of which sources. */
export function bundlesFolder(root) {
  return join(root, "node_modules", ".cache", "varve-bundle");
}

export function bundleStamp(root) {
  return join(bundlesFolder(root), "stamp.json");
}

/**
 * One hash over the name, size and time of every file that the bundle is made of, in a few milliseconds. The lockfile stands for the
 * libraries.
 */
export function sourcesFingerprint(root) {
  const hash = createHash("sha256").update(root);
  for (const path of bundledFiles(root)) {
    // Editors keep links there that lead nowhere, and files that are gone a moment later: neither goes into a bundle.
    const found = statSync(join(root, path), { throwIfNoEntry: false });
    if (found !== undefined) hash.update(`\0${path} ${found.size} ${found.mtimeMs}`);
  }
  return hash.digest("hex").slice(0, 32);
}

function bundledFiles(root) {
  const files = existsSync(join(root, "pnpm-lock.yaml")) ? ["pnpm-lock.yaml"] : [];
  for (const folder of ["deploy", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/src`)]) {
    if (!existsSync(join(root, folder))) continue;
    for (const path of readdirSync(join(root, folder), { recursive: true })) {
      if (/\.(ts|mjs)$/.test(path)) files.push(`${folder}/${path}`);
    }
  }
  return files.sort();
}

/** Says which bundle is of which sources; without a folder, that these sources are run as they are until something in them changes. */
export function stampBundle(root, fingerprint, folder) {
  const path = bundleStamp(root);
  mkdirSync(bundlesFolder(root), { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify({ fingerprint, folder }));
  renameSync(`${path}.new`, path);
}

/**
 * @param command `start` or `varve`.
 * @returns `fresh` false: the sources have changed since the last bundle was made, or none was. `args` for Node, `environment` beside its own.
 */
export function programOf(root, command) {
  const stamp = readStamp(root);
  const isFresh = stamp?.fingerprint === sourcesFingerprint(root);
  // Sources of which no bundle could be made have a stamp too, without a folder: nobody tries again before something has changed.
  if (!isFresh || stamp.folder === undefined)
    return { isFresh, args: [join(root, bundledSources[command])], environment: environmentOf(root) };
  const folder = join(bundlesFolder(root), stamp.folder);
  return { isFresh, args: [join(folder, `${command}.cjs`)], environment: { ...environmentOf(root), ...compileCacheIn(folder) } };
}

/** With what all commands run. */
export function environmentOf(root) {
  return {
    UV_THREADPOOL_SIZE: String(threadpoolThreads),
    MALLOC_ARENA_MAX: String(mallocArenas),
    NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "varve-compile"),
  };
}

/** Beside a bundle lies its compiled code, and goes with it. */
export function compileCacheIn(bundleFolder) {
  return { NODE_COMPILE_CACHE: join(bundleFolder, "compiled") };
}

function readStamp(root) {
  try {
    return JSON.parse(readFileSync(bundleStamp(root), "utf8"));
  } catch {
    return undefined;
  }
}
