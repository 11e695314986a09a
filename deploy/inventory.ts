// The input of the demonstration: every file of the npm packages that are installed here, as path, size and SHA-256, keyed by package.
// It streams: one folder's names and a few files are in memory at a time.

import { createHash, hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

export interface InventoryEntry {
  /** `name@version` of the package. */
  readonly key: string;
  /** JSON with path, size and sha256. */
  readonly value: string;
  /** Of the file. */
  readonly bytes: number;
}

/** Larger files are hashed piece by piece. */
const wholeFileBytesMax = 1_048_576;
/** Files that are read ahead; what comes out keeps its order. */
const filesAhead = 16;

interface Found {
  readonly key: string;
  readonly path: string;
}

/** @param modules the `node_modules` folder of a pnpm install. Packages and files come in the order of their names. */
export async function* inventory(modules: string): AsyncGenerator<InventoryEntry> {
  const ahead: Promise<InventoryEntry>[] = [];
  try {
    for await (const found of packageFiles(join(modules, ".pnpm"))) {
      ahead.push(entryOf(modules, found));
      if (ahead.length === filesAhead) yield await ahead.shift()!;
    }
    while (ahead.length > 0) yield await ahead.shift()!;
  } finally {
    await Promise.allSettled(ahead);
  }
}

async function* packageFiles(store: string): AsyncGenerator<Found> {
  for (const name of (await readdir(store)).sort()) {
    // Beside the packages lies a folder of links to them.
    if (!/.@/.test(name)) continue;
    // `@grpc+grpc-js@1.14.7(peer@1.0.0)` or with `_` before the peers.
    const key = name.replace(/[(_].*$/, "").replace("+", "/");
    for await (const path of filesBelow(join(store, name))) yield { key, path };
  }
}

/** Links lead to other packages, whose files are theirs. */
async function* filesBelow(folder: string): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

async function entryOf(modules: string, { key, path }: Found): Promise<InventoryEntry> {
  const { size } = await stat(path);
  const sha256 = size > wholeFileBytesMax ? await hashInPieces(path) : hash("sha256", await readFile(path), "hex");
  return { key, value: JSON.stringify({ path: path.slice(modules.length + 1), size, sha256 }), bytes: size };
}

async function hashInPieces(path: string): Promise<string> {
  const sum = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: wholeFileBytesMax })) sum.update(piece as Buffer);
  return sum.digest("hex");
}
