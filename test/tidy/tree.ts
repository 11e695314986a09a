// The repository as the rules see it: paths and texts. A rule reads only this, so it can be shown to fail on a planted tree.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export interface Tree {
  /** Every file, as a path from the top with `/` between its parts, sorted. */
  readonly paths: readonly string[];
  /** The text of a file. @throws when the tree has no such file. */
  read(path: string): string;
  has(path: string): boolean;
}

/** A rule of the house: one line per violation, which names the file and says what to write instead. */
export type Rule = (tree: Tree) => readonly string[];

/** What installing, running and testing leave behind; .gitignore says the same to git. */
const leftBehind = new Set([".git", "node_modules", ".cache", ".data"]);

const top: string = fileURLToPath(new URL("../..", import.meta.url));

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (leftBehind.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [relative(top, path).split(sep).join("/")];
  });
}

function isLeftBehind(path: string): boolean {
  return path.startsWith("bench/results/local/") || (path.endsWith(".log") && !path.includes("/fixtures/"));
}

/** The files of this clone. Texts are read when a rule asks for them, once. */
export function repository(): Tree {
  const paths = filesBelow(top)
    .filter((path) => !isLeftBehind(path))
    .sort();
  const texts = new Map<string, string>();
  return {
    paths,
    has: (path) => paths.includes(path),
    read(path) {
      const text = texts.get(path) ?? readFileSync(join(top, path), "utf8");
      texts.set(path, text);
      return text;
    },
  };
}

/** A tree that exists only in memory. */
export function planted(files: Readonly<Record<string, string>>): Tree {
  const texts = new Map(Object.entries(files));
  return {
    paths: [...texts.keys()].sort(),
    has: (path) => texts.has(path),
    read(path) {
      const text = texts.get(path);
      if (text === undefined) throw new Error(`the planted tree has no ${path}`);
      return text;
    },
  };
}

export function isFixture(path: string): boolean {
  return path.includes("/fixtures/");
}

export function isSource(path: string): boolean {
  return /\.(ts|mjs)$/.test(path) && !isFixture(path);
}

/** The source files, fixtures aside. */
export function sources(tree: Tree): readonly string[] {
  return tree.paths.filter(isSource);
}

/** The package folder that a path lies in (`packages/log`, `test`, `bench`), or undefined. */
export function packageOf(path: string): string | undefined {
  return /^(packages\/[^/]+|test|bench)\//.exec(path)?.[1];
}

export type Part = "src" | "test" | "other";

/** Whether a path is production code of its package, its tests, or neither. */
export function partOf(path: string): Part {
  if (/^packages\/[^/]+\/src\//.test(path)) return "src";
  return /^packages\/[^/]+\/test\//.test(path) || path.startsWith("test/") || path.startsWith("bench/") ? "test" : "other";
}
